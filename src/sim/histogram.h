/* Counts of times in buckets that grow with the time: any quantile within 1/32 of its value, in
 * constant space. Pure. */
#ifndef BW_SIM_HISTOGRAM_H
#define BW_SIM_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_SUB_BITS = 5,
    HISTOGRAM_POWERS = 32, /* up to 2^36 microseconds, 19 hours; what is longer counts as that */
    HISTOGRAM_BUCKETS = (HISTOGRAM_POWERS + 1) << HISTOGRAM_SUB_BITS
};

/* Zeroed is empty. */
struct histogram {
    uint64_t n, max_us;
    uint32_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, uint64_t us);

/* The time that this many of 100,000 values do not exceed; 0 when empty. */
uint64_t histogram_quantile(const struct histogram *h, uint32_t of_100000);

#endif
