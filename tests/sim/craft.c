#include "craft.h"

#include "base/buf.h"
#include "contacts.h"
#include "digest.h"
#include "routes.h"
#include "text.h"

enum { OWN_LINES_MAX = 4096, MESSAGE_MAX = 65535, EDITS = 16 };

/* header="X: y" adds a line, replace= puts one in the place of the line with its name, without=
 * leaves one out. */
struct edit {
    enum { EDIT_ADD, EDIT_REPLACE, EDIT_WITHOUT } what;
    struct str text;
};

struct craft {
    struct run *run;
    struct peer *from;
    const struct mail *re;     /* what the message refers to, or NULL */
    const struct mail *dialog; /* what made the dialog that the request is in, or NULL */
    struct str head, user;     /* head: method or status */
    struct str cseq, call_id, branch, from_value, from_tag, to_value, to_tag, max_forwards, ruri,
        via, via_params, sent_by, rport, contact, reason, body, type, re_name, vias_of, ruri_of,
        route, routes, rr_of, dialog_name, auth;
    struct str expires, authorization, instance, reg_id, q, path, supported, contacts, min_expires;
    struct str of_step; /* words that the statement itself reads */
    struct edit edits[EDITS];
    size_t n_edits;
    struct buf out;
};

static const struct {
    struct str key;
    size_t offset;
} attributes[] = {
    {{"cseq", 4}, offsetof(struct craft, cseq)},
    {{"call-id", 7}, offsetof(struct craft, call_id)},
    {{"branch", 6}, offsetof(struct craft, branch)},
    {{"from", 4}, offsetof(struct craft, from_value)},
    {{"from-tag", 8}, offsetof(struct craft, from_tag)},
    {{"to", 2}, offsetof(struct craft, to_value)},
    {{"to-tag", 6}, offsetof(struct craft, to_tag)},
    {{"max-forwards", 12}, offsetof(struct craft, max_forwards)},
    {{"ruri", 4}, offsetof(struct craft, ruri)},
    {{"via", 3}, offsetof(struct craft, via)},
    {{"via-params", 10}, offsetof(struct craft, via_params)},
    {{"sent-by", 7}, offsetof(struct craft, sent_by)},
    {{"rport", 5}, offsetof(struct craft, rport)},
    {{"contact", 7}, offsetof(struct craft, contact)},
    {{"reason", 6}, offsetof(struct craft, reason)},
    {{"body", 4}, offsetof(struct craft, body)},
    {{"type", 4}, offsetof(struct craft, type)},
    {{"re", 2}, offsetof(struct craft, re_name)},
    {{"vias-of", 7}, offsetof(struct craft, vias_of)},
    {{"ruri-of", 7}, offsetof(struct craft, ruri_of)},
    {{"route", 5}, offsetof(struct craft, route)},
    {{"routes", 6}, offsetof(struct craft, routes)},
    {{"record-routes-of", 16}, offsetof(struct craft, rr_of)},
    {{"dialog", 6}, offsetof(struct craft, dialog_name)},
    {{"expires", 7}, offsetof(struct craft, expires)},
    {{"auth", 4}, offsetof(struct craft, auth)},
    {{"authorization", 13}, offsetof(struct craft, authorization)},
    {{"instance", 8}, offsetof(struct craft, instance)},
    {{"regid", 5}, offsetof(struct craft, reg_id)},
    {{"q", 1}, offsetof(struct craft, q)},
    {{"path", 4}, offsetof(struct craft, path)},
    {{"supported", 9}, offsetof(struct craft, supported)},
    {{"contacts", 8}, offsetof(struct craft, contacts)},
    {{"min-expires", 11}, offsetof(struct craft, min_expires)},
    {{"as", 2}, offsetof(struct craft, of_step)},
    {{"cancel", 6}, offsetof(struct craft, of_step)},
    {{"to-us", 5}, offsetof(struct craft, of_step)},
    {{"times", 5}, offsetof(struct craft, of_step)},
    {{"via-worker", 10}, offsetof(struct craft, of_step)},
    {{"split", 5}, offsetof(struct craft, of_step)},
};

static bool is_none(struct str s)
{
    return str_eq(s, STR("none"));
}

static struct str pick(struct str own, struct str fallback)
{
    return str_is_none(own) ? fallback : own;
}

/* ---------------------------------------------------------------- reading the step */

static bool take_edit(struct craft *c, const struct word *w)
{
    static const struct {
        struct str key;
        int what;
    } kinds[] = {
        {{"header", 6}, EDIT_ADD}, {{"replace", 7}, EDIT_REPLACE}, {{"without", 7}, EDIT_WITHOUT}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!str_eq(kinds[i].key, w->key) || c->n_edits == EDITS)
            continue;
        c->edits[c->n_edits++] = (struct edit){kinds[i].what, w->value};
        return true;
    }
    return false;
}

static bool take_attribute(struct craft *c, const struct word *w)
{
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
        if (!str_eq(attributes[i].key, w->key))
            continue;
        struct str *field = (struct str *)(void *)((char *)c + attributes[i].offset);
        *field = w->value;
        return true;
    }
    return take_edit(c, w);
}

static bool read_step(struct craft *c, size_t nth)
{
    const struct step *s = c->run->step;
    c->head = script_word(s, nth);
    c->user = script_word(s, nth + 1);
    for (size_t i = 0; i < s->n_words; i++) {
        if (str_is_none(s->words[i].key) || take_attribute(c, &s->words[i]))
            continue;
        run_fail(c->run, "a message has no %.*s=", STR_FMT(s->words[i].key));
        return false;
    }
    c->body = str_is_none(s->block) ? c->body : s->block;
    c->re = c->re_name.n ? run_find_label(c->run, c->re_name) : NULL;
    c->dialog = c->dialog_name.n ? run_find_label(c->run, c->dialog_name) : NULL;
    return (c->re || !c->re_name.n) && (c->dialog || !c->dialog_name.n);
}

/* ---------------------------------------------------------------- writing lines */

/* The header that an edit speaks of. */
static bool is_about(const struct edit *e, struct str name)
{
    struct str text = e->text;
    const char *colon = str_find(text, ':');
    return str_ieq(colon ? str_span(text.p, colon) : text, name);
}

static void put_line(struct craft *c, struct str line)
{
    buf_add(&c->out, line);
    buf_add(&c->out, STR("\r\n"));
}

static void put(struct craft *c, struct str name, struct str value)
{
    for (size_t i = 0; i < c->n_edits; i++) {
        const struct edit *e = &c->edits[i];
        if (e->what == EDIT_ADD || !is_about(e, name))
            continue;
        if (e->what == EDIT_REPLACE)
            put_line(c, e->text);
        return;
    }
    if (is_none(value))
        return;
    buf_add(&c->out, name);
    buf_add(&c->out, STR(": "));
    put_line(c, value);
}

static void put_end(struct craft *c)
{
    for (size_t i = 0; i < c->n_edits; i++)
        if (c->edits[i].what == EDIT_ADD)
            put_line(c, c->edits[i].text);
    if (c->body.n)
        put(c, STR("Content-Type"), pick(c->type, STR("application/sdp")));
    put(c, STR("Content-Length"), text_format(&c->run->arena, "%zu", c->body.n));
    put_line(c, STR(""));
    buf_add(&c->out, c->body);
}

/* ---------------------------------------------------------------- requests */

static struct str new_id(struct craft *c, const char *prefix)
{
    return text_format(&c->run->arena, "%s%llu", prefix, (unsigned long long)++c->run->serial);
}

/* A CANCEL, and the ACK to anything but a 2xx, carry the branch of what they refer to. */
static struct str branch_of(struct craft *c)
{
    bool is_hop = str_eq(c->head, STR("CANCEL")) || str_eq(c->head, STR("ACK"));
    if (c->branch.p)
        return c->branch;
    if (c->re && is_hop && text_status(c->re->bytes) / 100 != 2)
        return pick(text_branch(c->re->bytes), STR("none"));
    return new_id(c, "z9hG4bKsim");
}

static void put_via(struct craft *c)
{
    struct arena *a = &c->run->arena;
    char text[ADDR_TEXT];
    struct str sent_by = pick(c->sent_by, str_dup(a, str_of(addr_text(&c->from->addr, text))));
    struct str branch = branch_of(c);
    struct str via =
        text_format(a, "SIP/2.0/%s %.*s%s%.*s%s", run_transport_of(c->from), STR_FMT(sent_by),
                    is_none(branch) ? "" : ";branch=", STR_FMT(is_none(branch) ? STR("") : branch),
                    str_eq(c->rport, STR("no")) ? "" : ";rport");
    put(c, STR("Via"), pick(c->via, via));
}

/* vias-of=: the way that a request has come already, under the peer's own Via. */
static void put_older_vias(struct craft *c)
{
    const struct mail *m = c->vias_of.n ? run_find_label(c->run, c->vias_of) : NULL;
    struct str value = m ? text_header(m->bytes, STR("Via"), 0) : STR_NONE;
    for (unsigned i = 0; value.p; value = text_header(m->bytes, STR("Via"), ++i))
        put(c, STR("Via"), value);
}

static struct str tagged(struct craft *c, struct str value, struct str tag)
{
    return tag.n ? text_format(&c->run->arena, "%.*s;tag=%.*s", STR_FMT(value), STR_FMT(tag))
                 : value;
}

static struct str header_of_re(const struct craft *c, struct str name)
{
    return c->re ? text_header(c->re->bytes, name, 0) : STR_NONE;
}

static void put_parties(struct craft *c)
{
    struct arena *a = &c->run->arena;
    struct str user = pick(c->user, STR("bob"));
    struct str caller = str_eq(c->head, STR("REGISTER")) ? user : STR("alice");
    struct str from = c->from_value, to = c->to_value;
    if (!from.p)
        from = header_of_re(c, STR("From"));
    if (!from.p)
        from = tagged(c, text_format(a, "<sip:%.*s@example.com>", STR_FMT(caller)),
                      c->from_tag.p ? c->from_tag : new_id(c, "f"));
    if (!to.p)
        to = header_of_re(c, STR("To"));
    if (!to.p)
        to = text_format(a, "<sip:%.*s@example.com>", STR_FMT(user));
    if (c->to_tag.n)
        to = tagged(c, to, c->to_tag);
    put(c, STR("From"), from);
    put(c, STR("To"), to);
}

/* ---------------------------------------------------------------- REGISTERs */

static bool is_register(const struct craft *c)
{
    return str_eq(c->head, STR("REGISTER"));
}

/* A phone keeps its Call-ID and counts on. */
static struct str register_call_id(struct craft *c)
{
    char text[ADDR_TEXT];
    return text_format(&c->run->arena, "reg-%.*s-%s", STR_FMT(c->user),
                       addr_text(&c->from->addr, text));
}

static struct str register_cseq(struct craft *c)
{
    uint32_t n;
    if (!c->cseq.p)
        return text_format(&c->run->arena, "%u", ++c->from->cseq);
    if (str_to_u32(c->cseq, INT32_MAX, &n) == 0)
        c->from->cseq = n;
    return c->cseq;
}

/* <sip:user@peer> with what the step says of it; contact= is the whole value. */
static void put_register_contact(struct craft *c)
{
    struct arena *a = &c->run->arena;
    char text[ADDR_TEXT];
    struct str value = c->contact;
    if (!value.p && c->expires.p && !is_none(c->expires))
        value = text_format(a, "<sip:%.*s@%s%s>", STR_FMT(pick(c->user, STR("bob"))),
                            addr_text(&c->from->addr, text), run_transport_parameter(c->from));
    if (!value.p)
        return;
    if (c->q.p)
        value = text_format(a, "%.*s;q=%.*s", STR_FMT(value), STR_FMT(c->q));
    if (c->instance.p)
        value =
            text_format(a, "%.*s;+sip.instance=\"<%.*s>\"", STR_FMT(value), STR_FMT(c->instance));
    if (c->reg_id.p)
        value = text_format(a, "%.*s;reg-id=%.*s", STR_FMT(value), STR_FMT(c->reg_id));
    put(c, STR("Contact"), value);
}

static struct str credentials(struct craft *c)
{
    if (!str_eq(c->authorization, STR("yes")))
        return c->authorization;
    return text_format(&c->run->arena,
                       "Digest username=\"%.*s\", realm=\"example.com\", nonce=\"n1\", "
                       "uri=\"sip:example.com\", response=\"0123456789abcdef0123456789abcdef\"",
                       STR_FMT(pick(c->user, STR("bob"))));
}

static void put_optional(struct craft *c, struct str name, struct str value)
{
    if (value.p)
        put(c, name, value);
}

static void put_registration(struct craft *c)
{
    put_register_contact(c);
    put_optional(c, STR("Expires"), c->expires);
    put_optional(c, STR("Authorization"), c->authorization.p ? credentials(c) : STR_NONE);
    put_optional(c, STR("Path"), c->path);
    put_optional(c, STR("Supported"), c->supported);
}

/* ---------------------------------------------------------------- all requests */

/* "@LABEL…" is the URI that ruri-of=LABEL… would be. */
static struct str contact_of(struct craft *c)
{
    if (!c->contact.n || *c->contact.p != '@')
        return c->contact;
    return text_format(&c->run->arena, "<%.*s>",
                       STR_FMT(run_find_uri(c->run, str_skip(c->contact, 1))));
}

static struct str uri_of(struct craft *c)
{
    struct str uri = pick(c->ruri, run_find_uri(c->run, c->ruri_of));
    if (!uri.p)
        uri = run_find_uri(c->run, c->dialog_name);
    if (uri.p)
        return contacts_number(&c->run->arena, uri, c->user);
    if (c->re && text_is_request(c->re->bytes))
        return text_uri(c->re->bytes);
    if (str_eq(c->head, STR("REGISTER")))
        return STR("sip:example.com");
    return text_format(&c->run->arena, "sip:%.*s@example.com", STR_FMT(pick(c->user, STR("bob"))));
}

/* RFC 3261 12.2.1.1: by a response the caller knows its dialog, by a request who was called. */
static void enter_dialog(struct craft *c)
{
    struct str made_by = c->dialog->bytes;
    bool is_caller = !text_is_request(made_by);
    struct str from = text_header(made_by, STR("From"), 0), to = text_header(made_by, STR("To"), 0);
    uint32_t number = 0;
    c->from_value =
        pick(c->from_value, is_caller ? from : tagged(c, to, pick(c->from_tag, STR("up1"))));
    c->to_value = pick(c->to_value, is_caller ? to : from);
    c->call_id = pick(c->call_id, text_header(made_by, STR("Call-ID"), 0));
    c->route = pick(c->route, c->dialog_name);
    (void)str_to_u32(text_cseq(made_by), INT32_MAX, &number);
    if (is_caller)
        c->cseq =
            pick(c->cseq, text_format(&c->run->arena, "%u", number + !str_eq(c->head, STR("ACK"))));
}

/* The Request-URI too, since a strict router changes both. */
static void find_way(struct craft *c, struct routes *way)
{
    bool is_wanted = c->route.n && !is_none(c->route);
    const struct mail *m = is_wanted ? run_find_label(c->run, c->route) : NULL;
    *way = (struct routes){0};
    if (m)
        routes_of(m->bytes, way);
    way->ruri = uri_of(c);
    if (c->routes.p && !routes_write(&c->run->arena, c->routes, way))
        run_fail(c->run, "routes=%.*s does not fit", STR_FMT(c->routes));
}

static void put_route(struct craft *c, const struct routes *way)
{
    for (size_t i = 0; way->is_split && i < way->n; i++)
        put(c, STR("Route"), way->elements[i]);
    if (!way->is_split)
        put_optional(c, STR("Route"), routes_join(&c->run->arena, way));
}

/* 12.1.1: of a request, in its answer; or those of a labelled message, as a proxy keeps them. */
static void put_record_routes(struct craft *c, struct str request)
{
    const struct mail *m = c->rr_of.n ? run_find_label(c->run, c->rr_of) : NULL;
    struct str from = m ? m->bytes : request;
    struct str value = text_header(from, STR("Record-Route"), 0);
    for (unsigned i = 0; value.p; value = text_header(from, STR("Record-Route"), ++i))
        put(c, STR("Record-Route"), value);
}

static void put_auth(struct craft *c, struct str uri)
{
    struct str user = is_register(c) ? pick(c->user, STR("bob")) : STR("alice");
    const struct digest_ask ask = {c->from, c->auth, c->head, uri, c->body, user};
    if (c->auth.p)
        put(c, is_register(c) ? STR("Authorization") : STR("Proxy-Authorization"),
            digest_respond(c->run, &ask));
}

static void put_request(struct craft *c)
{
    if (c->dialog)
        enter_dialog(c);
    struct arena *a = &c->run->arena;
    char text[ADDR_TEXT];
    bool is_new = is_register(c) && !c->re;
    struct str number = pick(c->cseq, c->re ? text_cseq(c->re->bytes) : STR("1"));
    struct str call_id = pick(c->call_id, header_of_re(c, STR("Call-ID")));
    if (is_new) {
        number = register_cseq(c);
        call_id = str_eq(c->call_id, STR("new")) ? STR_NONE : pick(c->call_id, register_call_id(c));
    }
    struct routes way;
    find_way(c, &way);
    put_line(c, text_format(a, "%.*s %.*s SIP/2.0", STR_FMT(c->head), STR_FMT(way.ruri)));
    put_via(c);
    put_older_vias(c);
    put(c, STR("Max-Forwards"), pick(c->max_forwards, STR("70")));
    put_route(c, &way);
    put_record_routes(c, STR_NONE);
    put_parties(c);
    put(c, STR("Call-ID"), call_id.p ? call_id : new_id(c, "call-"));
    put(c, STR("CSeq"), text_format(a, "%.*s %.*s", STR_FMT(number), STR_FMT(c->head)));
    if (is_register(c))
        put_registration(c);
    else if (str_eq(c->head, STR("INVITE")) || c->contact.p)
        put(c, STR("Contact"),
            pick(contact_of(c), text_format(a, "<sip:alice@%s>", addr_text(&c->from->addr, text))));
    put_auth(c, way.ruri);
    put_end(c);
}

/* ---------------------------------------------------------------- responses */

/* All Vias of the request; branch= gives the top one another branch, via-params= parameters in
 * place of our offer of overload control. */
static void put_vias(struct craft *c, struct str request)
{
    struct str value = text_header(request, STR("Via"), 0);
    for (unsigned i = 0; value.p; value = text_header(request, STR("Via"), ++i)) {
        struct str old = text_branch(request);
        if (i == 0 && c->branch.p && old.p)
            value =
                text_format(&c->run->arena, "%.*s%.*s%.*s", STR_FMT(str_span(value.p, old.p)),
                            STR_FMT(c->branch), STR_FMT(str_span(str_end(old), str_end(value))));
        if (i == 0 && c->via_params.p)
            value = text_format(&c->run->arena, "%.*s;%.*s", STR_FMT(text_until(value, STR(";oc"))),
                                STR_FMT(c->via_params));
        put(c, STR("Via"), i == 0 && c->via.p ? c->via : value);
    }
}

static void put_answer_of_registrar(struct craft *c, struct str request)
{
    const struct contacts_list list = {c->contacts, request, c->expires};
    if (c->contacts.p)
        contacts_build(&list, &c->out);
    else
        put_optional(c, STR("Expires"), c->expires);
    put_optional(c, STR("Min-Expires"), c->min_expires);
    if (str_eq(c->path, STR("yes")))
        put_optional(c, STR("Path"), text_header(request, STR("Path"), 0));
    else
        put_optional(c, STR("Path"), c->path);
    put_optional(c, STR("Supported"), c->supported);
}

static void put_response(struct craft *c, struct str request, unsigned status)
{
    struct arena *a = &c->run->arena;
    struct str to = text_header(request, STR("To"), 0);
    struct str reason = pick(c->reason, str_of(text_reason(status)));
    put_line(c, text_format(a, "SIP/2.0 %u %.*s", status, STR_FMT(reason)));
    put_vias(c, request);
    put(c, STR("From"), text_header(request, STR("From"), 0));
    if (status > 100 && !text_to_tag(request).p && !is_none(c->to_tag))
        to = tagged(c, to, pick(c->to_tag, STR("up1")));
    put(c, STR("To"), pick(c->to_value, to));
    put(c, STR("Call-ID"), pick(c->call_id, text_header(request, STR("Call-ID"), 0)));
    put(c, STR("CSeq"), pick(c->cseq, text_header(request, STR("CSeq"), 0)));
    if (status > 100 && status < 300)
        put_record_routes(c, request);
    if (c->contact.p)
        put(c, STR("Contact"), contact_of(c));
    put_answer_of_registrar(c, request);
    put_end(c);
}

/* To what the peer answers: re=, else the last request that a step expected there. */
static bool put_answer(struct craft *c, unsigned status)
{
    const struct mail *request = c->re ? c->re : c->from->request;
    if (!request || !text_is_request(request->bytes)) {
        run_fail(c->run, "there is no request to answer: expect one, or name one with re=");
        return false;
    }
    put_response(c, request->bytes, status);
    return true;
}

/* Nothing is written that the step or what it refers to does not hold, but for our own lines. */
static size_t room_for(const struct craft *c)
{
    size_t n = OWN_LINES_MAX + 4 * c->run->step->text.n + c->body.n;
    if (c->re)
        n += 2 * c->re->bytes.n;
    if (c->from->request)
        n += 2 * c->from->request->bytes.n;
    if (c->vias_of.n || c->dialog || c->route.n || c->rr_of.n)
        n += MESSAGE_MAX;
    return n;
}

struct str craft_message(struct run *r, struct peer *from, size_t nth)
{
    struct craft c = {.run = r, .from = from};
    uint32_t status = 0;
    if (!read_step(&c, nth))
        return STR_NONE;
    c.out = buf_in(&r->arena, room_for(&c));
    if (c.head.n == 0)
        run_fail(r, "a method, a status or a block is missing");
    else if (!ascii_is_digit(c.head.p[0]))
        put_request(&c);
    else if (str_to_u32(c.head, 999, &status) || !put_answer(&c, status))
        run_fail(r, "%.*s is no status", STR_FMT(c.head));
    if (c.out.has_overflown)
        run_fail(r, "the message is too long for the simulator");
    return r->has_failed ? STR_NONE : buf_str(&c.out);
}

/* ---------------------------------------------------------------- automatic peers */

struct str craft_response(struct arena *a, struct str request, unsigned status)
{
    struct buf out = buf_in(a, request.n + 256);
    struct str rest = request, line, value;
    (void)text_next_line(&rest, &line);
    buf_addf(&out, "SIP/2.0 %u %s\r\n", status, text_reason(status));
    while (text_next_line(&rest, &line)) {
        bool is_to = text_is_header(line, STR("To"), &value);
        bool is_route =
            status > 100 && status < 300 && text_is_header(line, STR("Record-Route"), &value);
        if (!is_to && !is_route && !text_is_header(line, STR("Via"), &value) &&
            !text_is_header(line, STR("From"), &value) &&
            !text_is_header(line, STR("Call-ID"), &value) &&
            !text_is_header(line, STR("CSeq"), &value))
            continue;
        buf_add(&out, line);
        buf_add(&out, is_to && status > 100 && !text_to_tag(request).p ? STR(";tag=auto\r\n")
                                                                       : STR("\r\n"));
    }
    buf_add(&out, STR("Content-Length: 0\r\n\r\n"));
    return buf_str(&out);
}

/* The top Via, with another branch in it. */
static void add_via(struct buf *out, const struct craft_hop *hop)
{
    struct str via = text_top_via(hop->invite), old = text_branch(hop->invite);
    if (!hop->branch.n || !old.p) {
        buf_add(out, via);
        return;
    }
    buf_add(out, str_span(via.p, old.p));
    buf_add(out, hop->branch);
    buf_add(out, str_span(str_end(old), str_end(via)));
}

struct str craft_hop(struct arena *a, const struct craft_hop *hop)
{
    struct buf out = buf_in(a, hop->invite.n + hop->to.n + hop->route.n + 512);
    buf_addf(&out, "%.*s %.*s SIP/2.0\r\nVia: ", STR_FMT(hop->method),
             STR_FMT(text_uri(hop->invite)));
    add_via(&out, hop);
    buf_addf(&out, "\r\nMax-Forwards: 70\r\nFrom: %.*s\r\nTo: %.*s\r\nCall-ID: %.*s\r\n",
             STR_FMT(text_header(hop->invite, STR("From"), 0)), STR_FMT(hop->to),
             STR_FMT(text_header(hop->invite, STR("Call-ID"), 0)));
    if (hop->route.n)
        buf_addf(&out, "Route: %.*s\r\n", STR_FMT(hop->route));
    buf_addf(&out, "CSeq: %.*s %.*s\r\nContent-Length: 0\r\n\r\n", STR_FMT(text_cseq(hop->invite)),
             STR_FMT(hop->method));
    return buf_str(&out);
}
