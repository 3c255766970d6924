/* Counters, one row each in stats.def. A thread adds to a block of its own, without a lock or a
 * shared cache line; readers sum the blocks. A gauge counts up and down and is summed alike. */
#ifndef BW_BASE_STATS_H
#define BW_BASE_STATS_H

#include <stdint.h>

enum stats_id {
#define COUNTER(id, name, labels, help) id,
#define GAUGE(id, name, labels, help)   id,
#include "base/stats.def"
#undef COUNTER
#undef GAUGE
    STAT_MAX
};

struct stats_row {
    const char *name;   /* without the "breakwater_" prefix */
    const char *labels; /* Prometheus label pairs, or "" */
    const char *help;
    int is_gauge;
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

/* The sum over all threads; a gauge that is being moved may be read between its steps. */
int64_t stats_sum(enum stats_id id);

#endif
