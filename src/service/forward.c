#include "service/forward.h"

#include "base/err.h"
#include "base/stats.h"
#include "core/route.h"
#include "service/auth.h"
#include "service/dialog.h"
#include "service/egress.h"
#include "service/overload.h"
#include "service/reach.h"
#include "service/remote.h"
#include "service/servers.h"
#include "sip/param.h"
#include "sip/uri.h"

enum { MAX_FORWARDS = 70, OUR_VIA_MAX = 440, WARNING_MAX = 200, PORT_SIP = 5060, PORT_SIPS = 5061 };

static bool is_uri_us(struct context *c, const struct packet *p, const struct uri *u)
{
    uint16_t port = u->port ? u->port : u->scheme == URI_SIPS ? PORT_SIPS : PORT_SIP;
    return !str_is_none(u->host) && egress_is_us(c->egress, u->host, port, &p->flow);
}

bool forward_is_host_ours(struct context *c, const struct packet *p, const struct uri *u)
{
    return u->scheme <= URI_SIPS && (conf_domain_find(c->conf, u->host) || is_uri_us(c, p, u));
}

bool forward_is_served(struct context *c, const struct packet *p, const struct msg *m)
{
    struct uri u;
    return uri_parse(m->uri, &u) == 0 && forward_is_host_ours(c, p, &u);
}

bool forward_is_us(struct context *c, const struct packet *p, const struct msg *m)
{
    struct uri u;
    return uri_parse(m->uri, &u) == 0 && str_is_none(u.user) && forward_is_served(c, p, m);
}

bool forward_is_here(struct context *c, const struct packet *p, const struct msg *m)
{
    struct uri u;
    return uri_parse(m->uri, &u) == 0 && u.scheme <= URI_SIPS && str_is_none(u.user) &&
           is_uri_us(c, p, &u);
}

/* Of a REGISTER we change Call-ID, From tag and CSeq ourselves (D32), so they are no sign. */
static uint64_t register_mark(const struct hash_key *key, const struct msg *m)
{
    uint64_t parts[] = {hash_str(key, m->uri), hash_str(key, m->to.uri)};
    return hash_bytes(key, parts, sizeof parts);
}

/* RFC 3261 16.6 step 8 and D85: what a loop cannot change on its way round, the Request-URI above
 * all, so that two branches of one upstream fork are not mistaken for a loop. A call between two
 * phones of ours comes twice, from the phone and from upstream, perhaps with one Request-URI; a
 * request in its dialog by another Route of ours (RFC 5393 4.2.1). */
static uint64_t loop_mark(const struct context *c, const struct packet *p, const struct msg *m)
{
    const struct hash_key *key = &c->loop_key;
    if (m->method == METHOD_REGISTER)
        return register_mark(key, m);
    uint64_t parts[] = {hash_str(key, m->uri),
                        hash_str(key, m->from_tag),
                        hash_str(key, m->to_tag),
                        hash_str(key, m->call_id),
                        hash_str(key, msg_value(m, HDR_ROUTE)),
                        hash_str(key, msg_value(m, HDR_PROXY_REQUIRE)),
                        hash_str(key, msg_value(m, HDR_PROXY_AUTHORIZATION)),
                        servers_owner(c, &p->flow) != NULL,
                        m->cseq};
    return hash_bytes(key, parts, sizeof parts);
}

/* One of the Vias is ours, and what we hashed then is the same now. */
bool forward_is_loop(struct context *c, const struct packet *p, const struct msg *m)
{
    uint64_t mark = loop_mark(c, p, m);
    for (const struct msg_line *l = msg_first(m, HDR_VIA); l; l = msg_next(m, l)) {
        struct str rest = l->value;
        struct via via;
        unsigned worker;
        uint64_t old;
        while (via_next(&rest, &via) == 1)
            if (mark_branch_parse(via.branch, &worker, &old) && old == mark)
                return true;
    }
    return false;
}

enum forward_refusal forward_validate(struct context *c, const struct packet *p,
                                      const struct msg *m)
{
    struct uri u;
    if (uri_parse(m->uri, &u))
        return FORWARD_BAD_URI;
    if (u.scheme == URI_OTHER && !uri_is_sos(&u)) /* tel: is judged where it is known who calls */
        return FORWARD_SCHEME;
    /* An unknown method is passed on, but whoever reads "invite" as INVITE would begin a call that
     * no limit or list of ours has judged. */
    if (m->method == METHOD_OTHER && hdr_is_method_miswritten(m->method_name))
        return FORWARD_CASE;
    if (m->max_forwards == 0)
        return FORWARD_HOPS;
    if (forward_is_loop(c, p, m))
        return FORWARD_LOOP;
    if (msg_first(m, HDR_PROXY_REQUIRE))
        return FORWARD_EXTENSION;
    return FORWARD_OK;
}

static void edit_max_forwards(struct context *c, struct build *b, const struct msg *m)
{
    const struct msg_line *l = msg_first(m, HDR_MAX_FORWARDS);
    struct buf value = buf_in(&c->scratch, 4);
    buf_add_u64(&value, l ? (uint64_t)m->max_forwards - 1 : MAX_FORWARDS);
    if (l)
        build_replace(b, l->value, buf_str(&value));
    else
        build_add_first(b, HDR_MAX_FORWARDS, buf_str(&value));
}

void forward_print_via(struct context *c, const struct forward *out, struct buf *text)
{
    buf_add(text, STR("SIP/2.0/"));
    buf_add(text, flow_transport_name((enum flow_transport)out->flow.transport));
    buf_add_char(text, ' ');
    egress_print_sent_by(c->egress, &out->flow, text);
    buf_add(text, STR(";branch="));
    buf_add(text, out->branch);
    /* of a stream it would be a port that nobody can connect to once that has ended (18.2.2) */
    if (out->flow.transport == FLOW_UDP)
        buf_add(text, STR(";rport"));
    buf_add(text, overload_offered(out->offer));
}

/* The sender's Via gets received and rport (18.2.1); ours goes on top (16.6 step 8). */
static void edit_vias(struct context *c, struct build *b, const struct packet *p,
                      const struct forward *f)
{
    struct buf theirs = buf_in(&c->scratch, b->msg->via.text.n + 2 * (size_t)ADDR_TEXT);
    via_print_received(&b->msg->via, &p->flow.peer, &theirs);
    build_replace_via(b, buf_str(&theirs));
    struct buf ours = buf_in(&c->scratch, OUR_VIA_MAX);
    forward_print_via(c, f, &ours);
    b->has_failed = b->has_failed || theirs.has_overflown || ours.has_overflown;
    build_add_first(b, HDR_VIA, buf_str(&ours));
}

/* 16.4: Routes that name us have brought the request here and are done with. What is on top of
 * those that stay leads to the target. */
static struct str routes_left(struct context *c, struct build *b, unsigned n_done,
                              struct str on_top)
{
    const struct msg *m = b->msg;
    struct buf out = buf_in(&c->scratch, m->bytes.n + on_top.n + 4);
    buf_add(&out, str_is_none(on_top) ? STR("") : on_top);
    for (const struct msg_line *l = msg_first(m, HDR_ROUTE); l; l = msg_next(m, l)) {
        struct str rest = l->value, element;
        while (param_split(&rest, &element)) {
            if (n_done && n_done--)
                continue;
            buf_add(&out, out.len ? STR(", ") : STR(""));
            buf_add(&out, element);
        }
    }
    b->has_failed = b->has_failed || out.has_overflown;
    return buf_str(&out);
}

static void put_routes(struct build *b, struct str routes)
{
    build_remove_all(b, HDR_ROUTE);
    if (routes.n)
        build_add_first(b, HDR_ROUTE, routes);
}

/* The next hop is a strict router: its URI has no lr. */
static bool is_strict(struct str route)
{
    struct nameaddr n;
    struct uri u;
    struct str ignored;
    return nameaddr_parse(route, &n) == 0 && uri_parse(n.uri, &u) == 0 &&
           !uri_param(&u, STR("lr"), &ignored);
}

/* 16.6 step 6: a strict router wants itself in the Request-URI, and the target behind the Routes.
 */
static bool bend_to_strict(struct context *c, struct build *b, struct str *uri, struct str *routes)
{
    struct str rest = *routes, first;
    struct nameaddr next;
    if (!param_split(&rest, &first) || !is_strict(first))
        return false;
    (void)nameaddr_parse(first, &next);
    struct buf out = buf_in(&c->scratch, rest.n + uri->n + 8);
    rest = str_trim(rest);
    if (rest.n && *rest.p == ',')
        rest = str_trim(str_skip(rest, 1));
    buf_add(&out, rest);
    buf_add(&out, rest.n ? STR(", <") : STR("<"));
    buf_add(&out, *uri);
    buf_add_char(&out, '>');
    b->has_failed = b->has_failed || out.has_overflown;
    *routes = buf_str(&out);
    *uri = next.uri;
    return true;
}

static struct str uri_of(const struct msg *m, const struct forward_plan *plan)
{
    return str_is_none(plan->uri) ? m->uri : plan->uri;
}

bool forward_is_downgrade(const struct msg *m, const struct forward_plan *plan)
{
    return uri_is_sips(uri_of(m, plan)) &&
           !flow_is_secure((enum flow_transport)plan->flow.transport);
}

/* The Request-URI and the Routes of a copy. */
static void edit_way(struct context *c, struct build *b, const struct forward_plan *plan)
{
    struct str uri = uri_of(b->msg, plan);
    struct str routes = routes_left(c, b, plan->n_routes, plan->route);
    bool is_bent = bend_to_strict(c, b, &uri, &routes);
    if (is_bent || plan->n_routes || !str_is_none(plan->route))
        put_routes(b, routes);
    if (uri.p != b->msg->uri.p)
        build_replace(b, b->msg->uri, uri);
}

void forward_edit(struct context *c, struct build *b, const struct packet *p, struct forward *out)
{
    out->branch = mark_branch(&c->marks, loop_mark(c, p, b->msg), out->branch_text);
    edit_vias(c, b, p, out);
    edit_max_forwards(c, b, b->msg);
    build_remove_all(b, HDR_ROUTE);
}

/* Who follows our Route must come by the transport that it has been made for. */
static struct str transport_param(enum flow_transport transport)
{
    static const struct str params[FLOW_TRANSPORT_MAX] = {
        [FLOW_UDP] = {"", 0},
        [FLOW_TCP] = {";transport=tcp", 14},
        [FLOW_TLS] = {";transport=tls", 14},
        [FLOW_WS] = {";transport=ws", 13},
        [FLOW_WSS] = {";transport=ws", 13}, /* RFC 7118 5.2.3: one word for both */
    };
    return params[transport];
}

/* uri: the Request-URI on that side, whose scheme is kept (16.6 step 4). */
static void add_record_route(struct context *c, struct build *b, const struct route *route,
                             const struct flow_ref *through, struct str uri)
{
    const struct route_dialog dialog = {b->msg->call_id, b->msg->from_tag, STR_NONE};
    enum flow_transport transport = (enum flow_transport)through->transport;
    bool is_sips = flow_is_secure(transport) && uri_is_sips(uri);
    struct buf out = buf_in(&c->scratch, ROUTE_LEN + OUR_VIA_MAX);
    buf_add(&out, is_sips ? STR("<sips:") : STR("<sip:"));
    size_t at = out.len;
    route_print(&c->token_key, route, &dialog, &out);
    if (!route->is_caller && route->side != ROUTE_CORE) { /* he knows already with whom he speaks */
        const struct route_peer peer = {dialog.call_id, dialog.from_tag, dialog_target(c, b->msg)};
        route_print_peer(&c->token_key, &peer, str_skip(buf_str(&out), at), &out);
    }
    buf_add_char(&out, '@');
    egress_print_sent_by(c->egress, through, &out);
    buf_add(&out, is_sips && transport == FLOW_TLS ? STR("") : transport_param(transport));
    buf_add(&out, STR(";lr>"));
    b->has_failed = b->has_failed || out.has_overflown;
    build_add_first(b, HDR_RECORD_ROUTE, buf_str(&out));
}

static bool is_same_name(struct context *c, const struct flow_ref *a, const struct flow_ref *b)
{
    struct buf x = buf_in(&c->scratch, OUR_VIA_MAX), y = buf_in(&c->scratch, OUR_VIA_MAX);
    egress_print_sent_by(c->egress, a, &x);
    egress_print_sent_by(c->egress, b, &y);
    return a->transport == b->transport && str_eq(buf_str(&x), buf_str(&y));
}

/* A leg for each of two phones, that of the called one on top: the first one that a request names
 * is its sender's then, and the second one the other's (dialog.h). */
static void record_route_of_two(struct context *c, struct build *b, const struct packet *p,
                                const struct forward_plan *plan)
{
    const struct flow_ref *to = &plan->flow;
    const struct route caller = {.phone = plan->phone,
                                 .is_caller = true,
                                 .line = plan->line,
                                 .name = remote_name(&c->answer_key, b->msg->from.uri)};
    const struct route called = {.phone = reach_way(to),
                                 .line = plan->called_line,
                                 .name = remote_name(&c->answer_key, b->msg->to.uri)};
    add_record_route(c, b, &called, &plan->flow, uri_of(b->msg, plan));
    add_record_route(c, b, &caller, &p->flow, b->msg->uri);
}

/* 16.6 step 4. One URI where both sides know us by one name; else two, the one that the next hop
 * must use on top (RFC 5658). */
static void record_route(struct context *c, struct build *b, const struct packet *p,
                         const struct forward_plan *plan)
{
    const struct flow_ref *core = plan->is_from_phone ? &plan->flow : &p->flow;
    const struct conf_upstream *upstream = servers_owner(c, core);
    const struct str own = plan->is_from_phone ? b->msg->from.uri : b->msg->to.uri;
    struct route route = {.phone = plan->phone,
                          .is_caller = plan->is_from_phone,
                          .line = plan->line,
                          .name = remote_name(&c->answer_key, own),
                          .core = dialog_core_mark(upstream),
                          .server = servers_mark(c, upstream, core)};
    if (is_same_name(c, &p->flow, &plan->flow)) {
        add_record_route(c, b, &route, &plan->flow, uri_of(b->msg, plan));
        return;
    }
    /* each is put in front of what is there, in the order made: the next hop's first */
    route.side = plan->is_from_phone ? ROUTE_CORE : ROUTE_ACCESS;
    add_record_route(c, b, &route, &plan->flow, uri_of(b->msg, plan));
    route.side = plan->is_from_phone ? ROUTE_ACCESS : ROUTE_CORE;
    add_record_route(c, b, &route, &p->flow, b->msg->uri);
}

/* What the upstream would have taken off: the proof of a phone's password (RFC 3261 22.3). */
static void hide_proof(struct build *b)
{
    build_remove_all(b, HDR_AUTHORIZATION);
    build_remove_all(b, HDR_PROXY_AUTHORIZATION);
}

/* What we assert is for the upstream alone, which trusts us (RFC 3325 5). */
static void edit_identity(struct build *b, const struct forward_plan *plan)
{
    struct identity way = plan->identity;
    if (plan->is_past_upstream)
        way.asserted = STR_NONE;
    identity_edit(b, &way);
}

/* RFC 6665 4.3: a NOTIFY may be what begins the dialog for the subscriber, who takes the way of his
 * requests from it. That is the way that brought it here, signed for this dialog already; each is
 * put in front of the one before, so that the next hop's is on top. */
static void record_way(struct build *b, unsigned n_routes)
{
    for (const struct msg_line *l = msg_first(b->msg, HDR_ROUTE); l && n_routes;
         l = msg_next(b->msg, l)) {
        struct str rest = l->value, element;
        for (; n_routes && param_split(&rest, &element); n_routes--)
            build_add_first(b, HDR_RECORD_ROUTE, element);
    }
}

static bool is_dialog_start(const struct msg *m)
{
    return str_is_none(m->to_tag) && (m->method == METHOD_INVITE || m->method == METHOD_SUBSCRIBE ||
                                      m->method == METHOD_REFER);
}

static void edit_breadth(struct context *c, struct build *b, unsigned breadth)
{
    if (breadth == 0)
        return;
    struct buf value = buf_in(&c->scratch, 12);
    buf_add_u64(&value, breadth);
    build_remove_all(b, HDR_MAX_BREADTH);
    build_add_last(b, hdr_name(HDR_MAX_BREADTH), buf_str(&value));
}

static enum forward_refusal build(struct context *c, const struct packet *p, const struct msg *m,
                                  const struct forward_plan *plan, struct forward *out)
{
    struct build b;
    build_init(&b, &c->scratch, m);
    out->flow = plan->flow;
    out->offer = CONF_OVERLOAD_OFF;
    out->branch = mark_branch(&c->marks, loop_mark(c, p, m), out->branch_text);
    edit_vias(c, &b, p, out);
    edit_max_forwards(c, &b, m);
    edit_way(c, &b, plan);
    edit_breadth(c, &b, plan->max_breadth);
    edit_identity(&b, plan);
    if (plan->is_past_upstream)
        hide_proof(&b);
    else
        auth_strip(c, &b);
    if (plan->is_between_phones && is_dialog_start(m))
        record_route_of_two(c, &b, p, plan);
    else if (plan->has_phone && is_dialog_start(m))
        record_route(c, &b, p, plan);
    else if (plan->is_way_recorded)
        record_way(&b, plan->n_routes);
    return build_finish(&b, &out->bytes) ? FORWARD_NO_MEMORY : FORWARD_OK;
}

enum forward_refusal forward_build(struct context *c, const struct packet *p, const struct msg *m,
                                   const struct forward_plan *plan, struct forward *out)
{
    struct forward_plan grown = *plan;
    enum forward_refusal why = build(c, p, m, plan, out);
    if (why == FORWARD_OK && servers_grow(c->servers, out->bytes.n, &grown.flow))
        why = build(c, p, m, &grown, out);
    return why;
}

int forward_response(struct context *c, const struct msg *m, const struct identity *identity,
                     struct str extra, struct str *out)
{
    const struct msg_line *first = msg_first(m, HDR_VIA);
    BUG_ON(!first);
    struct str rest = first->value;
    struct str old, with;
    struct via ours, next;
    if (via_next(&rest, &ours) != 1 || (via_next(&rest, &next) != 1 && !msg_next(m, first)))
        return ERR_PARSE;
    struct build b;
    build_init(&b, &c->scratch, m);
    build_remove_top(&b, HDR_VIA);
    dialog_sign_answer(c, m, &old, &with);
    if (!str_is_none(old))
        build_replace(&b, old, with);
    identity_edit(&b, identity);
    if (!str_is_none(extra))
        build_replace(&b, (struct str){m->end_of_headers, 0}, extra);
    return build_finish(&b, out);
}

static const struct {
    unsigned status;
    enum stats_id stat;
    const char *phrase;  /* NULL: the default */
    const char *warning; /* RFC 3261 20.43; NULL: none */
} refusals[FORWARD_REFUSALS] = {
    [FORWARD_BAD_URI] = {400, STAT_REFUSED_MALFORMED, "Bad Request-URI"},
    [FORWARD_SCHEME] = {416, STAT_REFUSED_SCHEME, NULL},
    [FORWARD_HOPS] = {483, STAT_REFUSED_HOPS, NULL},
    [FORWARD_LOOP] = {482, STAT_REFUSED_LOOP, NULL},
    [FORWARD_EXTENSION] = {420, STAT_REFUSED_EXTENSION, NULL},
    [FORWARD_REQUIRED] = {420, STAT_REFUSED_EXTENSION, NULL},
    [FORWARD_METHOD] = {405, STAT_REFUSED_METHOD, NULL},
    [FORWARD_CASE] = {405, STAT_REFUSED_METHOD_CASE, NULL},
    [FORWARD_UNABLE] = {405, STAT_REFUSED_UNABLE, NULL},
    [FORWARD_BREADTH] = {440, STAT_REFUSED_BREADTH, "Max-Breadth Exceeded"},
    [FORWARD_STRANGER] = {403, STAT_REFUSED_STRANGER, "Not Registered Here"},
    [FORWARD_UNPROVEN] = {407, STAT_REFUSED_UNPROVEN, NULL},
    [FORWARD_IDENTITY] = {403, STAT_REFUSED_IDENTITY, "Not Your Identity",
                          "The caller's identity is not that of the line"},
    [FORWARD_ACCESS] = {403, STAT_REFUSED_ACCESS, "Not Allowed From Here",
                        "No access list of this domain lets this source in"},
    [FORWARD_DESTINATION] = {403, STAT_REFUSED_DESTINATION, "Destination Not Allowed",
                             "This line may not call this number"},
    [FORWARD_TOO_MANY] = {403, STAT_REFUSED_MAX_CALLS, "Too Many Calls",
                          "This line has as many calls as it may have at one time"},
    [FORWARD_TOO_FAST] = {403, STAT_REFUSED_CALL_RATE, "Too Many Calls",
                          "This line has begun as many calls in this second as it may"},
    [FORWARD_DIALOG] = {403, STAT_REFUSED_DIALOG, "Not A Dialog Of Ours"},
    [FORWARD_AWAY] = {480, STAT_REFUSED_AWAY, NULL},
    [FORWARD_FLOW] = {430, STAT_REFUSED_FLOW, "Flow Failed"}, /* RFC 5626 11.5 */
    [FORWARD_DOMAIN] = {403, STAT_REFUSED_DOMAIN, "Domain Not Served Here"},
    [FORWARD_UNKNOWN] = {404, STAT_REFUSED_UNKNOWN, NULL},
    [FORWARD_EGRESS] = {500, STAT_REFUSED_EGRESS, "No Listener Fits The Next Hop"},
    [FORWARD_DRAINED] = {503, STAT_REFUSED_DRAINED, NULL},
    [FORWARD_OVERLOADED] = {503, STAT_REFUSED_OVERLOAD, NULL},
    [FORWARD_UNRESOLVED] = {503, STAT_REFUSED_UNRESOLVED, NULL},
    [FORWARD_NO_MEMORY] = {503, STAT_NO_MEMORY, NULL},
};

/* 8.2.2.3: what we do not know is what was asked for; we support no extension. */
static struct str unsupported_lines(struct context *c, const struct msg *m, enum hdr_id id)
{
    struct buf out = buf_in(&c->scratch, m->bytes.n + m->n_lines * sizeof "Unsupported: ");
    for (const struct msg_line *l = msg_first(m, id); l; l = msg_next(m, l)) {
        buf_add(&out, STR("Unsupported: "));
        buf_add(&out, l->value);
        buf_add(&out, STR("\r\n"));
    }
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

static struct str warning_line(struct context *c, const char *text)
{
    struct buf out = buf_in(&c->scratch, WARNING_MAX);
    buf_addf(&out, "Warning: 399 breakwater \"%s\"\r\n", text);
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

struct build_reply forward_reply(struct context *c, const struct msg *m, enum forward_refusal why)
{
    struct build_reply r = {.status = refusals[why].status, .reason = str_of(refusals[why].phrase)};
    stats_inc(refusals[why].stat);
    /* A domain that we do not serve: as a registrar 404 (10.3 step 1 without a proxy's right). */
    if (why == FORWARD_DOMAIN && m->method == METHOD_REGISTER)
        r.status = 404;
    if (why == FORWARD_EXTENSION)
        r.headers = unsupported_lines(c, m, HDR_PROXY_REQUIRE);
    if (refusals[why].warning)
        r.headers = warning_line(c, refusals[why].warning);
    if (why == FORWARD_METHOD)
        r.headers = STR("Allow: OPTIONS, REGISTER\r\n");
    if (why == FORWARD_CASE)
        r.headers = STR("Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, PRACK, SUBSCRIBE, "
                        "NOTIFY, PUBLISH, INFO, REFER, MESSAGE, UPDATE\r\n");
    if (why == FORWARD_REQUIRED)
        r.headers = unsupported_lines(c, m, HDR_REQUIRE);
    return r;
}
