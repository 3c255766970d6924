#include "service/leg.h"

#include <stdlib.h>

#include "base/stats.h"
#include "base/sys.h"
#include "net/loop.h"
#include "store/store.h"

/* The id is a keyed hash itself. */
struct leg *leg_find(const struct hmap *map, uint64_t upreg_id)
{
    struct hmap_node *n = map->n ? hmap_first(map, upreg_id) : NULL;
    for (; n; n = hmap_next(n)) {
        struct leg *l = container_of(n, struct leg, node);
        if (l->upreg_id == upreg_id)
            return l;
    }
    return NULL;
}

void leg_free(struct leg *l)
{
    leg_release(l);
    loop_timer_stop(l->context->loop, &l->calm);
    wallet_empty(&l->wallet);
    hmap_del(l->map, &l->node);
    stats_dec(STAT_LEGS);
    free(l);
}

/* A challenge that nobody answered is forgotten; then the leg is, unless it is in use. */
static void on_calm(void *arg)
{
    struct leg *l = arg;
    uint64_t keep_ms = wallet_keep_ms(&l->wallet, sys_service_s());
    if (!l->busy)
        leg_release(l);
    if (l->n_users == 0 && keep_ms)
        loop_timer_start(l->context->loop, &l->calm, keep_ms);
    else if (l->n_users == 0)
        leg_free(l);
}

static struct leg *leg_new(struct context *c, struct hmap *map, uint64_t upreg_id)
{
    struct leg *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->context = c;
    l->map = map;
    l->upreg_id = upreg_id;
    list_init(&l->waiting);
    wheel_timer_init(&l->calm, on_calm, l);
    l->node.hash = upreg_id;
    if (hmap_add(map, &l->node)) {
        free(l);
        return NULL;
    }
    stats_inc(STAT_LEGS);
    return l;
}

struct leg *leg_get(struct context *c, struct hmap *map, uint64_t upreg_id)
{
    struct leg *l = leg_find(map, upreg_id);
    return l ? l : leg_new(c, map, upreg_id);
}

void leg_join(struct leg *l)
{
    l->n_users++;
}

void leg_leave(struct leg *l)
{
    if (--l->n_users == 0)
        loop_timer_start(l->context->loop, &l->calm, LEG_CALM_S * 1000ULL);
}

void leg_hold(struct leg *l, const struct lease_ref *refs, size_t n)
{
    leg_release(l);
    l->n_pending = n < LEG_REFS ? n : LEG_REFS;
    for (size_t i = 0; i < l->n_pending; i++) {
        l->pending[i] = refs[i];
        lease_set_pending(store_leases(l->context->store), refs[i], true);
    }
}

void leg_release(struct leg *l)
{
    for (size_t i = 0; i < l->n_pending; i++)
        lease_set_pending(store_leases(l->context->store), l->pending[i], false);
    l->n_pending = 0;
}
