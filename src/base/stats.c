#include "base/stats.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/err.h"

const struct stats_row stats_rows[] = {
#define COUNTER(id, name, labels, help) [id] = {name, "", labels, help, STATS_COUNTER, 0},
#define GAUGE(id, name, labels, help)   [id] = {name, "", labels, help, STATS_GAUGE, 0},
#define BUCKET(le, name, help)                                                                     \
    {                                                                                              \
        name, "_bucket", "le=\"" le "\"", help, STATS_HISTOGRAM, 0                                 \
    }
#define HISTOGRAM(id, name, help)                                                                  \
    [id] = BUCKET("0.1", name, help), BUCKET("0.5", name, help), BUCKET("1", name, help),          \
    BUCKET("2", name, help), BUCKET("5", name, help), BUCKET("10", name, help),                    \
    BUCKET("30", name, help), BUCKET("60", name, help), BUCKET("180", name, help),                 \
    BUCKET("+Inf", name, help), {name, "_sum", "", help, STATS_HISTOGRAM, 1000},                   \
    {name, "_count", "", help, STATS_HISTOGRAM, 0},
#define HISTOGRAM_US(id, name, help)                                                               \
    [id] = BUCKET("0.00001", name, help), BUCKET("0.00002", name, help),                           \
    BUCKET("0.00005", name, help), BUCKET("0.0001", name, help), BUCKET("0.0002", name, help),     \
    BUCKET("0.0005", name, help), BUCKET("0.001", name, help), BUCKET("0.005", name, help),        \
    BUCKET("0.02", name, help), BUCKET("+Inf", name, help),                                        \
    {name, "_sum", "", help, STATS_HISTOGRAM, 1000000},                                            \
    {name, "_count", "", help, STATS_HISTOGRAM, 0},
#include "base/stats.def"
#undef COUNTER
#undef GAUGE
#undef BUCKET
#undef HISTOGRAM
#undef HISTOGRAM_US
};

/* What the buckets above hold at most. */
static const uint64_t bounds_ms[STATS_BUCKETS] = {100,   500,   1000,  2000,   5000,
                                                  10000, 30000, 60000, 180000, UINT64_MAX};
static const uint64_t bounds_us[STATS_BUCKETS] = {10,  20,   50,   100,   200,
                                                  500, 1000, 5000, 20000, UINT64_MAX};

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

static void add_time(enum stats_id histogram, const uint64_t bounds[STATS_BUCKETS], uint64_t time)
{
    int first = (int)histogram;
    stats_inc((enum stats_id)(first + STATS_AT_COUNT));
    stats_add((enum stats_id)(first + STATS_AT_SUM), (int64_t)time);
    for (int i = STATS_BUCKETS - 1; i >= 0 && time <= bounds[i]; i--)
        stats_inc((enum stats_id)(first + i));
}

void stats_add_time(enum stats_id histogram, uint64_t ms)
{
    add_time(histogram, bounds_ms, ms);
}

void stats_add_time_us(enum stats_id histogram, uint64_t us)
{
    add_time(histogram, bounds_us, us);
}

int64_t stats_sum(enum stats_id id)
{
    int64_t sum = 0;
    for (struct block *b = atomic_load(&blocks); b; b = b->next)
        sum += atomic_load_explicit(&b->value[id], memory_order_relaxed);
    return sum;
}
