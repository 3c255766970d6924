#include "service/target.h"

#include "base/stats.h"
#include "service/barrier.h"
#include "service/callees.h"
#include "service/caller.h"
#include "service/bridge.h"
#include "service/corehop.h"
#include "service/egress.h"
#include "service/gruu.h"
#include "service/gruucall.h"
#include "service/outage.h"
#include "service/reach.h"
#include "service/regview.h"
#include "service/mandate.h"
#include "service/trunk.h"
#include "service/servers.h"
#include "service/shield.h"
#include "service/signs.h"
#include "sip/uri.h"
#include "store/store.h"

/* ---------------------------------------------------------------- servers of an upstream */

/* One after another. As servers_pick. */
static int add_servers(struct context *c, const struct forward_plan *plan,
                       const struct server_want *want, struct target_set *out)
{
    struct server_tries tries = {.n = 0};
    int err = 0;
    while (!err && out->n_servers < SERVERS_TRIES_MAX) {
        struct target *t = &out->list[out->n_servers];
        *t = (struct target){.plan = *plan, .group = out->n_servers, .is_server = true};
        err = servers_pick(c->servers, want, &tries, &t->plan.flow);
        out->n_servers += !err;
    }
    out->n = out->n_servers;
    out->trial = out->n_servers > 1 ? dialog_core_mark(want->upstream) : 0;
    return out->n_servers ? 0 : err;
}

/* ---------------------------------------------------------------- in a dialog */

/* By the flow that the dialog has known from its beginning; if that is gone, and the phone is
 * called by a name that we have given its device, by the one that the device has now: for the
 * upstream, and for a phone whose dialog is with that line. */
static enum forward_refusal to_phone(struct context *c, const struct packet *p, const struct msg *m,
                                     const struct dialog *d, struct flow_ref *out)
{
    struct uri u;
    if (reach_flow(c, &d->legs[d->is_from_phone ? 1 : 0], out))
        return FORWARD_OK;
    if (uri_parse(m->uri, &u) || !gruu_is(c, &u))
        return FORWARD_FLOW;
    const struct conf_domain *domain = conf_domain_find(c->conf, u.host);
    const struct conf_upstream *from = servers_owner(c, &p->flow);
    bool is_judged = from && domain && domain->upstream == from;
    const uint64_t line = is_judged || !d->is_from_phone ? 0 : d->peer_line;
    if (!is_judged && !line)
        return FORWARD_FLOW; /* a Route alone is no right to it */
    return gruucall_find_flow(c, &u, m, line, out) ? FORWARD_OK : FORWARD_FLOW;
}

/* What is not of an upstream comes from somebody who is believed nothing, whatever side the tags
 * say that he is on, and goes to somebody who is told no more than a phone (RFC 3325 5). */
static struct identity identity_in_dialog(struct context *c, const struct packet *p,
                                          const struct forward_plan *plan)
{
    return (struct identity){.is_from_phone = !servers_owner(c, &p->flow),
                             .is_to_phone = !servers_owner(c, &plan->flow)};
}

/* RFC 7339 5.10.1: it always goes, and what begins meanwhile has less room for it. */
static enum forward_refusal count_in_dialog(const struct conf_upstream *u, struct target_set *set,
                                            enum forward_refusal why)
{
    set->right = THROTTLE_ALWAYS;
    if (why == FORWARD_OK && u)
        (void)shield_is_let(u, &set->list[0].plan.flow, set->right);
    return why;
}

/* By a name in its Contact a server may have others beside it, which have their turn when it fails
 * (RFC 3263 4.3); an ACK has one try. */
static enum forward_refusal to_core(struct context *c, const struct msg *m, const struct dialog *d,
                                    const struct forward_plan *plan, struct target_set *out)
{
    const struct str next = str_is_none(d->next) ? m->uri : d->next;
    const struct conf_upstream *u = dialog_core(c->conf, d->core);
    struct server_want want;
    if (m->method != METHOD_ACK && corehop_is_named(c, d, next, &want))
        return count_in_dialog(u, out, corehop_refusal(add_servers(c, plan, &want, out)));
    out->list[0].plan = *plan;
    out->n = 1;
    return count_in_dialog(u, out, corehop_uri(c, d, next, &out->list[0].plan));
}

static enum forward_refusal find_way(struct context *c, const struct packet *p, const struct msg *m,
                                     const struct dialog *d, struct target_set *out)
{
    const bool is_between_phones = d->is_from_phone && d->n_legs == 2; /* no upstream stayed */
    const struct forward_plan plan = {.n_routes = d->n_routes,
                                      .is_way_recorded = m->method == METHOD_NOTIFY,
                                      .is_past_upstream = is_between_phones};
    if (d->is_from_phone && !is_between_phones)
        return to_core(c, m, d, &plan, out);
    out->list[0].plan = plan;
    out->n = 1;
    return to_phone(c, p, m, d, &out->list[0].plan.flow);
}

static enum forward_refusal in_dialog(struct context *c, const struct packet *p,
                                      const struct msg *m, const struct dialog *d,
                                      struct target_set *out)
{
    struct uri u;
    enum forward_refusal why = FORWARD_OK;
    /* A signed Route is the right to go on with a dialog, not to begin one. */
    if (d->is_forged || d->n_legs == 0 || str_is_none(m->to_tag))
        return FORWARD_DIALOG;
    if (uri_parse(m->uri, &u) || u.scheme > URI_SIPS)
        return FORWARD_SCHEME;
    if (d->is_from_phone && !servers_owner(c, &p->flow))
        why = mandate_in_dialog(c, p, m, d, out);
    if (why == FORWARD_OK)
        why = find_way(c, p, m, d, out);
    for (size_t i = 0; i < out->n; i++)
        out->list[i].plan.identity = identity_in_dialog(c, p, &out->list[i].plan);
    return why;
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
    const struct conf_upstream *upstream = servers_owner(c, &p->flow);
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
    *t = (struct target){.q = TARGET_Q_DEFAULT, .device = hash_str(&c->loop_key, place->uri) | 1};
    out->n += trunk_plan(c, place, &t->plan);
}

static enum forward_refusal add_places(struct context *c, const struct conf_line *fixed,
                                       const struct msg *m, struct target_set *out)
{
    enum forward_refusal why = FORWARD_AWAY;
    for (size_t i = 0; i < fixed->n_places; i++) {
        const struct conf_place *place = &fixed->places[i];
        const struct callees_line devices = {
            .aor = place->aor, .domain = place->domain, .contact = STR_NONE};
        if (str_is_none(place->aor))
            add_contact(c, fixed, place, out);
        else if (callees_find(c, &devices, m, out) == FORWARD_UNABLE)
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
static enum forward_refusal find_devices(struct context *c, struct callees_line *line,
                                         const struct msg *m, struct target_set *out)
{
    const struct conf_line *fixed = conf_line_find(c->conf, line->aor);
    if (!fixed || fixed->n_places == 0)
        return callees_find(c, line, m, out);
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
    if (at->family ? corehop_address(c, at, &last->plan)
                   : corehop_upstream(c, d->upstream, STR_NONE, &last->plan))
        return set->n ? FORWARD_OK : FORWARD_EGRESS;
    last->plan.identity.is_to_phone = !servers_owner(c, &last->plan.flow);
    set->n++;
    return FORWARD_OK;
}

/* What the domain makes of the devices of a whole line. A request that means one device of it, by a
 * token or its Contact, is part of somebody else's fork. */
static enum forward_refusal arrange(struct context *c, const struct callees_line *line,
                                    const struct msg *m, struct target_set *set)
{
    const struct conf_domain *d = line->domain;
    bool is_one =
        !str_is_none(line->contact) || (line->upreg_id && d->absorb.mode != MODE_AOR_THROTTLE);
    bool is_invite = m->method == METHOD_INVITE;
    enum forward_refusal why = set->n ? FORWARD_OK : FORWARD_AWAY;
    if (is_one)
        return why;
    set->is_redirect = d->strategy == CONF_FORK_REDIRECT;
    /* what is no INVITE has no time for one group after another (RFC 4320) */
    set->is_by_q = set->is_redirect || (d->strategy == CONF_FORK_Q && is_invite);
    set->can_grow = d->has_late_fork && is_invite && !line->is_closed;
    if (set->is_by_q)
        group_by_q(set);
    if (is_invite && !str_is_none(d->fallback.text) && !uri_is_sips(m->uri))
        why = add_fallback(c, d, set);
    return why;
}

static enum forward_refusal to_line(struct context *c, const struct packet *p, const struct msg *m,
                                    const struct dialog *d, struct target_set *out)
{
    struct uri u;
    struct callees_line line = {.contact = STR_NONE};
    if (m->method == METHOD_INVITE)
        signs_on_invite(c, &p->flow);
    if (uri_parse(m->uri, &u))
        return FORWARD_BAD_URI;
    if (u.scheme > URI_SIPS)
        return FORWARD_SCHEME;
    bool has_token = token_in(c, &u, d, &line.upreg_id);
    if (!has_token && gruu_is(c, &u))
        return conf_domain_find(c->conf, u.host)->upstream == servers_owner(c, &p->flow)
                   ? gruucall_from_upstream(c, &u, m, d->n_routes, out)
                   : FORWARD_UNKNOWN;
    bool is_found = has_token
                        ? store_find_upreg(c->reader, &c->scratch, line.upreg_id, &line.aor) == 0
                        : aor_without_token(c, p, m, &u, &line.aor);
    if (!is_found)
        return FORWARD_UNKNOWN;
    line.is_by_path = has_token && !str_is_none(d->path_user);
    if (!has_token && !conf_domain_find(c->conf, u.host) &&
        !egress_is_us(c->egress, u.host, u.port, &p->flow))
        line.contact = m->uri;
    line.domain = regview_domain(c->conf, line.aor);
    if (has_token && m->method == METHOD_INVITE)
        signs_on_delivered(c, &p->flow, line.aor, line.upreg_id);
    enum forward_refusal why = find_devices(c, &line, m, out);
    if (why == FORWARD_OK || why == FORWARD_AWAY)
        why = arrange(c, &line, m, out);
    for (size_t i = 0; i < out->n; i++)
        for (struct forward_plan *plan = &out->list[i].plan; plan; plan = plan->other)
            plan->n_routes = d->n_routes;
    out->is_to_phones = true;
    return why;
}

enum forward_refusal target_find_line(struct context *c, struct str aor, const struct msg *m,
                                      struct target_set *out)
{
    struct callees_line line = {
        .aor = aor, .domain = regview_domain(c->conf, aor), .contact = STR_NONE};
    enum forward_refusal why = find_devices(c, &line, m, out);
    return why == FORWARD_OK ? arrange(c, &line, m, out) : why;
}

enum forward_refusal target_find_devices(struct context *c, struct str aor, const struct msg *m,
                                         struct target_set *out)
{
    const struct callees_line line = {
        .aor = aor, .domain = regview_domain(c->conf, aor), .contact = STR_NONE};
    return callees_find(c, &line, m, out);
}

/* ---------------------------------------------------------------- from a phone */

/* RFC 7339: the first of the servers that lets it go has it; those before it do without. The others
 * are asked when they have their turn. */
static enum forward_refusal choose_server(const struct conf_upstream *u, struct target_set *set)
{
    unsigned n = 0;
    while (n < set->n_servers && !shield_is_let(u, &set->list[n].plan.flow, set->right))
        n++;
    set->n_servers -= n;
    set->n = set->n_servers;
    for (unsigned i = 0; i < set->n_servers && n; i++) {
        set->list[i] = set->list[i + n];
        set->list[i].group = i;
    }
    set->trial = set->n_servers > 1 ? set->trial : 0;
    return set->n_servers ? FORWARD_OK : FORWARD_OVERLOADED;
}

/* RFC 7339 5.10.1: what begins outside a dialog may be held back, an emergency call never. */
static enum forward_refusal may_go(struct context *c, const struct packet *p, const struct msg *m,
                                   struct target_set *set)
{
    const struct conf_domain *d = set->caller_domain;
    bool is_right = m->method == METHOD_ACK || barrier_is_emergency(c, p, m, d);
    if (d->upstream->shield && outage_is_held(d->upstream->shield) && !is_right) {
        set->n = set->n_servers = 0; /* devices may have it */
        return FORWARD_DRAINED;
    }
    set->right = is_right ? THROTTLE_ALWAYS : THROTTLE_CALL;
    return choose_server(d->upstream, set);
}

/* D70, D88: to the upstream of the line, whatever the Route says. What the phone has put there
 * goes: upstream trusts us and would follow it, to anywhere. In its place comes the Service-Route
 * that the phone was given with its registration, which is the same again if the phone does as it
 * was told. */
static enum forward_refusal from_phone(struct context *c, const struct packet *p,
                                       const struct msg *m, struct target_set *out)
{
    struct sender sender = {.domain = NULL};
    enum forward_refusal why = mandate_find(c, p, m, out, &sender);
    if (why != FORWARD_OK)
        return why;
    out->caller = sender.aor;
    if (forward_is_here(c, p, m)) /* RFC 3261 8.2: who it is comes first */
        return FORWARD_METHOD;
    struct forward_plan plan = {.phone = reach_way(&p->flow),
                                .line = sender.line,
                                .has_phone = true,
                                .is_from_phone = true,
                                .uri = callerid_number(c, m, sender.domain),
                                .n_routes = FORWARD_ALL_ROUTES,
                                .route = sender.service_route};
    out->caller_domain = sender.domain;
    const struct callerid_line line = {sender.domain, out->caller};
    why = barrier_judge(c, p, m, &line);
    if (why == FORWARD_OK)
        why = callerid_assert(c, m, &line, &plan.identity);
    struct uri u;
    if (why == FORWARD_OK && bridge_takes(m) && uri_parse(m->uri, &u) == 0 && gruu_is(c, &u))
        return gruucall_from_phone(c, &u, m, &plan, out);
    const struct server_want want = {
        .upstream = sender.domain->upstream, .aor = out->caller, .home = sender.home};
    if (why == FORWARD_OK)
        why = corehop_refusal(add_servers(c, &plan, &want, out));
    return why == FORWARD_OK ? may_go(c, p, m, out) : why;
}

static enum forward_refusal find(struct context *c, const struct packet *p, const struct msg *m,
                                 struct target_set *out)
{
    struct dialog d;
    dialog_read(c, p, m, &d);
    if (!str_is_none(m->to_tag) || d.n_legs || d.is_forged)
        return in_dialog(c, p, m, &d, out);
    if (servers_owner(c, &p->flow))
        return forward_is_here(c, p, m) ? FORWARD_METHOD : to_line(c, p, m, &d, out);
    return from_phone(c, p, m, out);
}

enum forward_refusal target_find(struct context *c, const struct packet *p, const struct msg *m,
                                 struct target_set *out)
{
    enum forward_refusal why = find(c, p, m, out);
    for (size_t i = 0; i < out->n && why == FORWARD_OK; i++)
        if (forward_is_downgrade(m, &out->list[i].plan))
            why = FORWARD_SCHEME;
    return why;
}
