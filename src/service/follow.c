#include "service/follow.h"

#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "core/redirect.h"
#include "net/loop.h"
#include "service/barrier.h"
#include "service/dialog.h"
#include "service/callees.h"
#include "service/egress.h"
#include "service/gruu.h"
#include "service/gruucall.h"
#include "service/local.h"
#include "service/regview.h"
#include "service/servers.h"
#include "service/silence.h"

enum { SIP_PORT = 5060, SHOWN_MAX = 200 };

/* One redirect on its way to be targets. */
struct pursuit {
    const struct follow *call;
    size_t branch;
    const struct conf_domain *domain;
    struct target_set found; /* groups: of equal q */
    unsigned group;
    uint32_t n_in_group;
    uint32_t left_s; /* of the Contact at hand */
    bool is_tried;   /* a Contact leads to a target of this call */
};

/* ---------------------------------------------------------------- what may be a target */

static struct str shown(struct str s)
{
    return (struct str){s.p, s.n < SHOWN_MAX ? s.n : SHOWN_MAX};
}

/* maddr would lead whoever heeds it to another host than the one that is allowed. A device sends
 * calls nowhere where it might not call itself. */
static bool is_allowed(const struct pursuit *p, const struct uri *u)
{
    struct str maddr;
    bool is_listed =
        !uri_param(u, STR("maddr"), &maddr) && conf_domain_redirects_to(p->domain, u->host);
    if (is_listed && barrier_may_reach(p->call->context, u, p->domain))
        return true;
    struct str line = LOG_NAME_OF(shown(p->call->aor)), text = LOG_NAME_OF(shown(u->text));
    stats_inc(STAT_REDIRECT_NOT_ALLOWED);
    log_info("%s does not allow a device of %.*s to redirect a call to %.*s",
             is_listed ? "destinations" : "redirect-targets", STR_FMT(line), STR_FMT(text));
    return false;
}

static bool is_tried(const struct pursuit *p, const struct target *t, const struct uri *u)
{
    struct uri other;
    if (hunt_has(p->call->hunt, t->device) || hunt_has_uri(p->call->hunt, u))
        return true;
    for (size_t i = 0; i < p->found.n; i++)
        if (p->found.list[i].device == t->device ||
            (uri_parse(p->found.list[i].plan.uri, &other) == 0 && uri_is_equal(&other, u)))
            return true;
    return false;
}

/* D74: those that were followed have made room, the one at hand, too. */
static bool is_full(const struct pursuit *p)
{
    size_t n = hunt_count(p->call->hunt) + p->found.n - 1;
    for (size_t i = 0; i < p->call->fork->n; i++)
        n -= p->call->fork->branches[i].is_followed;
    return n >= p->domain->max_branches || p->n_in_group == p->call->breadth ||
           p->call->hunt->n + p->found.n >= FORK_GROWN_MAX;
}

static void add_target(struct pursuit *p, const struct target *t)
{
    const struct hunt_entry *from = &p->call->hunt->list[p->branch];
    struct uri u;
    if (uri_parse(t->plan.uri, &u)) {
        stats_inc(STAT_REDIRECT_UNUSABLE);
    } else if (is_tried(p, t, &u)) {
        p->is_tried = true;
        stats_inc(STAT_REDIRECT_TRIED);
    } else if (from->depth == FOLLOW_DEPTH_MAX) {
        stats_inc(STAT_REDIRECT_DEPTH);
    } else if (is_full(p)) {
        stats_inc(STAT_REDIRECT_FULL);
    } else {
        struct target *added = &p->found.list[p->found.n++];
        *added = *t;
        added->plan.n_routes = from->plan->n_routes;
        for (struct forward_plan *o = added->plan.other; o; o = o->other)
            o->n_routes = from->plan->n_routes;
        if (from->plan->is_from_phone)
            local_bridge(p->call->context, p->domain->upstream, from->plan, added);
        added->group = p->group;
        added->left_s = p->left_s;
        p->n_in_group++;
    }
}

/* ---------------------------------------------------------------- where a Contact leads */

/* Where a call is between phones because its upstream is silent, that is no way. */
static bool is_silent(const struct pursuit *p, const struct conf_upstream *u)
{
    return p->call->hunt->list[p->branch].plan->is_from_phone && u &&
           silence_has(p->call->context->silence, dialog_core_mark(u), sys_service_s());
}

/* No phone's dialog begins there, so both sides speak to each other without us. */
static void add_flow(struct pursuit *p, const struct uri *u, const struct flow_ref *flow)
{
    struct context *c = p->call->context;
    const bool is_foreign = !servers_owner(c, flow);
    struct target t = {.plan = {.flow = *flow,
                                .uri = callees_uri(c, u->text),
                                .identity = {.is_to_phone = is_foreign}}};
    t.device = hash_str(&c->loop_key, t.plan.uri) | 1;
    add_target(p, &t);
}

static void add_core(struct pursuit *p, const struct uri *u, const struct addr *server)
{
    struct context *c = p->call->context;
    struct flow_ref flow;
    if (is_silent(p, servers_owner_of(c, server, FLOW_UDP)) ||
        egress_pick(c->egress, CONF_SIDE_CORE, server, &flow))
        stats_inc(STAT_REDIRECT_UNUSABLE);
    else
        add_flow(p, u, &flow);
}

static void add_upstream(struct pursuit *p, const struct uri *u, const struct conf_upstream *to)
{
    const struct server_want want = {.upstream = to};
    struct server_tries tries = {.n = 0};
    struct flow_ref flow;
    if (is_silent(p, to) || servers_pick(p->call->context->servers, &want, &tries, &flow))
        stats_inc(STAT_REDIRECT_UNUSABLE);
    else
        add_flow(p, u, &flow);
}

/* One of our own addresses that is no domain's alias names nobody. */
static void add_address(struct pursuit *p, const struct uri *u, const struct addr *at)
{
    struct str transport;
    bool is_other = uri_param(u, STR("transport"), &transport) && !str_ieq(transport, STR("udp"));
    if (is_other || addr_is_any(at) ||
        egress_is_us(p->call->context->egress, u->host, u->port, p->call->source))
        stats_inc(STAT_REDIRECT_UNUSABLE);
    else
        add_core(p, u, at);
}

/* A line that has no device now may be somewhere else, but for the one that is called: upstream has
 * sent it here. */
static void add_line(struct pursuit *p, const struct redirect_contact *r,
                     const struct conf_domain *served)
{
    struct context *c = p->call->context;
    struct target_set line = {0};
    struct str aor;
    if (!regview_aor(&c->scratch, c->conf, r->text, &aor)) {
        stats_inc(STAT_REDIRECT_UNUSABLE);
        return;
    }
    bool is_device = gruu_is(c, &r->uri);
    bool is_here = (is_device ? gruucall_find(c, &r->uri, p->call->request, &line)
                              : target_find_devices(c, aor, p->call->request, &line)) == FORWARD_OK;
    stats_add(STAT_OWN_DEVICE, line.n_own);
    stats_add(STAT_LEFT_OUT, (int64_t)line.n_left_out);
    for (size_t i = 0; i < line.n; i++)
        add_target(p, &line.list[i]);
    if (!is_here && is_device) {
        stats_inc(STAT_REDIRECT_UNUSABLE);
    } else if (!is_here && str_eq(aor, p->call->aor)) {
        p->is_tried = true;
        stats_inc(STAT_REDIRECT_TRIED);
    } else if (!is_here) {
        add_upstream(p, &r->uri, served->upstream);
    }
}

static void add_contact(struct pursuit *p, const struct redirect_contact *r)
{
    const struct conf_domain *served = conf_domain_find(p->call->context->conf, r->uri.host);
    struct addr at = {.port = r->uri.port ? r->uri.port : SIP_PORT};
    p->left_s = r->left_s;
    if (!is_allowed(p, &r->uri))
        return;
    if (served)
        add_line(p, r, served);
    else if (addr_parse_host(r->uri.host, &at) == 0)
        add_address(p, &r->uri, &at);
    else
        add_upstream(p, &r->uri, p->domain->upstream);
}

static void add_contacts(struct pursuit *p, const struct msg *m)
{
    struct redirect r;
    redirect_parse(m, &r);
    stats_add(STAT_REDIRECT_UNUSABLE, (int64_t)r.n_unusable);
    stats_add(STAT_REDIRECT_EXPIRED, (int64_t)r.n_expired);
    stats_add(STAT_REDIRECT_FULL, (int64_t)r.n_cut);
    for (size_t i = 0; i < r.n; i++) {
        if (i && r.list[i].q < r.list[i - 1].q) {
            p->group++;
            p->n_in_group = 0;
        }
        add_contact(p, &r.list[i]);
    }
}

/* ---------------------------------------------------------------- the door */

/* RFC 5393 5: the targets share what is free; one part is kept for who comes next. */
static void share_breadth(struct target_set *set, uint32_t breadth)
{
    for (size_t i = 0; i < set->n; i++) {
        uint32_t n = 0;
        for (size_t k = 0; k < set->n; k++)
            n += set->list[k].group == set->list[i].group;
        set->list[i].plan.max_breadth = breadth / (n + (n < breadth));
    }
}

static bool is_followed(const struct follow *f, size_t branch, unsigned status,
                        const struct conf_domain **domain)
{
    const struct hunt_entry *e = &f->hunt->list[branch];
    if (!redirect_is_to_targets(status) || str_is_none(f->aor) || !e->device ||
        !fork_can_redirect(f->fork, branch))
        return false;
    *domain = regview_domain(f->context->conf, f->aor); /* it may have changed since */
    return *domain && (*domain)->redirects == CONF_REDIRECTS_FOLLOW;
}

/* The targets that were found are next; false: there is none. */
static bool put(struct pursuit *p)
{
    const struct follow *f = p->call;
    share_breadth(&p->found, f->breadth);
    if (p->found.n == 0)
        return false;
    if (hunt_add_redirect(f->hunt, p->branch, &p->found, loop_now_ms(f->context->loop), f->arena)) {
        stats_add(STAT_REDIRECT_FULL, (int64_t)p->found.n);
        return false;
    }
    stats_inc(STAT_REDIRECT_FOLLOWED);
    return true;
}

/* RFC 5626 5.3, 7: 430 by the proxy next to the device; no answer; or no way to send it (m is NULL,
 * call.c). What is no INVITE has no time left after a silence (RFC 4320). */
static bool is_flow_failed(const struct follow *f, unsigned status, const struct msg *m)
{
    return status == 430 || (status == 408 && f->fork->is_invite) ||
           (!m && (status == 480 || status == 503));
}

static bool put_flow(const struct follow *f, size_t branch)
{
    uint32_t breadth = f->breadth - (f->breadth > 1); /* one part for who comes next */
    if (!f->request || !breadth || !fork_can_redirect(f->fork, branch) ||
        !hunt_add_flow(f->hunt, branch, breadth))
        return false;
    stats_inc(STAT_NEXT_FLOW);
    return true;
}

/* A redirect to targets that are being tried, or were, says no more than that nobody is there: its
 * Contacts would send the caller's side to where it has been (16.7 step 4). */
unsigned follow_on_response(const struct follow *f, size_t branch, unsigned status,
                            const struct msg **m)
{
    struct pursuit p = {.call = f, .branch = branch};
    if (is_flow_failed(f, status, *m) && put_flow(f, branch)) {
        *m = NULL;
        return fork_on_redirect(f->fork, branch, true);
    }
    if (!*m || !is_followed(f, branch, status, &p.domain))
        return fork_on_response(f->fork, branch, status);
    add_contacts(&p, *m);
    bool has_new = put(&p);
    if (!has_new && !p.is_tried)
        return fork_on_response(f->fork, branch, status);
    *m = NULL;
    return fork_on_redirect(f->fork, branch, has_new);
}
