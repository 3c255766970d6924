/* All counters and gauges in the Prometheus text format. Any thread. */
#ifndef BW_ADMIN_METRICS_H
#define BW_ADMIN_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct headcount;
struct savingsview;
struct shield_table;

struct metrics_process {
    const char *version;
    uint64_t started_s; /* wall time, since 1970 */
    uint64_t uptime_ms;
    unsigned workers;
    bool is_ready;
    struct shield_table *shields;      /* of the upstreams; NULL: there are none */
    const struct headcount *headcount; /* of the domains; NULL: there is none */
    const struct savingsview *savings; /* NULL: there are none */
};

/* The caller frees; NULL: no memory. */
char *metrics_text(const struct metrics_process *p, size_t *len);

#endif
