#include "service/local.h"

#include "base/err.h"
#include "base/stats.h"
#include "base/sys.h"
#include "service/barrier.h"
#include "service/bridge.h"
#include "service/caller.h"
#include "service/dialog.h"
#include "service/outage.h"
#include "service/reach.h"
#include "service/regview.h"
#include "service/servers.h"
#include "service/silence.h"
#include "sip/uri.h"

/* Whoever has such a number as his name is not meant. */
static bool is_emergency(struct context *c, const struct packet *p, const struct msg *m,
                         const struct target_set *set)
{
    return barrier_is_emergency(c, p, m, set->caller_domain);
}

static bool is_caller_shown(struct context *c, const struct msg *m, const struct target_set *set)
{
    const struct callerid_line line = {set->caller_domain, set->caller};
    return bridge_is_caller_shown(c, m, &line);
}

/* A name of one device (RFC 5627) is no name of its line. */
static bool is_for_one_device(const struct msg *m)
{
    struct uri u;
    struct str ignored;
    return uri_parse(m->uri, &u) == 0 && uri_param(&u, STR("gr"), &ignored);
}

/* Another upstream may be well, and has its own rules. */
static bool may_be_local(const struct conf_domain *caller, const struct conf_domain *called)
{
    return called && called->upstream == caller->upstream &&
           caller->local_calls != CONF_LOCAL_NEVER && called->local_calls != CONF_LOCAL_NEVER;
}

/* Whom such a request is for, and who has sent it. */
struct local {
    struct str aor;
    struct way caller;
    const struct forward_plan *plan; /* by way of the upstream */
    const struct conf_domain *from, *to;
    bool is_own;     /* a line calls itself */
    size_t n_by_way; /* devices that come by the same way as the caller */
};

/* By way of it, as a fallback may be. */
static bool is_upstream(const struct context *c, const struct conf_upstream *u,
                        const struct target *t)
{
    return servers_has(c, u, &t->plan.flow.peer);
}

void local_bridge(const struct context *c, const struct conf_upstream *u,
                  const struct forward_plan *from, struct target *t)
{
    bridge_plan(from, t->plan.has_phone || !is_upstream(c, u, t), &t->plan);
}

static bool is_by_way_of(const struct target *t, const struct way *way)
{
    return t->plan.has_phone && binding_is_same_way(&t->plan.phone, way);
}

/* The device that calls its own line, as in caller.c. */
static bool is_caller(const struct local *l, const struct msg *m, const struct target *t)
{
    return l->is_own && is_by_way_of(t, &l->caller) &&
           (l->n_by_way == 1 || caller_has_contact(m, t->plan.uri));
}

/* The device that calls does not ring, and a fallback that the silent upstream would have to reach
 * is none. The number of devices among the targets that are left. */
static size_t keep_useful(const struct context *c, struct local *l, const struct msg *m,
                          bool is_outage, struct target_set *set)
{
    size_t n = 0, n_devices = 0;
    for (size_t i = 0; i < set->n; i++)
        l->n_by_way += is_by_way_of(&set->list[i], &l->caller);
    for (size_t i = 0; i < set->n; i++) {
        struct target *t = &set->list[i];
        bool is_own = is_caller(l, m, t);
        set->n_own += is_own;
        if (is_own || (!t->plan.has_phone && is_outage && is_upstream(c, l->from->upstream, t)))
            continue;
        n_devices += t->plan.has_phone;
        local_bridge(c, l->from->upstream, l->plan, t);
        set->list[n++] = *t;
    }
    set->n = n;
    return n_devices;
}

/* A phone is not told to find others by itself. What is no INVITE has no time for one group after
 * another (RFC 4320). */
static void flatten(const struct msg *m, struct target_set *set)
{
    set->is_redirect = false;
    set->is_by_q = set->is_by_q && m->method == METHOD_INVITE;
    for (size_t i = 0; i < set->n && m->method != METHOD_INVITE; i++)
        set->list[i].group = 0;
}

/* They have their turn only if it is silent. */
static void put_first(const struct target_set *upstream, uint16_t mark, struct target_set *devices)
{
    const unsigned n = upstream->n_servers;
    BUG_ON(devices->n + n > FORK_BRANCHES_MAX);
    for (size_t i = devices->n; i > 0; i--) {
        devices->list[i - 1 + n] = devices->list[i - 1];
        devices->list[i - 1 + n].group += n;
    }
    memcpy(devices->list, upstream->list, n * sizeof *devices->list);
    devices->n += n;
    devices->n_servers = n;
    devices->right = upstream->right;
    devices->trial = mark;
}

static bool find(struct context *c, const struct packet *p, const struct msg *m,
                 const struct target_set *set, struct local *l)
{
    l->from = set->caller_domain;
    if (!l->from || !bridge_takes(m) || is_for_one_device(m) || !is_caller_shown(c, m, set) ||
        is_emergency(c, p, m, set) || !regview_aor(&c->scratch, c->conf, m->uri, &l->aor))
        return false;
    l->to = regview_domain(c->conf, l->aor);
    l->caller = reach_way(&p->flow);
    l->plan = &set->list[0].plan;
    l->n_by_way = 0;
    l->is_own = !str_is_none(set->caller) && str_eq(set->caller, l->aor);
    return may_be_local(l->from, l->to);
}

static enum local_how add(struct context *c, const struct msg *m, struct local *l,
                          struct target_set *set)
{
    struct target_set devices = {
        .caller_domain = set->caller_domain, .caller = set->caller, .own_realm = set->own_realm};
    const uint16_t mark = dialog_core_mark(l->from->upstream);
    enum local_how how = LOCAL_TRIAL;
    if (l->from->local_calls == CONF_LOCAL_ALWAYS && l->to == l->from)
        how = LOCAL_POLICY;
    else if (!set->n_servers || silence_has(c->silence, mark, sys_service_s()) ||
             outage_is_down(l->from->upstream))
        how = LOCAL_OUTAGE;
    if (target_find_line(c, l->aor, m, &devices) != FORWARD_OK ||
        !keep_useful(c, l, m, how != LOCAL_POLICY, &devices))
        return LOCAL_NOT;
    flatten(m, &devices);
    if (how == LOCAL_TRIAL)
        put_first(set, mark, &devices);
    *set = devices;
    return how;
}

enum local_how local_add(struct context *c, const struct packet *p, const struct msg *m,
                         struct target_set *set)
{
    struct local l;
    return find(c, p, m, set, &l) ? add(c, m, &l, set) : LOCAL_NOT;
}
