/* Remembers every packet of a run: for the ladder that a failure prints, and for a sum that tells
 * whether two runs were the same. */
#ifndef BW_TESTS_SIM_LADDER_H
#define BW_TESTS_SIM_LADDER_H

#include <stdint.h>

#include "base/arena.h"
#include "world.h"

struct rung;

struct ladder {
    struct arena *arena;
    struct rung *first, **end;
    uint64_t sum;
};

void ladder_init(struct ladder *l, struct arena *a);

void ladder_add(struct ladder *l, uint64_t now_ms, enum world_event what,
                const struct world_packet *p);

/* One line a packet: seconds since the start, from, to, first line. */
void ladder_print(const struct ladder *l);

#endif
