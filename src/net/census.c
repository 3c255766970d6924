#include "net/census.h"

#include <sys/resource.h>

enum { PREFIX_V6 = 8 };

static atomic_uint *slot(struct census *c, const struct addr *peer)
{
    size_t n = peer->family == 6 ? PREFIX_V6 : 4;
    return &c->of_source[hash_bytes(&c->key, peer->ip, n) % CENSUS_SLOTS];
}

static uint32_t most_by_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > UINT32_MAX)
        return UINT32_MAX;
    return (uint32_t)(limit.rlim_cur - limit.rlim_cur / 4);
}

void census_set_limits(struct census *c, uint32_t max_of_source, uint32_t max_of_all)
{
    atomic_store(&c->max_of_source, max_of_source);
    atomic_store(&c->max_of_all, max_of_all ? max_of_all : most_by_descriptors());
}

/* False: it was full. */
static bool take_place(atomic_uint *n, const atomic_uint *max)
{
    if (atomic_fetch_add(n, 1) < atomic_load(max))
        return true;
    atomic_fetch_sub(n, 1);
    return false;
}

enum census_verdict census_enter(struct census *c, const struct addr *peer)
{
    atomic_uint *of_source = slot(c, peer);
    if (!take_place(of_source, &c->max_of_source))
        return CENSUS_SOURCE_FULL;
    if (take_place(&c->n, &c->max_of_all))
        return CENSUS_OK;
    atomic_fetch_sub(of_source, 1);
    return CENSUS_FULL;
}

void census_add(struct census *c, const struct addr *peer)
{
    atomic_fetch_add(slot(c, peer), 1);
    atomic_fetch_add(&c->n, 1);
}

void census_del(struct census *c, const struct addr *peer)
{
    atomic_fetch_sub(slot(c, peer), 1);
    atomic_fetch_sub(&c->n, 1);
}
