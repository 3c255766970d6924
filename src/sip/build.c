#include "sip/build.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "sip/line.h"
#include "sip/param.h"

struct build_edit {
    struct build_edit *next;
    struct str old, with;
    const struct msg_line *unfolded; /* old is the line's folded value: with is its value… */
    struct build_edit *inner;        /* …after these edits */
};

/* ---------------------------------------------------------------- edits */

void build_init(struct build *b, struct arena *a, const struct msg *m)
{
    *b = (struct build){.arena = a, .msg = m};
}

static bool is_inside(struct str part, struct str whole)
{
    return part.p >= whole.p && str_end(part) <= str_end(whole);
}

/* An insertion comes before what is replaced at its place. */
static bool is_before(const struct build_edit *e, struct str old)
{
    return e->old.p < old.p || (e->old.p == old.p && e->old.n == 0);
}

/* Links a new edit in behind `after` (NULL: at the head); from there on the place is looked for. */
static struct build_edit *add_edit(struct build *b, struct build_edit **head,
                                   struct build_edit *after, struct str old, struct str with)
{
    struct build_edit *e = arena_calloc(b->arena, 1, sizeof *e);
    if (!e) {
        b->has_failed = true;
        return NULL;
    }
    struct build_edit **link = after ? &after->next : head;
    for (; *link && is_before(*link, old); link = &(*link)->next)
        after = *link;
    BUG_ON(after && str_end(after->old) > old.p);
    BUG_ON(*link && str_end(old) > (*link)->old.p);
    *e = (struct build_edit){.next = *link, .old = old, .with = with};
    *link = e;
    return e;
}

static struct build_edit *edit_bytes(struct build *b, struct str old, struct str with)
{
    struct build_edit *after = b->last && is_before(b->last, old) ? b->last : NULL;
    struct build_edit *e = add_edit(b, &b->edits, after, old, with);
    if (e && !e->next)
        b->last = e;
    return e;
}

static const struct msg_line *find_unfolded(const struct msg *m, struct str part)
{
    for (size_t i = 0; i < m->n_lines; i++)
        if (is_inside(part, m->lines[i].value))
            return &m->lines[i];
    return NULL;
}

/* The folded value as it stands in the bytes. */
static struct str folded_value(const struct msg_line *l)
{
    struct str rest = l->raw;
    struct msg_line line;
    BUG_ON(!line_next(&rest, &line));
    return line.value;
}

/* The edit that takes the place of a folded value, made when it is needed first. */
static struct build_edit *unfolding(struct build *b, const struct msg_line *l)
{
    for (struct build_edit *e = b->edits; e; e = e->next)
        if (e->unfolded == l)
            return e;
    struct build_edit *e = edit_bytes(b, folded_value(l), l->value);
    if (e)
        e->unfolded = l;
    return e;
}

void build_replace(struct build *b, struct str old, struct str with)
{
    if (is_inside(old, b->msg->bytes)) {
        edit_bytes(b, old, with);
        return;
    }
    const struct msg_line *l = find_unfolded(b->msg, old);
    BUG_ON(!l);
    struct build_edit *outer = unfolding(b, l);
    if (outer)
        add_edit(b, &outer->inner, NULL, old, with);
}

void build_replace_via(struct build *b, struct str with)
{
    build_replace(b, b->msg->via.text, with);
}

static void add_field(struct buf *out, struct str name, struct str value)
{
    buf_add(out, name);
    buf_add(out, STR(": "));
    buf_add(out, value);
    buf_add(out, STR("\r\n"));
}

static void insert_field(struct build *b, const char *at, struct str name, struct str value)
{
    struct buf text = buf_in(b->arena, name.n + value.n + 4);
    add_field(&text, name, value);
    b->has_failed = b->has_failed || text.has_overflown;
    edit_bytes(b, (struct str){at, 0}, buf_str(&text));
}

void build_add_first(struct build *b, enum hdr_id id, struct str value)
{
    const struct msg_line *l = msg_first(b->msg, id);
    insert_field(b, l ? l->raw.p : b->msg->end_of_headers, hdr_name(id), value);
}

void build_add_last(struct build *b, struct str name, struct str value)
{
    insert_field(b, b->msg->end_of_headers, name, value);
}

void build_remove(struct build *b, const struct msg_line *line)
{
    edit_bytes(b, line->raw, STR(""));
}

void build_remove_all(struct build *b, enum hdr_id id)
{
    for (const struct msg_line *l = msg_first(b->msg, id); l; l = msg_next(b->msg, l))
        build_remove(b, l);
}

void build_remove_top(struct build *b, enum hdr_id id)
{
    const struct msg_line *l = msg_first(b->msg, id);
    if (!l)
        return;
    struct str top, second, rest = l->value;
    if (param_split(&rest, &top) && param_split(&rest, &second))
        build_replace(b, str_span(top.p, second.p), STR(""));
    else
        edit_bytes(b, l->raw, STR(""));
}

/* The text after its edits, in one allocation of its size. */
static int render(struct arena *a, struct str text, const struct build_edit *edits, struct str *out)
{
    size_t n = text.n;
    for (const struct build_edit *e = edits; e; e = e->next)
        n = n - e->old.n + e->with.n;
    struct buf result = buf_in(a, n);
    const char *at = text.p;
    for (const struct build_edit *e = edits; e; e = e->next) {
        buf_add(&result, str_span(at, e->old.p));
        buf_add(&result, e->with);
        at = str_end(e->old);
    }
    buf_add(&result, str_span(at, str_end(text)));
    *out = buf_str(&result);
    return result.has_overflown ? ERR_NOMEM : 0;
}

int build_finish(struct build *b, struct str *out)
{
    int err = b->has_failed ? ERR_NOMEM : 0;
    for (struct build_edit *e = b->edits; e && !err; e = e->next)
        if (e->unfolded)
            err = render(b->arena, e->unfolded->value, e->inner, &e->with);
    return err ? err : render(b->arena, b->msg->bytes, b->edits, out);
}

/* ---------------------------------------------------------------- responses */

/* Most that a response adds to what it copies and what it is given: the status line's numbers, the
 * top Via's received and rport, ";tag=", Content-Length. */
enum { RESPONSE_EXTRA = 512 };

static struct buf begin(struct arena *a, size_t copied_len, const struct build_reply *r)
{
    struct str reason = str_is_none(r->reason) ? hdr_reason(r->status) : r->reason;
    struct buf out =
        buf_in(a, copied_len + reason.n + r->to_tag.n + r->headers.n + r->body.n + RESPONSE_EXTRA);
    buf_add(&out, STR("SIP/2.0 "));
    buf_add_u64(&out, r->status);
    buf_add_char(&out, ' ');
    buf_add(&out, reason);
    buf_add(&out, STR("\r\n"));
    return out;
}

static int finish(struct buf *b, const struct build_reply *r, struct str *out)
{
    buf_add(b, r->headers);
    buf_add(b, STR("Content-Length: "));
    buf_add_u64(b, r->body.n);
    buf_add(b, STR("\r\n\r\n"));
    buf_add(b, r->body);
    *out = buf_str(b);
    return b->has_overflown ? ERR_NOMEM : 0;
}

/* The text around one Via element, which gets what the source shows (RFC 3261 18.2.1). */
static void add_around_via(struct buf *out, struct str text, const struct via *v,
                           const struct addr *source)
{
    buf_add(out, str_span(text.p, v->text.p));
    via_print_received(v, source, out);
    buf_add(out, str_span(str_end(v->text), str_end(text)));
}

static void add_vias(struct buf *out, const struct msg *m, const struct addr *source)
{
    const struct msg_line *l = msg_first(m, HDR_VIA);
    if (is_inside(m->via.text, l->raw)) {
        add_around_via(out, l->raw, &m->via, source);
    } else { /* folded */
        buf_add(out, l->name);
        buf_add(out, STR(": "));
        add_around_via(out, l->value, &m->via, source);
        buf_add(out, STR("\r\n"));
    }
    while ((l = msg_next(m, l)))
        buf_add(out, l->raw);
}

/* True when the To of the answer gets a tag of ours (RFC 3261 8.2.6.2). */
static bool has_new_tag(const struct build_reply *r, struct str request_tag)
{
    return str_is_none(request_tag) && r->to_tag.n && r->status != 100;
}

static void add_to(struct buf *out, const struct msg *m, const struct build_reply *r)
{
    struct str raw = msg_first(m, HDR_TO)->raw;
    if (!has_new_tag(r, m->to_tag)) {
        buf_add(out, raw);
        return;
    }
    buf_add(out, str_trim(raw));
    buf_add(out, STR(";tag="));
    buf_add(out, r->to_tag);
    buf_add(out, STR("\r\n"));
}

int build_response(struct arena *a, const struct msg *request, const struct addr *source,
                   const struct build_reply *reply, struct str *out)
{
    BUG_ON(!request->is_request);
    size_t head_len = (size_t)(request->end_of_headers - request->bytes.p);
    struct buf b = begin(a, head_len, reply);
    add_vias(&b, request, source);
    buf_add(&b, msg_first(request, HDR_FROM)->raw);
    add_to(&b, request, reply);
    buf_add(&b, msg_first(request, HDR_CALL_ID)->raw);
    buf_add(&b, msg_first(request, HDR_CSEQ)->raw);
    const struct msg_line *timestamp = msg_first(request, HDR_TIMESTAMP);
    if (reply->status == 100 && timestamp)
        buf_add(&b, timestamp->raw);
    return finish(&b, reply, out);
}

/* ---------------------------------------------------------------- refusals */

/* More hops, and a longer top Via field, no request has that is answered in earnest. What is over
 * costs us nothing: further lines are left out, a longer field goes back unread. */
enum { REFUSED_VIAS_MAX = 256, REFUSED_VIA_LEN_MAX = 4096 };

/* A copy fit for a header line whatever was in it. */
static struct str flatten(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n);
    if (!p)
        return STR_NONE;
    for (size_t i = 0; i < s.n; i++)
        p[i] = (unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f ? ' ' : s.p[i];
    return (struct str){p, s.n};
}

static void add_flat(struct arena *a, struct buf *out, enum hdr_id id, struct str value)
{
    if (str_is_none(value))
        return;
    struct str flat = flatten(a, value);
    out->has_overflown = out->has_overflown || str_is_none(flat);
    add_field(out, hdr_name(id), flat);
}

static void add_flat_top_via(struct arena *a, struct buf *out, const struct peek *p,
                             const struct addr *source)
{
    struct str flat = flatten(a, p->via), rest = flat;
    struct via v;
    out->has_overflown = out->has_overflown || str_is_none(flat);
    buf_add(out, STR("Via: "));
    if (flat.n && flat.n <= REFUSED_VIA_LEN_MAX && via_next(&rest, &v) == 1)
        add_around_via(out, flat, &v, source);
    else
        buf_add(out, flat);
    buf_add(out, STR("\r\n"));
}

/* The Via lines behind the first. */
static void add_flat_vias(struct arena *a, struct buf *out, const struct peek *p)
{
    struct str rest = p->heads;
    struct msg_line l;
    for (int n = 0; n < REFUSED_VIAS_MAX && line_next(&rest, &l);) {
        if (l.id != HDR_VIA)
            continue;
        if (n++ > 0)
            add_flat(a, out, HDR_VIA, l.value);
    }
}

static void add_flat_to(struct arena *a, struct buf *out, const struct peek *p,
                        const struct build_reply *r)
{
    struct nameaddr to;
    add_flat(a, out, HDR_TO, p->to);
    if (str_is_none(p->to) || out->has_overflown || nameaddr_parse(p->to, &to) != 0 ||
        !has_new_tag(r, to.tag))
        return;
    out->len -= 2; /* the line end */
    buf_add(out, STR(";tag="));
    buf_add(out, r->to_tag);
    buf_add(out, STR("\r\n"));
}

int build_refusal(struct arena *a, const struct peek *request, const struct addr *source,
                  const struct build_reply *reply, struct str *out)
{
    if (!request->is_request || request->method == METHOD_ACK || str_is_none(request->via))
        return ERR_ABSENT;
    size_t copied_len = request->bytes.n + REFUSED_VIAS_MAX * (sizeof "Via: \r\n" - 1);
    struct buf b = begin(a, copied_len, reply);
    add_flat_top_via(a, &b, request, source);
    add_flat_vias(a, &b, request);
    add_flat(a, &b, HDR_FROM, request->from);
    add_flat_to(a, &b, request, reply);
    add_flat(a, &b, HDR_CALL_ID, request->call_id);
    add_flat(a, &b, HDR_CSEQ, request->cseq);
    return finish(&b, reply, out);
}
