#include "service/gruucall.h"

#include "base/stats.h"
#include "service/bridge.h"
#include "service/callees.h"
#include "service/gruu.h"
#include "service/location.h"
#include "service/regview.h"
#include "store/store.h"

/* The instance of a temporary name's device: none if it is not registered. False: the name is void,
 * as no flow of the device has the Call-ID any more that it was given with (RFC 5627 3.1). */
static bool find_instance(struct context *c, const struct gruu *g, struct callees_line *line)
{
    struct location now;
    bool is_valid = false;
    if (location_read(c, &c->scratch, line->aor, &now))
        return false;
    for (size_t i = 0; i < now.record->n_bindings; i++) {
        const struct binding *b = &now.record->bindings[i];
        if (!b->instance.n || gruu_hash(c, b->instance) != g->claim.instance)
            continue;
        line->instance = b->instance;
        is_valid = is_valid || gruu_hash(c, b->call_id) == g->claim.call_id;
    }
    return is_valid || !line->instance.n;
}

static enum forward_refusal find_line(struct context *c, const struct uri *u,
                                      struct callees_line *line)
{
    struct gruu g;
    gruu_read(c, line->domain, u, &g);
    line->instance = g.instance;
    if (g.kind == GRUU_PUBLIC)
        return regview_aor(&c->scratch, c->conf, u->text, &line->aor) ? FORWARD_OK
                                                                      : FORWARD_UNKNOWN;
    if (g.kind != GRUU_TEMPORARY || !gruu_find_line(c, line->domain, &g, &line->aor))
        return FORWARD_UNKNOWN;
    if (!find_instance(c, &g, line)) {
        stats_inc(STAT_GRUU_VOID);
        return FORWARD_UNKNOWN;
    }
    return line->instance.n ? FORWARD_OK : FORWARD_AWAY;
}

static void count(enum forward_refusal why)
{
    if (why == FORWARD_OK)
        stats_inc(STAT_GRUU_FOUND);
    else if (why == FORWARD_UNKNOWN)
        stats_inc(STAT_GRUU_UNKNOWN);
    else
        stats_inc(STAT_GRUU_AWAY);
}

/* of: as line of gruucall_find_flow. */
static bool is_line(struct context *c, uint64_t of, const struct callees_line *line)
{
    struct str aor;
    return !of ||
           (store_find_upreg(c->reader, &c->scratch, of, &aor) == 0 && str_eq(aor, line->aor));
}

static enum forward_refusal find(struct context *c, const struct uri *u, const struct msg *m,
                                 uint64_t of, struct target_set *out)
{
    struct callees_line line = {.aor = STR_NONE,
                                .domain = conf_domain_find(c->conf, u->host),
                                .contact = STR_NONE,
                                .instance = STR_NONE};
    enum forward_refusal why = find_line(c, u, &line);
    if (why == FORWARD_OK && !is_line(c, of, &line))
        why = FORWARD_UNKNOWN;
    if (why == FORWARD_OK)
        why = callees_find(c, &line, m, out);
    count(why);
    return why;
}

enum forward_refusal gruucall_find(struct context *c, const struct uri *u, const struct msg *m,
                                   struct target_set *out)
{
    return find(c, u, m, 0, out);
}

bool gruucall_find_flow(struct context *c, const struct uri *u, const struct msg *m, uint64_t line,
                        struct flow_ref *out)
{
    struct target_set found = {0};
    if (find(c, u, m, line, &found) != FORWARD_OK)
        return false;
    *out = found.list[0].plan.flow;
    return true;
}

enum forward_refusal gruucall_from_phone(struct context *c, const struct uri *u,
                                         const struct msg *m, const struct forward_plan *from,
                                         struct target_set *out)
{
    const struct callerid_line line = {out->caller_domain, out->caller};
    if (!bridge_is_caller_shown(c, m, &line))
        return FORWARD_IDENTITY;
    enum forward_refusal why = gruucall_find(c, u, m, out);
    for (size_t i = 0; i < out->n; i++)
        bridge_plan(from, true, &out->list[i].plan);
    return why;
}

enum forward_refusal gruucall_from_upstream(struct context *c, const struct uri *u,
                                            const struct msg *m, unsigned n_routes,
                                            struct target_set *out)
{
    enum forward_refusal why = gruucall_find(c, u, m, out);
    for (size_t i = 0; i < out->n; i++)
        for (struct forward_plan *plan = &out->list[i].plan; plan; plan = plan->other)
            plan->n_routes = n_routes;
    out->is_to_phones = true;
    return why;
}
