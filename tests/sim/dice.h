/* Repeatable pseudo-random numbers (splitmix64): one seed, one sequence. A value; one thread. */
#ifndef BW_TESTS_SIM_DICE_H
#define BW_TESTS_SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

static inline uint64_t dice_roll(struct dice *d)
{
    uint64_t z = d->state += 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/* 0 … n - 1; 0 for n = 0. */
static inline uint32_t dice_below(struct dice *d, uint32_t n)
{
    return n ? (uint32_t)(dice_roll(d) % n) : 0;
}

static inline bool dice_hits(struct dice *d, uint32_t percent)
{
    return dice_below(d, 100) < percent;
}

#endif
