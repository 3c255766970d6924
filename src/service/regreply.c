#include "service/regreply.h"

#include <time.h>

#include "base/stats.h"
#include "base/sys.h"
#include "core/expiry.h"
#include "service/gruu.h"
#include "service/outage.h"
#include "service/upreq.h"
#include "service/outbound.h"
#include "service/regview.h"
#include "sip/param.h"

enum { LINE_MAX = 160, RETRY_AFTER_MIN_S = 5, RETRY_AFTER_SPREAD_S = 30 };

/* Of the 65507 bytes of a datagram, those that are not for what the answer is made from. */
enum { ANSWER_MAX = 65507 - 4 * LINE_MAX };

/* The binding that a contact of the REGISTER stands for by now; NULL: it asks for none. */
static const struct binding *asked(const struct regreply_input *in,
                                   const struct register_contact *c)
{
    return c->expires_s ? binding_find(in->record, c->uri, c->instance, c->reg_id) : NULL;
}

static bool is_asked(const struct regreply_input *in, const struct binding *b)
{
    for (size_t k = 0; k < in->view->n_contacts; k++)
        if (asked(in, &in->view->contacts[k]) == b)
            return true;
    return false;
}

/* In grace a binding rings, but is not listed (D64): only in the answer to the REGISTER that it is
 * of, which may be the late repeat of one, it has its second left (D37, D44). */
static uint64_t find_left_s(const struct regreply_input *in, size_t i)
{
    const struct binding *b = &in->record->bindings[i];
    const struct absorb_input policy = {
        .conf = &in->domain->absorb,
        .view = in->view,
        .is_upstream_busy = true, /* what is left of an outage, others may have yet */
        .is_outage = outage_serves(in->domain->upstream),
        .now_s = in->now_s};
    uint64_t until = b->expires_at_s;
    if (in->leases && in->leases[i].is_held)
        until = in->leases[i].expires_at_s;
    uint64_t left = until > in->now_s ? until - in->now_s : is_asked(in, b);
    if (in->most_s && left > in->most_s)
        left = in->most_s;
    return expiry_told_s(&policy, binding_upreg(in->record, b->upreg_id), left);
}

/* The same, found once for an answer. */
static uint64_t left_s(const struct regreply_input *in, size_t i)
{
    return in->left_s ? in->left_s[i] : find_left_s(in, i);
}

static void find_all_left(struct regreply_input *in, uint64_t left_s[RECORD_BINDINGS_MAX])
{
    for (size_t i = 0; i < in->record->n_bindings; i++)
        left_s[i] = find_left_s(in, i);
    in->left_s = left_s;
}

uint32_t regreply_most_s(const struct context *c, const struct conf_domain *d)
{
    return c->is_departing ? d->absorb.min_expires_s : 0;
}

static bool is_own(const struct regreply_input *in, const struct binding *b)
{
    return str_eq(b->call_id, in->view->call_id);
}

static bool is_listed(const struct regreply_input *in, size_t i)
{
    const struct binding *b = &in->record->bindings[i];
    return left_s(in, i) > 0 && (!in->domain->is_own_contact_only || is_own(in, b)) &&
           (!in->is_own_way_only || binding_is_same_way(&b->way, &in->view->way));
}

bool regreply_is_complete(const struct regreply_input *in)
{
    for (size_t k = 0; k < in->view->n_contacts; k++) {
        const struct register_contact *c = &in->view->contacts[k];
        const struct binding *b = asked(in, c);
        if (c->expires_s && (!b || !is_listed(in, (size_t)(b - in->record->bindings))))
            return false;
    }
    return true;
}

static struct gruu_contact names_of(const struct regreply_input *in, const struct binding *b)
{
    return (struct gruu_contact){
        .domain = in->domain, .view = in->view, .record = in->record, .binding = b};
}

static size_t contact_size(const struct regreply_input *in, size_t i)
{
    const struct binding *b = &in->record->bindings[i];
    const struct gruu_contact names = names_of(in, b);
    return b->contact.n + b->params.n + LINE_MAX + gruu_size(&names);
}

static size_t contacts_size(const struct regreply_input *in, uint64_t set)
{
    size_t n = 64;
    for (size_t i = 0; i < in->record->n_bindings; i++)
        n += set >> i & 1 ? contact_size(in, i) : 0;
    return n;
}

/* D83: what no datagram holds would never arrive. What the REGISTER asks for is listed (D44), and
 * of the others as many as there is room for. */
static uint64_t cut(const struct regreply_input *in, uint64_t set, size_t room)
{
    uint64_t kept = 0;
    for (size_t i = 0; i < in->record->n_bindings; i++)
        if (is_asked(in, &in->record->bindings[i]))
            kept |= set & (uint64_t)1 << i;
    for (size_t i = 0; i < in->record->n_bindings; i++)
        if (contacts_size(in, kept) + contact_size(in, i) <= room)
            kept |= set & (uint64_t)1 << i;
    if (kept != set)
        stats_inc(STAT_LIST_CUT);
    return kept;
}

/* The bindings to list; routes: bytes of other lines that are not in the base. */
static uint64_t listed(const struct regreply_input *in, size_t routes)
{
    uint64_t set = 0;
    size_t used = in->base_len + routes;
    for (size_t i = 0; i < in->record->n_bindings; i++)
        if (is_listed(in, i))
            set |= (uint64_t)1 << i;
    return used + contacts_size(in, set) <= ANSWER_MAX
               ? set
               : cut(in, set, used < ANSWER_MAX ? ANSWER_MAX - used : 0);
}

static void add_q(struct buf *out, int q)
{
    if (q < 0)
        return;
    buf_add(out, STR(";q="));
    buf_add_u64(out, (uint64_t)q / 1000);
    buf_add_char(out, '.');
    buf_add_digits(out, (uint32_t)q % 1000, 3);
}

static void add_contact(struct context *c, struct buf *out, const struct regreply_input *in,
                        size_t i)
{
    const struct binding *b = &in->record->bindings[i];
    const struct gruu_contact names = names_of(in, b);
    buf_add_char(out, '<');
    buf_add(out, b->contact);
    buf_add_char(out, '>');
    if (!str_is_none(b->params))
        buf_add(out, b->params);
    gruu_print(c, &names, out);
    add_q(out, b->q);
    buf_add(out, STR(";expires="));
    buf_add_u64(out, left_s(in, i));
}

static void add_line(struct buf *out, struct str name, struct str value)
{
    if (str_is_none(value))
        return;
    buf_add(out, name);
    buf_add(out, STR(": "));
    buf_add(out, value);
    buf_add(out, STR("\r\n"));
}

/* The requester's own expiry, for phones that read only this (D39). */
static void add_expires(struct buf *out, const struct regreply_input *in)
{
    for (size_t i = 0; i < in->record->n_bindings && in->domain->has_expires_header; i++) {
        if (is_own(in, &in->record->bindings[i]) && left_s(in, i)) {
            buf_add(out, STR("Expires: "));
            buf_add_u64(out, left_s(in, i));
            buf_add(out, STR("\r\n"));
            return;
        }
    }
}

static void add_contacts(struct context *c, struct buf *out, const struct regreply_input *in,
                         uint64_t set)
{
    for (size_t i = 0; i < in->record->n_bindings; i++) {
        if (!(set >> i & 1))
            continue;
        buf_add(out, STR("Contact: "));
        add_contact(c, out, in, i);
        buf_add(out, STR("\r\n"));
    }
}

/* Lines that are the same for a whole second. */
struct date {
    uint64_t at_s;
    size_t len;
    char text[40];
};

static _Thread_local struct date date;

static void add_part(struct buf *out, int part, char behind)
{
    buf_add_digits(out, (uint32_t)part, 2);
    buf_add_char(out, behind);
}

static void print_date(time_t now, struct buf *out)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;
    gmtime_r(&now, &tm);
    buf_add(out, STR("Date: "));
    buf_add(out, (struct str){days + (ptrdiff_t)3 * tm.tm_wday, 3});
    buf_add(out, STR(", "));
    add_part(out, tm.tm_mday, ' ');
    buf_add(out, (struct str){months + (ptrdiff_t)3 * tm.tm_mon, 3});
    buf_add_char(out, ' ');
    buf_add_u64(out, (uint64_t)tm.tm_year + 1900);
    buf_add_char(out, ' ');
    add_part(out, tm.tm_hour, ':');
    add_part(out, tm.tm_min, ':');
    add_part(out, tm.tm_sec, ' ');
    buf_add(out, STR("GMT\r\n"));
}

struct str regreply_date(void)
{
    const uint64_t now_s = sys_wall_ms() / 1000;
    if (!date.len || date.at_s != now_s) {
        struct buf text = buf_over(date.text, sizeof date.text);
        print_date((time_t)now_s, &text);
        date.len = text.len;
        date.at_s = now_s;
    }
    return (struct str){date.text, date.len};
}

static const struct upreg *own_upreg(const struct regreply_input *in)
{
    for (size_t i = 0; i < in->record->n_bindings; i++)
        if (is_own(in, &in->record->bindings[i]))
            return binding_upreg(in->record, in->record->bindings[i].upreg_id);
    return in->record->n_upregs ? &in->record->upregs[0] : NULL;
}

struct str regreply_lines(struct context *c, const struct regreply_input *what)
{
    struct regreply_input with = *what, *in = &with;
    uint64_t left[RECORD_BINDINGS_MAX];
    find_all_left(in, left);
    const struct upreg *u = own_upreg(in);
    struct outbound_reply flow;
    outbound_answer(in->domain, in->view, &flow);
    size_t routes = u ? u->service_route.n + u->associated.n : 0;
    uint64_t set = listed(in, routes);
    struct buf out = buf_in(&c->scratch, contacts_size(in, set) + routes + in->view->path.n +
                                             (size_t)5 * LINE_MAX);
    add_contacts(c, &out, in, set);
    add_expires(&out, in);
    if (in->is_path_asked)
        add_line(&out, STR("Path"), in->view->path);
    if (u) {
        add_line(&out, STR("Service-Route"), u->service_route);
        add_line(&out, STR("P-Associated-URI"), u->associated);
    }
    add_line(&out, STR("Require"), flow.require);
    add_line(&out, STR("Flow-Timer"), flow.flow_timer);
    buf_add(&out, regreply_date());
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

/* The flow is ours, and so is what is said of it (D43, RFC 5626 6). */
static void answer_flow(struct context *c, struct build *b, const struct regreply_input *in)
{
    const struct msg_line *timer = msg_find(b->msg, STR("Flow-Timer"));
    struct outbound_reply *flow = arena_alloc(&c->scratch, sizeof *flow);
    device_drop_tags(c, b, HDR_REQUIRE, DEVICE_OUTBOUND | DEVICE_GRUU);
    device_drop_tags(c, b, HDR_SUPPORTED, DEVICE_OUTBOUND | DEVICE_GRUU);
    if (timer)
        build_remove(b, timer);
    if (!flow) {
        b->has_failed = true;
        return;
    }
    outbound_answer(in->domain, in->view, flow);
    if (!str_is_none(flow->require))
        build_add_last(b, STR("Require"), flow->require);
    if (!str_is_none(flow->flow_timer))
        build_add_last(b, STR("Flow-Timer"), flow->flow_timer);
}

void regreply_edit(struct context *c, struct build *b, const struct regreply_input *in)
{
    build_remove_all(b, HDR_CONTACT);
    build_remove_all(b, HDR_EXPIRES);
    build_remove_all(b, HDR_PATH);
    answer_flow(c, b, in);
    uint64_t set = listed(in, 0);
    for (size_t i = 0; i < in->record->n_bindings; i++) {
        if (!(set >> i & 1))
            continue;
        struct buf value = buf_in(&c->scratch, contact_size(in, i));
        add_contact(c, &value, in, i);
        b->has_failed = b->has_failed || value.has_overflown;
        build_add_last(b, STR("Contact"), buf_str(&value));
    }
    if (in->is_path_asked && !str_is_none(in->view->path))
        build_add_last(b, STR("Path"), in->view->path);
    struct buf expires = buf_in(&c->scratch, 32);
    add_expires(&expires, in);
    if (expires.len > 11) /* "Expires: " and its CRLF */
        build_add_last(b, STR("Expires"), (struct str){expires.p + 9, expires.len - 11});
}

/* ---------------------------------------------------------------- refusals */

static unsigned status_of(const struct verdict *v)
{
    switch (v->reason) {
    case REASON_BAD_AOR:
    case REASON_BAD_STAR:
    case REASON_BAD_CONTACT:
    case REASON_TOO_MANY:
        return 400;
    case REASON_FOREIGN_DOMAIN:
        return 404;
    case REASON_NOT_ALLOWED:
    case REASON_CONTACT_GRUU:
        return 403;
    case REASON_BAD_EXTENSION:
    case REASON_PATH_UNKNOWN:
        return 420;
    case REASON_TOO_BRIEF:
        return 423;
    case REASON_FIRST_HOP:
        return 439;
    case REASON_LOOP:
        return 482;
    case REASON_HOPS:
        return 483;
    case REASON_FULL:
    case REASON_QUEUE_FULL:
    case REASON_HELD_TOO_LONG:
    case REASON_NO_MEMORY:
    case REASON_STORE:
    case REASON_UPSTREAM_DOWN:
        return 503;
    case REASON_UPSTREAM_TIMEOUT:
        return 504;
    default:
        return v->status ? v->status : 500;
    }
}

static void add_unknown(const struct conf_domain *d, const struct msg *m, enum hdr_id id,
                        struct buf *out)
{
    for (const struct msg_line *l = msg_first(m, id); l; l = msg_next(m, l)) {
        struct str rest = l->value, tag;
        while (param_split(&rest, &tag)) {
            if (regview_is_tag_known(d, tag))
                continue;
            buf_add(out, out->len ? STR(", ") : STR("Unsupported: "));
            buf_add(out, tag);
        }
    }
}

/* Only what we do not understand (RFC 3261 8.2.2.3). */
static struct str unsupported_line(struct context *c, const struct conf_domain *d,
                                   const struct msg *m)
{
    struct buf out = buf_in(&c->scratch, m->bytes.n + 32);
    add_unknown(d, m, HDR_REQUIRE, &out);
    add_unknown(d, m, HDR_PROXY_REQUIRE, &out);
    buf_add(&out, STR("\r\n"));
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

struct build_reply regreply_refusal(struct context *c, const struct msg *m,
                                    const struct conf_domain *domain, const struct verdict *v)
{
    struct build_reply r = {.status = status_of(v)};
    struct buf line = buf_in(&c->scratch, LINE_MAX);
    if (r.status == 423 && domain) {
        buf_addf(&line, "Min-Expires: %u\r\n", domain->absorb.min_expires_s);
    } else if (r.status == 503) {
        uint64_t spread = hash_str(&c->loop_key, m->call_id) % RETRY_AFTER_SPREAD_S;
        buf_addf(&line, "Retry-After: %u\r\n", (unsigned)(RETRY_AFTER_MIN_S + spread));
    } else if (r.status == 420) {
        r.headers = v->reason == REASON_PATH_UNKNOWN ? STR("Unsupported: path\r\n")
                                                     : unsupported_line(c, domain, m);
        return r;
    }
    r.headers = buf_str(&line);
    return r;
}
