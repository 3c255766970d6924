/* How an upstream is, from what its answers and its silence say, with hysteresis: one table. A
 * state fits one word, so threads may share it. Times are seconds of the service clock. Pure; any
 * thread. */
#ifndef BW_CORE_HEALTH_H
#define BW_CORE_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

enum health_state {
    HEALTH_UP,
    HEALTH_DEGRADED, /* some of it fails; nothing is done differently yet */
    HEALTH_DOWN,     /* nothing but probes and trials is sent there */
    HEALTH_RESYNC,   /* back; what became due meanwhile is registered at the pace */
    HEALTH_STATES
};

enum health_event {
    HEALTH_PROBE_ANSWERED,
    HEALTH_PROBE_FAILED, /* silence, 408, 503 or out of reach, at all servers that were asked */
    HEALTH_ANSWERED,     /* a REGISTER, by anything else than: */
    HEALTH_BUSY,         /* 503 or 408 */
    HEALTH_SILENT,
    HEALTH_RESYNCED, /* nothing is left to be registered */
    HEALTH_HELD,     /* the operator takes it out of use: down at once, whatever else is seen */
    HEALTH_RELEASED, /* and lets it come back: what became due is registered */
    HEALTH_EVENTS
};

struct health {
    enum health_state state;
    bool is_bad;  /* what the last ones in a row were, how many, and since when */
    bool is_held; /* down by the operator's word, which nothing else ends */
    uint8_t n;    /* no more than are needed for any decision */
    uint32_t since_s;
};

struct health health_step(struct health h, enum health_event e, uint64_t now_s);

/* The last word is not spoken: it should be asked again soon. */
bool health_is_open(struct health h);

/* 0 is HEALTH_UP with nothing against it. */
uint64_t health_pack(struct health h);
struct health health_unpack(uint64_t word);

/* Constants. */
const char *health_word(enum health_state s);
const char *health_event_word(enum health_event e);

#endif
