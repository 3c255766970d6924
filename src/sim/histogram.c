#include "sim/histogram.h"

enum { SUB = 1 << HISTOGRAM_SUB_BITS };

/* The first SUB values have a bucket each; from there on each power of two has SUB. */
static unsigned bucket_of(uint64_t us)
{
    if (us < SUB)
        return (unsigned)us;
    const unsigned power = 63 - (unsigned)__builtin_clzll(us) - HISTOGRAM_SUB_BITS;
    const unsigned bucket = ((power + 1) << HISTOGRAM_SUB_BITS) + (unsigned)((us >> power) - SUB);
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The highest value that belongs there. */
static uint64_t top_of(unsigned bucket)
{
    if (bucket < SUB)
        return bucket;
    const unsigned power = (bucket >> HISTOGRAM_SUB_BITS) - 1;
    const uint64_t first = (uint64_t)(bucket % SUB + SUB) << power;
    return first + (1ULL << power) - 1;
}

void histogram_add(struct histogram *h, uint64_t us)
{
    h->buckets[bucket_of(us)]++;
    h->n++;
    if (us > h->max_us)
        h->max_us = us;
}

uint64_t histogram_quantile(const struct histogram *h, uint32_t of_100000)
{
    const uint64_t rank = (h->n * of_100000 + 99999) / 100000;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen && seen >= rank)
            return top_of(i) < h->max_us ? top_of(i) : h->max_us;
    }
    return h->max_us;
}
