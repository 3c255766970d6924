/* Watches every packet of every scenario for what must never happen, whatever the scenario is
 * about: malformed output, answers that RFC 3261 and RFC 4320 forbid, an INVITE with two different
 * ends or none. */
#ifndef BW_TESTS_SIM_MONITOR_H
#define BW_TESTS_SIM_MONITOR_H

#include <stdint.h>

#include "base/arena.h"
#include "world.h"

struct monitor_call;

struct monitor {
    struct arena *arena;
    struct monitor_call *calls;
    const char *complaint;  /* the first; NULL: none */
    bool is_upstream_noisy; /* spoilt responses came: what we pass on is no better */
};

void monitor_init(struct monitor *m, struct arena *a);

/* A packet that left us, or one that came to us. */
void monitor_on_packet(struct monitor *m, uint64_t now_ms, const struct world_packet *p);

/* Time enough has passed for everything to have ended. */
void monitor_on_end(struct monitor *m);

#endif
