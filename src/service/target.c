#include "service/target.h"

#include "base/stats.h"
#include "base/sys.h"
#include "net/udp.h"
#include "service/caller.h"
#include "service/dialog.h"
#include "service/egress.h"
#include "service/guard.h"
#include "service/location.h"
#include "service/regview.h"
#include "service/sender.h"
#include "service/trunk.h"
#include "sip/uri.h"
#include "store/store.h"

/* A Contact without q is as good as one with the highest (D21). */
enum { SIP_PORT = 5060, Q_DEFAULT = 1000 };

static struct flow_ref flow_to_phone(const struct context *c, const struct way *way)
{
    struct flow_ref flow = udp_flow_to(c->listeners[way->listener], &way->peer);
    flow.local = way->local;
    return flow;
}

static enum forward_refusal to_core(struct context *c, const struct addr *server,
                                    struct forward_plan *plan)
{
    return egress_pick(c->egress, CONF_SIDE_CORE, FLOW_UDP, server, &plan->flow) ? FORWARD_EGRESS
                                                                                 : FORWARD_OK;
}

/* ---------------------------------------------------------------- in a dialog */

/* The next hop towards the core: an address in a URI, else the upstream that the dialog is with. */
static enum forward_refusal to_uri(struct context *c, const struct dialog *d, struct str text,
                                   struct forward_plan *plan)
{
    struct uri u;
    struct addr next = {0};
    if (uri_parse(text, &u))
        return FORWARD_BAD_URI;
    next.port = u.port ? u.port : SIP_PORT;
    if (!str_is_none(u.host) && addr_parse_host(u.host, &next) == 0)
        return to_core(c, &next, plan);
    const struct conf_upstream *upstream = dialog_core(c->conf, d->core);
    return upstream ? to_core(c, &upstream->servers[0].addr, plan) : FORWARD_UNKNOWN;
}

static enum forward_refusal in_dialog(struct context *c, const struct msg *m,
                                      const struct dialog *d, struct target_set *out)
{
    struct forward_plan *plan = &out->list[0].plan;
    /* A signed Route is the right to go on with a dialog, not to begin one. */
    if (d->is_forged || d->n_legs == 0 || str_is_none(m->to_tag))
        return FORWARD_DIALOG;
    *plan = (struct forward_plan){.n_routes = d->n_routes,
                                  .is_way_recorded = m->method == METHOD_NOTIFY};
    out->n = 1;
    if (!d->is_from_phone) {
        plan->flow = flow_to_phone(c, &d->legs[0]);
        return FORWARD_OK;
    }
    if (d->n_legs == 2) { /* to another phone of ours, and no upstream stayed in between */
        plan->is_past_upstream = true;
        plan->flow = flow_to_phone(c, &d->legs[1]);
        return FORWARD_OK;
    }
    return to_uri(c, d, str_is_none(d->next) ? m->uri : d->next, plan);
}

/* ---------------------------------------------------------------- from upstream to a line */

static bool token_in(const struct context *c, const struct uri *u, const struct dialog *d,
                     uint64_t *id)
{
    if (token_find(&c->token_key, u, id))
        return true;
    return !str_is_none(d->path_user) && token_parse(&c->token_key, str_skip(d->path_user, 2), id);
}

/* The one domain that only this upstream can own; NULL: none, or it is ambiguous. */
static const struct conf_domain *only_domain(const struct context *c,
                                             const struct conf_upstream *upstream)
{
    const struct conf_domain *only = NULL;
    for (size_t i = 0; i < c->conf->n_domains; i++) {
        if (c->conf->domains[i].upstream != upstream)
            continue;
        if (only)
            return NULL;
        only = &c->conf->domains[i];
    }
    return only;
}

/* Without a token: an AoR of a domain of this upstream; a user at our own address, where only one
 * domain can be meant; else a registered contact, of the line that To names. */
static bool aor_without_token(struct context *c, const struct packet *p, const struct msg *m,
                              const struct uri *u, struct str *aor)
{
    const struct conf_upstream *upstream = conf_upstream_of(c->conf, &p->flow.peer);
    const struct conf_domain *d = conf_domain_find(c->conf, u->host);
    if (d)
        return d->upstream == upstream && regview_aor(&c->scratch, c->conf, m->uri, aor);
    if (!egress_is_us(c->egress, u->host, u->port, &p->flow))
        return regview_aor(&c->scratch, c->conf, m->to.text, aor) &&
               regview_domain(c->conf, *aor)->upstream == upstream;
    d = only_domain(c, upstream);
    if (!d)
        return false;
    struct buf text = buf_in(&c->scratch, u->user.n + d->name.n + 8);
    buf_add(&text, STR("sip:"));
    buf_add(&text, u->user);
    buf_add_char(&text, '@');
    buf_add(&text, d->name);
    return !text.has_overflown && regview_aor(&c->scratch, c->conf, buf_str(&text), aor);
}

static uint64_t expires_at_s(const struct location *at, size_t i)
{
    return at->leases[i].is_held ? at->leases[i].expires_at_s
                                 : at->record->bindings[i].expires_at_s;
}

static bool is_live(const struct location *at, size_t i, uint32_t grace_s, uint64_t now_s)
{
    return expires_at_s(at, i) + grace_s > now_s; /* in grace it rings (D64) */
}

struct str target_uri(struct context *c, struct str contact)
{
    struct uri u;
    struct str ignored;
    if (uri_parse(contact, &u) ||
        (str_is_none(u.headers) && !uri_param(&u, STR("method"), &ignored)))
        return contact;
    struct buf out = buf_in(&c->scratch, contact.n);
    uri_print_bare(&u, STR("method"), &out);
    return out.has_overflown ? contact : buf_str(&out);
}

static int q_of(const struct binding *b)
{
    return b->q < 0 ? Q_DEFAULT : b->q;
}

/* The devices that were found, beside their targets. */
struct devices {
    struct str instances[FORK_DEVICES_MAX];
    size_t max;
    bool is_by_q; /* more than that: those with the highest q */
};

/* One device more than may be called (D74): the place of the last one of those with the lowest q,
 * where q decides and is higher; else devices->max. */
static size_t place_of_lesser(const struct devices *devices, const struct target_set *set, int q)
{
    size_t at = 0;
    for (size_t i = 1; i < set->n; i++)
        at = set->list[i].q <= set->list[at].q ? i : at;
    return devices->is_by_q && q > set->list[at].q ? at : devices->max;
}

/* A device with several flows rings on the newest (RFC 5626, D64). */
static void add_device(struct context *c, const struct binding *b, uint64_t left_s,
                       struct devices *devices, struct target_set *out)
{
    size_t at = 0;
    while (at < out->n && (b->instance.n == 0 || !str_eq(devices->instances[at], b->instance)))
        at++;
    if (at == devices->max) {
        out->n_left_out++;
        at = place_of_lesser(devices, out, q_of(b));
    }
    if (at == devices->max)
        return;
    devices->instances[at] = b->instance;
    out->list[at].plan = (struct forward_plan){.flow = flow_to_phone(c, &b->way),
                                               .uri = target_uri(c, b->contact),
                                               .route = b->path,
                                               .phone = b->way,
                                               .has_phone = true};
    out->list[at].q = q_of(b);
    out->list[at].device = hash_str(&c->loop_key, b->instance.n ? b->instance : b->contact) | 1;
    out->list[at].left_s = (uint32_t)left_s;
    out->list[at].group = 0;
    out->n += at == out->n;
}

/* Whom a request from upstream means: a line, by a token or a Contact one device of it. */
struct line {
    struct str aor;
    const struct conf_domain *domain; /* NULL: served no more */
    uint64_t upreg_id;                /* 0: no token */
    struct str contact;               /* none: no Contact */
    bool is_closed;                   /* no device can join later */
};

static bool is_meant(const struct binding *b, uint64_t upreg_id, struct str contact)
{
    struct uri x, y;
    if (upreg_id)
        return b->upreg_id == upreg_id;
    return str_is_none(contact) ||
           (uri_parse(b->contact, &x) == 0 && uri_parse(contact, &y) == 0 && uri_is_equal(&x, &y));
}

/* A sips Contact wants a secure hop, and no transport here is one (D6, RFC 5630 3.1.3). */
static bool is_reachable(const struct context *c, const struct binding *b)
{
    struct uri u;
    bool is_sips = uri_parse(b->contact, &u) == 0 && u.scheme == URI_SIPS;
    return b->way.listener < c->n_listeners && !is_sips;
}

/* D64. Devices that do not take the method are left out, and remembered for the answer; the one
 * that makes this call, too. If there is no other, nobody is there: 480 or the fallback, as for one
 * who calls his own number elsewhere to hear his messages (D69). */
static enum forward_refusal add_devices(struct context *c, const struct line *line,
                                        const struct msg *m, struct target_set *out)
{
    struct devices devices = {0};
    struct location now;
    uint64_t now_s = sys_service_s();
    const struct conf_domain *d = line->domain;
    out->aor = line->aor;
    if (!d || location_read(c, &c->scratch, line->aor, &now))
        return FORWARD_UNKNOWN;
    out->policy = d->fork;
    devices.max = out->max_devices = d->max_branches;
    devices.is_by_q = d->strategy != CONF_FORK_PARALLEL;
    out->ring_timeout_s = d->ring_timeout_s;
    /* what is no INVITE has no time for a second hop after the first (RFC 4320) */
    out->is_followed = d->redirects == CONF_REDIRECTS_FOLLOW && m->method == METHOD_INVITE;
    for (size_t i = 0; i < now.record->n_bindings; i++) {
        const struct binding *b = &now.record->bindings[i];
        if (!is_reachable(c, b) || !is_meant(b, line->upreg_id, line->contact) ||
            !is_live(&now, i, d->absorb.grace_s, now_s))
            continue;
        uint64_t until_s = expires_at_s(&now, i);
        if (m->method == METHOD_INVITE && caller_is(c, m, now.record, b))
            out->n_own++;
        else if (binding_can(b, m->method))
            add_device(c, b, until_s > now_s ? until_s - now_s : 0, &devices, out);
        else
            out->methods |= b->methods;
    }
    if (out->n)
        return FORWARD_OK;
    if (out->methods)
        return FORWARD_UNABLE;
    return now.record->n_bindings || now.record->n_upregs ? FORWARD_AWAY : FORWARD_UNKNOWN;
}

/* ---------------------------------------------------------------- to a fixed line */

/* It is always there, and as good as the best device. */
static void add_contact(struct context *c, const struct conf_line *fixed,
                        const struct conf_place *place, struct target_set *out)
{
    struct target *t = &out->list[out->n];
    if (out->n >= fixed->domain->max_branches) { /* D74 */
        out->n_left_out++;
        return;
    }
    *t = (struct target){.q = Q_DEFAULT, .device = hash_str(&c->loop_key, place->uri) | 1};
    out->n += trunk_plan(c, place, &t->plan);
}

static enum forward_refusal add_places(struct context *c, const struct conf_line *fixed,
                                       const struct msg *m, struct target_set *out)
{
    enum forward_refusal why = FORWARD_AWAY;
    for (size_t i = 0; i < fixed->n_places; i++) {
        const struct conf_place *place = &fixed->places[i];
        const struct line devices = {
            .aor = place->aor, .domain = place->domain, .contact = STR_NONE};
        if (str_is_none(place->aor))
            add_contact(c, fixed, place, out);
        else if (add_devices(c, &devices, m, out) == FORWARD_UNABLE)
            why = FORWARD_UNABLE;
        if (str_is_none(out->joins))
            out->joins = place->aor;
    }
    out->aor = fixed->aor;
    out->policy = fixed->domain->fork;
    out->max_devices = fixed->domain->max_branches;
    return out->n ? FORWARD_OK : why;
}

/* A fixed line goes where its targets are, whatever contact of it upstream has been told. */
static enum forward_refusal find_devices(struct context *c, struct line *line, const struct msg *m,
                                         struct target_set *out)
{
    const struct conf_line *fixed = conf_line_find(c->conf, line->aor);
    if (!fixed || fixed->n_places == 0)
        return add_devices(c, line, m, out);
    enum forward_refusal why = add_places(c, fixed, m, out);
    line->upreg_id = 0;
    line->contact = STR_NONE;
    line->is_closed = str_is_none(out->joins);
    trunk_note(c, fixed, why == FORWARD_AWAY);
    return why;
}

/* By q, each value of it a group of its own; devices that came first stay in front. */
static void group_by_q(struct target_set *set)
{
    for (size_t i = 1; i < set->n; i++)
        for (size_t k = i; k > 0 && set->list[k - 1].q < set->list[k].q; k--) {
            struct target lower = set->list[k - 1];
            set->list[k - 1] = set->list[k];
            set->list[k] = lower;
        }
    for (size_t i = 1; i < set->n; i++)
        set->list[i].group = set->list[i - 1].group + (set->list[i].q < set->list[i - 1].q);
}

/* No phone's dialog begins there, so both sides speak to each other without us. */
static enum forward_refusal add_fallback(struct context *c, const struct conf_domain *d,
                                         struct target_set *set)
{
    struct target *last = &set->list[set->n];
    const struct addr *at = &d->fallback.addr;
    *last = (struct target){.plan = {.uri = d->fallback.text},
                            .group = set->n ? last[-1].group + 1 : 0,
                            .is_last_resort = true};
    if (to_core(c, at->family ? at : &d->upstream->servers[0].addr, &last->plan))
        return set->n ? FORWARD_OK : FORWARD_EGRESS;
    set->n++;
    return FORWARD_OK;
}

/* What the domain makes of the devices of a whole line. A request that means one device of it, by a
 * token or its Contact, is part of somebody else's fork. */
static enum forward_refusal arrange(struct context *c, const struct line *line,
                                    enum sip_method method, struct target_set *set)
{
    const struct conf_domain *d = line->domain;
    bool is_one =
        !str_is_none(line->contact) || (line->upreg_id && d->absorb.mode != MODE_AOR_THROTTLE);
    enum forward_refusal why = set->n ? FORWARD_OK : FORWARD_AWAY;
    if (is_one)
        return why;
    set->is_redirect = d->strategy == CONF_FORK_REDIRECT;
    /* what is no INVITE has no time for one group after another (RFC 4320) */
    set->is_by_q = set->is_redirect || (d->strategy == CONF_FORK_Q && method == METHOD_INVITE);
    set->can_grow = d->has_late_fork && method == METHOD_INVITE && !line->is_closed;
    if (set->is_by_q)
        group_by_q(set);
    if (method == METHOD_INVITE && !str_is_none(d->fallback.text))
        why = add_fallback(c, d, set);
    return why;
}

static enum forward_refusal to_line(struct context *c, const struct packet *p, const struct msg *m,
                                    const struct dialog *d, struct target_set *out)
{
    struct uri u;
    struct line line = {.contact = STR_NONE};
    if (uri_parse(m->uri, &u))
        return FORWARD_BAD_URI;
    bool has_token = token_in(c, &u, d, &line.upreg_id);
    bool is_found = has_token
                        ? store_find_upreg(c->reader, &c->scratch, line.upreg_id, &line.aor) == 0
                        : aor_without_token(c, p, m, &u, &line.aor);
    if (!is_found)
        return FORWARD_UNKNOWN;
    if (!has_token && !conf_domain_find(c->conf, u.host) &&
        !egress_is_us(c->egress, u.host, u.port, &p->flow))
        line.contact = m->uri;
    line.domain = regview_domain(c->conf, line.aor);
    enum forward_refusal why = find_devices(c, &line, m, out);
    if (why == FORWARD_OK || why == FORWARD_AWAY)
        why = arrange(c, &line, m->method, out);
    for (size_t i = 0; i < out->n; i++)
        out->list[i].plan.n_routes = d->n_routes;
    out->is_to_phones = true;
    return why;
}

enum forward_refusal target_find_line(struct context *c, struct str aor, const struct msg *m,
                                      struct target_set *out)
{
    struct line line = {.aor = aor, .domain = regview_domain(c->conf, aor), .contact = STR_NONE};
    enum forward_refusal why = find_devices(c, &line, m, out);
    return why == FORWARD_OK ? arrange(c, &line, m->method, out) : why;
}

enum forward_refusal target_find_devices(struct context *c, struct str aor, const struct msg *m,
                                         struct target_set *out)
{
    const struct line line = {
        .aor = aor, .domain = regview_domain(c->conf, aor), .contact = STR_NONE};
    return add_devices(c, &line, m, out);
}

/* ---------------------------------------------------------------- from a phone */

/* The line of a phone: the one that it says it is, if it is registered from where it speaks. */
static bool is_registered(struct context *c, const struct packet *p, struct str aor,
                          struct str *service_route)
{
    struct location now;
    const struct way way = regview_way(&p->flow);
    const struct conf_domain *d = regview_domain(c->conf, aor);
    *service_route = STR_NONE;
    if (!d || location_read(c, &c->scratch, aor, &now))
        return false;
    for (size_t i = 0; i < now.record->n_bindings; i++) {
        const struct binding *b = &now.record->bindings[i];
        if (!binding_is_same_way(&b->way, &way) ||
            !is_live(&now, i, d->absorb.grace_s, sys_service_s()))
            continue;
        const struct upreg *u = binding_upreg(now.record, b->upreg_id);
        *service_route = u ? u->service_route : STR_NONE;
        return true;
    }
    return trunk_speaks(c, p, now.record, service_route);
}

/* A phone may show another From and say who it is in P-Preferred-Identity (RFC 3325). */
static const struct conf_domain *line_of(struct context *c, const struct packet *p,
                                         const struct msg *m, struct str *service_route,
                                         struct str *aor)
{
    const struct str claims[] = {m->from.text, msg_value(m, HDR_P_PREFERRED_IDENTITY)};
    for (size_t i = 0; i < 2; i++)
        if (!str_is_none(claims[i]) && regview_aor(&c->scratch, c->conf, claims[i], aor) &&
            is_registered(c, p, *aor, service_route))
            return regview_domain(c->conf, *aor);
    *aor = STR_NONE;
    return NULL;
}

bool target_is_registered(struct context *c, const struct packet *p, const struct msg *m)
{
    struct str service_route, aor;
    return line_of(c, p, m, &service_route, &aor) != NULL;
}

/* Where the access list is the proof, it is for calls, too. */
static const struct conf_domain *trusted_domain(struct context *c, const struct packet *p,
                                                const struct uri *u)
{
    const struct conf_domain *d = conf_domain_find(c->conf, u->host);
    bool is_trusted =
        d && d->absorb.authentication == AUTH_TRUSTED && conf_domain_allows(d, &p->flow.peer);
    return is_trusted ? d : NULL;
}

/* Where it is us who judge, an address proves nothing (sender.h). */
static const struct conf_domain *judged_by_upstream(struct context *c, const struct packet *p,
                                                    const struct msg *m, struct str *service_route,
                                                    struct str *aor)
{
    const struct conf_domain *d = line_of(c, p, m, service_route, aor);
    if (!d || d->absorb.authentication != AUTH_LOCAL)
        return d;
    *aor = *service_route = STR_NONE;
    return NULL;
}

/* D70, D88: to the upstream of the line, whatever the Route says. What the phone has put there
 * goes: upstream trusts us and would follow it, to anywhere. In its place comes the Service-Route
 * that the phone was given with its registration, which is the same again if the phone does as it
 * was told. */
static enum forward_refusal from_phone(struct context *c, const struct packet *p,
                                       const struct msg *m, struct target_set *out)
{
    struct uri u;
    struct sender sender;
    if (uri_parse(m->uri, &u))
        return FORWARD_BAD_URI;
    if (guard_is_banned(c, p) && !target_is_registered(c, p, m))
        return FORWARD_STRANGER; /* nobody looks at his password */
    enum forward_refusal why = sender_prove(c, p, m, &sender);
    out->challenge = sender.challenge;
    if (why != FORWARD_OK)
        return why;
    struct str service_route = sender.service_route;
    const struct conf_domain *domain = sender.domain;
    out->caller = sender.aor;
    out->own_realm = domain ? domain->realm : STR_NONE;
    if (!domain)
        domain = judged_by_upstream(c, p, m, &service_route, &out->caller);
    if (!domain)
        domain = trusted_domain(c, p, &u);
    if (!domain)
        return conf_domain_find(c->conf, u.host) ? FORWARD_STRANGER : FORWARD_DOMAIN;
    if (forward_is_here(c, p, m)) /* RFC 3261 8.2: who it is comes first */
        return FORWARD_METHOD;
    out->list[0].plan = (struct forward_plan){.phone = regview_way(&p->flow),
                                              .has_phone = true,
                                              .is_from_phone = true,
                                              .n_routes = FORWARD_ALL_ROUTES,
                                              .route = service_route};
    out->n = 1;
    out->caller_domain = domain;
    return to_core(c, &domain->upstream->servers[0].addr, &out->list[0].plan);
}

enum forward_refusal target_find(struct context *c, const struct packet *p, const struct msg *m,
                                 struct target_set *out)
{
    struct dialog d;
    dialog_read(c, p, m, &d);
    if (!str_is_none(m->to_tag) || d.n_legs || d.is_forged)
        return in_dialog(c, m, &d, out);
    if (conf_upstream_of(c->conf, &p->flow.peer))
        return forward_is_here(c, p, m) ? FORWARD_METHOD : to_line(c, p, m, &d, out);
    return from_phone(c, p, m, out);
}
