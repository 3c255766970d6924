#include "service/dialog.h"

#include "core/route.h"
#include "service/egress.h"
#include "service/remote.h"
#include "sip/build.h"
#include "sip/param.h"
#include "sip/uri.h"

static bool is_us(struct context *c, const struct packet *p, const struct uri *u)
{
    return !str_is_none(u->host) && egress_is_us(c->egress, u->host, u->port, &p->flow);
}

/* ---------------------------------------------------------------- the upstream beyond */

uint16_t dialog_core_mark(const struct conf_upstream *u)
{
    static const struct hash_key fixed = {1, 1}; /* equal on all nodes and after each start */
    uint64_t h = u ? hash_str(&fixed, str_of(u->name)) : 0;
    return u ? (uint16_t)(h % UINT16_MAX + 1) : 0;
}

const struct conf_upstream *dialog_core(const struct conf *conf, uint16_t mark)
{
    for (size_t i = 0; i < conf->n_upstreams; i++)
        if (dialog_core_mark(&conf->upstreams[i]) == mark)
            return &conf->upstreams[i];
    return NULL;
}

/* ---------------------------------------------------------------- our own Routes */

/* Takes one character off the front, of its escape where it is escaped. */
static char take_char(struct str *s)
{
    int high = s->n > 2 && *s->p == '%' ? ascii_hex(s->p[1]) : -1;
    int low = high < 0 ? -1 : ascii_hex(s->p[2]);
    char c = *s->p;
    if (low >= 0)
        c = (char)(unsigned char)((unsigned)high << 4 | (unsigned)low);
    *s = str_skip(*s, low < 0 ? 1 : 3);
    return c;
}

/* Our user parts are letters and digits: RFC 3261 19.1.4 lets a proxy on the way escape them, and
 * there are some that change the case. */
static struct str plain_user(struct context *c, struct str user)
{
    struct buf out = buf_in(&c->scratch, user.n);
    while (user.n)
        buf_add_char(&out, ascii_lower(take_char(&user)));
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

static bool is_signed_user(struct str user)
{
    return str_has_prefix(user, STR("rr"));
}

/* A pair of URIs for the two sides of one phone's dialog is one leg. */
static void add_leg(struct dialog *out, const struct route *r, enum route_side last)
{
    bool is_pair = out->n_legs && r->side != last && r->side != ROUTE_BOTH && last != ROUTE_BOTH &&
                   binding_is_same_way(&out->legs[out->n_legs - 1], &r->phone);
    if (is_pair)
        return;
    if (out->n_legs == DIALOG_LEGS_MAX)
        out->is_forged = true; /* nothing that we have made has more */
    else
        out->legs[out->n_legs++] = r->phone;
}

/* A URI signed for a dialog. */
static void take_signed(struct context *c, const struct msg *m, struct str user,
                        enum route_side *last, struct dialog *out)
{
    const struct route_dialog request = {m->call_id, m->from_tag, m->to_tag};
    struct route_read r;
    struct uri u;
    /* a listener may be gone since a restart */
    if (!route_parse(&c->token_key, user, &request, &r) ||
        r.route.phone.listener >= c->n_listeners) {
        out->is_forged = true;
        return;
    }
    if (out->n_legs == 0) {
        out->is_from_phone = r.is_from_phone;
        out->is_caller = r.is_from_phone && r.route.is_caller;
        out->core = r.route.core;
        out->server = r.route.server;
        out->line = r.route.line;
        out->name = r.route.name;
        out->is_peer_known = r.is_peer_known;
        out->is_to_peer = r.is_peer_known && r.target && uri_parse(m->uri, &u) == 0 &&
                          r.target == (uint32_t)remote_target(&c->answer_key, &u);
    }
    bool is_only = out->n_legs < 2;
    add_leg(out, &r.route, *last);
    if (is_only && out->n_legs == 2)
        out->peer_line = r.route.line;
    *last = r.route.side;
}

/* One Route of ours: signed for a dialog, a Path that upstream follows, or just our address as an
 * outbound proxy. */
static void take_route(struct context *c, const struct msg *m, const struct uri *u,
                       enum route_side *last, struct dialog *out)
{
    struct str user = plain_user(c, u->user);
    out->n_routes++;
    if (str_has_prefix(user, STR("t-")))
        out->path_user = user;
    else if (is_signed_user(user))
        take_signed(c, m, user, last, out);
}

static bool verifies(struct context *c, const struct msg *m, const struct uri *u)
{
    const struct route_dialog request = {m->call_id, m->from_tag, m->to_tag};
    struct route_read r;
    return route_parse(&c->token_key, plain_user(c, u->user), &request, &r);
}

bool dialog_is_signed(struct context *c, const struct msg *m, struct str uri)
{
    struct uri u;
    return uri_parse(uri, &u) == 0 && verifies(c, m, &u);
}

/* ---------------------------------------------------------------- answers */

uint32_t dialog_target(const struct context *c, const struct msg *m)
{
    struct uri u;
    return remote_contact(m, &u) ? (uint32_t)remote_target(&c->answer_key, &u) : 0;
}

/* That which a caller of ours shows first: the last one, for he turns their order round. */
static bool find_callers(struct context *c, const struct msg *answer, struct uri *out)
{
    const struct route_dialog dialog = {answer->call_id, answer->from_tag, STR_NONE};
    struct route_read r;
    struct uri u;
    bool is_found = false;
    for (const struct msg_line *l = msg_first(answer, HDR_RECORD_ROUTE); l;
         l = msg_next(answer, l)) {
        struct str rest = l->value;
        struct nameaddr n;
        while (nameaddr_next(&rest, &n) == 1) {
            if (uri_parse(n.uri, &u) || !is_signed_user(plain_user(c, u.user)) ||
                !route_parse(&c->token_key, plain_user(c, u.user), &dialog, &r) ||
                !r.route.is_caller)
                continue;
            *out = u;
            is_found = true;
        }
    }
    return is_found;
}

void dialog_sign_answer(struct context *c, const struct msg *answer, struct str *old,
                        struct str *with)
{
    struct uri u;
    *old = STR_NONE;
    if (answer->method != METHOD_INVITE || !answer->to_tag.n || !find_callers(c, answer, &u))
        return;
    struct str user = route_without_peer(plain_user(c, u.user));
    struct buf out = buf_in(&c->scratch, user.n + ROUTE_PEER_LEN);
    buf_add(&out, user);
    const struct route_peer peer = {answer->call_id, answer->to_tag, dialog_target(c, answer)};
    route_print_peer(&c->token_key, &peer, user, &out);
    if (out.has_overflown)
        return;
    *old = u.user;
    *with = buf_str(&out);
}

/* ---------------------------------------------------------------- requests */

/* A wildcard listener does not know all of its addresses; the signature does. */
static bool is_ours(struct context *c, const struct packet *p, const struct msg *m,
                    const struct uri *u)
{
    return is_us(c, p, u) || (egress_may_be_us(c->egress, u->host, u->port) && verifies(c, m, u));
}

void dialog_read(struct context *c, const struct packet *p, const struct msg *m, struct dialog *out)
{
    enum route_side last = ROUTE_BOTH;
    *out = (struct dialog){.call_id = m->call_id};
    for (const struct msg_line *l = msg_first(m, HDR_ROUTE); l; l = msg_next(m, l)) {
        struct str rest = l->value;
        struct nameaddr route;
        struct uri u;
        while (nameaddr_next(&rest, &route) == 1) {
            if (uri_parse(route.uri, &u) || !is_ours(c, p, m, &u)) {
                out->next = route.uri;
                return;
            }
            take_route(c, m, &u, &last, out);
        }
    }
}

/* ---------------------------------------------------------------- strict routers */

static bool is_strictly_routed(struct context *c, const struct packet *p, const struct msg *m)
{
    struct uri u;
    return msg_first(m, HDR_ROUTE) && uri_parse(m->uri, &u) == 0 && is_us(c, p, &u) &&
           is_signed_user(plain_user(c, u.user));
}

/* Our URI and the Routes behind it but the last one, which is *last. */
static struct str shift_routes(struct context *c, const struct msg *m, struct str *last)
{
    struct buf out = buf_in(&c->scratch, m->bytes.n + 2);
    buf_add_char(&out, '<');
    buf_add(&out, m->uri);
    buf_add_char(&out, '>');
    *last = STR_NONE;
    for (const struct msg_line *l = msg_first(m, HDR_ROUTE); l; l = msg_next(m, l)) {
        struct str rest = l->value, element;
        while (param_split(&rest, &element)) {
            buf_add(&out, str_is_none(*last) ? STR("") : STR(", "));
            buf_add(&out, str_is_none(*last) ? STR("") : *last);
            *last = element;
        }
    }
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

struct msg *dialog_loosen(struct context *c, const struct packet *p, struct msg *m)
{
    struct str last, bytes;
    struct nameaddr target;
    struct msg_fault fault;
    if (!is_strictly_routed(c, p, m))
        return m;
    struct str routes = shift_routes(c, m, &last);
    if (str_is_none(last) || nameaddr_parse(last, &target))
        return m; /* as it is, it belongs to no dialog */
    struct build b;
    build_init(&b, &c->scratch, m);
    build_replace(&b, m->uri, target.uri);
    build_remove_all(&b, HDR_ROUTE);
    build_add_first(&b, HDR_ROUTE, routes);
    if (str_is_none(routes) || build_finish(&b, &bytes) ||
        msg_index(&c->scratch, bytes, &msg_limits_none, &m, &fault))
        return NULL;
    return m;
}
