#include "service/local.h"

#include "base/err.h"
#include "base/stats.h"
#include "base/sys.h"
#include "service/caller.h"
#include "service/dialog.h"
#include "service/regview.h"
#include "service/silence.h"
#include "sip/uri.h"

/* What people say to each other. All else asks for a service, and that is the upstream's. */
static bool is_for_people(const struct msg *m)
{
    return m->method == METHOD_INVITE || m->method == METHOD_MESSAGE;
}

/* RFC 3323 4.1.1.3 */
static bool is_anonymous(const struct msg *m)
{
    struct uri u;
    return uri_parse(m->from.uri, &u) == 0 && str_ieq(u.host, STR("anonymous.invalid"));
}

/* Nobody but the upstream can say who else may be shown as the caller. */
static bool is_caller_shown(struct context *c, const struct msg *m, struct str caller)
{
    struct str from;
    return str_is_none(caller) || is_anonymous(m) ||
           (regview_aor(&c->scratch, c->conf, m->from.text, &from) && str_eq(from, caller));
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
    const struct conf_domain *from, *to;
    bool is_own;     /* a line calls itself */
    size_t n_by_way; /* devices that come by the same way as the caller */
};

/* By way of it, as a fallback may be. */
static bool is_upstream(const struct conf_upstream *u, const struct target *t)
{
    return addr_is_equal(&t->plan.flow.peer, &u->servers[0].addr);
}

void local_bridge(const struct conf_upstream *u, const struct way *caller, struct target *t)
{
    struct forward_plan *plan = &t->plan;
    plan->is_between_phones = plan->has_phone;
    plan->is_past_upstream = plan->has_phone || !is_upstream(u, t);
    plan->phone = *caller;
    plan->has_phone = plan->is_from_phone = true;
    plan->n_routes = FORWARD_ALL_ROUTES;
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
static size_t keep_useful(struct local *l, const struct msg *m, bool is_outage,
                          struct target_set *set)
{
    size_t n = 0, n_devices = 0;
    for (size_t i = 0; i < set->n; i++)
        l->n_by_way += is_by_way_of(&set->list[i], &l->caller);
    for (size_t i = 0; i < set->n; i++) {
        struct target *t = &set->list[i];
        bool is_own = is_caller(l, m, t);
        set->n_own += is_own;
        if (is_own || (!t->plan.has_phone && is_outage && is_upstream(l->from->upstream, t)))
            continue;
        n_devices += t->plan.has_phone;
        local_bridge(l->from->upstream, &l->caller, t);
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
static void put_first(const struct target *upstream, uint16_t mark, struct target_set *devices)
{
    BUG_ON(devices->n == FORK_BRANCHES_MAX);
    for (size_t i = devices->n++; i > 0; i--) {
        devices->list[i] = devices->list[i - 1];
        devices->list[i].group++;
    }
    devices->list[0] = *upstream;
    devices->trial = mark;
}

static bool find(struct context *c, const struct packet *p, const struct msg *m,
                 const struct target_set *set, struct local *l)
{
    l->from = set->caller_domain;
    if (!l->from || !is_for_people(m) || !is_caller_shown(c, m, set->caller) ||
        !regview_aor(&c->scratch, c->conf, m->uri, &l->aor))
        return false;
    l->to = regview_domain(c->conf, l->aor);
    l->caller = regview_way(&p->flow);
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
    else if (silence_has(c->silence, mark, sys_service_s()))
        how = LOCAL_OUTAGE;
    if (target_find_line(c, l->aor, m, &devices) != FORWARD_OK ||
        !keep_useful(l, m, how != LOCAL_POLICY, &devices))
        return LOCAL_NOT;
    flatten(m, &devices);
    if (how == LOCAL_TRIAL)
        put_first(&set->list[0], mark, &devices);
    *set = devices;
    return how;
}

enum local_how local_add(struct context *c, const struct packet *p, const struct msg *m,
                         struct target_set *set)
{
    struct local l;
    return find(c, p, m, set, &l) ? add(c, m, &l, set) : LOCAL_NOT;
}
