/* Counters, one row each in stats.def. A thread adds to a block of its own, without a lock or a
 * shared cache line; readers sum the blocks. A gauge counts up and down and is summed alike. A
 * histogram of times is a row for each of its buckets, one for the sum and one for the count. */
#ifndef BW_BASE_STATS_H
#define BW_BASE_STATS_H

#include <stdbool.h>
#include <stdint.h>

/* The rows of a histogram, from its id on: buckets, each with all that is in those before it, then
 * the sum and the count. */
enum { STATS_BUCKETS = 10, STATS_AT_SUM = STATS_BUCKETS, STATS_AT_COUNT, STATS_HISTOGRAM_ROWS };

enum stats_id {
#define COUNTER(id, name, labels, help) id,
#define GAUGE(id, name, labels, help)   id,
#define HISTOGRAM(id, name, help)       id, id##_LAST = (id) + STATS_HISTOGRAM_ROWS - 1,
#define HISTOGRAM_US(id, name, help)    HISTOGRAM(id, name, help)
#include "base/stats.def"
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
#undef HISTOGRAM_US
    STAT_MAX
};

enum stats_kind { STATS_COUNTER, STATS_GAUGE, STATS_HISTOGRAM };

struct stats_row {
    const char *name;   /* without the "breakwater_" prefix */
    const char *suffix; /* of a histogram's row, behind the name; else "" */
    const char *labels; /* Prometheus label pairs, or "" */
    const char *help;
    enum stats_kind kind;
    uint32_t per_s; /* what it counts so many of a second, and is shown in seconds; else 0 */
};

/* STAT_MAX rows, in the order of enum stats_id; rows of one name stand together. */
extern const struct stats_row stats_rows[];

/* Gives the calling thread its block; 0 or ERR_NOMEM. A thread without one adds to the shared
 * first block, correctly but slower. The block outlives its thread, so nothing counted is lost. */
int stats_thread_start(void);

/* Adds; any thread. */
void stats_add(enum stats_id id, int64_t n);

static inline void stats_inc(enum stats_id id)
{
    stats_add(id, 1);
}

static inline void stats_dec(enum stats_id id)
{
    stats_add(id, -1);
}

/* One more time in a histogram; any thread. Who reads meanwhile sees no more in a bucket than in
 * the next one, as long as he reads them in their order. */
void stats_add_time(enum stats_id histogram, uint64_t ms);

/* The same for one of HISTOGRAM_US, whose buckets end at 10 us to 20 ms. */
void stats_add_time_us(enum stats_id histogram, uint64_t us);

/* The sum over all threads; a gauge that is being moved may be read between its steps. */
int64_t stats_sum(enum stats_id id);

#endif
