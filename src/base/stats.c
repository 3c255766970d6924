#include "base/stats.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/err.h"

const struct stats_row stats_rows[] = {
#define COUNTER(id, name, labels, help) [id] = {name, labels, help, 0},
#define GAUGE(id, name, labels, help)   [id] = {name, labels, help, 1},
#include "base/stats.def"
#undef COUNTER
#undef GAUGE
};

struct block {
    struct block *next;
    _Atomic int64_t value[STAT_MAX];
};

static struct block shared;
static _Atomic(struct block *) blocks = &shared;
static _Thread_local struct block *own;

int stats_thread_start(void)
{
    if (own)
        return 0;
    struct block *b = calloc(1, sizeof *b);
    if (!b)
        return ERR_NOMEM;
    b->next = atomic_load(&blocks);
    while (!atomic_compare_exchange_weak(&blocks, &b->next, b))
        ;
    own = b;
    return 0;
}

void stats_add(enum stats_id id, int64_t n)
{
    if (own) {
        /* The only writer of its block: a plain load and store is enough. */
        int64_t v = atomic_load_explicit(&own->value[id], memory_order_relaxed);
        atomic_store_explicit(&own->value[id], v + n, memory_order_relaxed);
    } else {
        atomic_fetch_add_explicit(&shared.value[id], n, memory_order_relaxed);
    }
}

int64_t stats_sum(enum stats_id id)
{
    int64_t sum = 0;
    for (struct block *b = atomic_load(&blocks); b; b = b->next)
        sum += atomic_load_explicit(&b->value[id], memory_order_relaxed);
    return sum;
}
