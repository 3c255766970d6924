/* Hierarchical timer wheel: starting, stopping and re-arming a timer take constant time, whatever
 * their number. A re-arm to a later time only notes the new time and moves the timer when the old
 * one comes (lazy). A data structure without a clock; one thread at a time. */
#ifndef BW_NET_WHEEL_H
#define BW_NET_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

typedef void wheel_fn(void *arg);

/* Embedded in whatever waits; owned by it. Zeroed is not valid: wheel_timer_init. */
struct wheel_timer {
    struct list node;
    uint64_t due_ms;  /* when it must fire */
    uint64_t slot_ms; /* it need not move while due_ms is not before this */
    wheel_fn *fn;
    void *arg;
    bool is_armed;
};

enum { WHEEL_TICK_MS = 8, WHEEL_BITS = 6, WHEEL_SLOTS = 1 << WHEEL_BITS, WHEEL_LEVELS = 6 };

struct wheel {
    uint64_t tick; /* how far it has turned, in WHEEL_TICK_MS */
    struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
    uint64_t used[WHEEL_LEVELS]; /* one bit for each slot that holds a timer */
    size_t n;                    /* armed timers */
};

void wheel_init(struct wheel *w, uint64_t now_ms);

void wheel_timer_init(struct wheel_timer *t, wheel_fn *fn, void *arg);

/* Arms or re-arms; a time that has passed fires at the next advance. Beyond the wheel's reach
 * (about 17 years) it waits as long as the wheel can and is filed again. */
void wheel_start(struct wheel *w, struct wheel_timer *t, uint64_t due_ms);

/* Harmless when not armed. */
void wheel_stop(struct wheel *w, struct wheel_timer *t);

/* Fires all that is due, each disarmed before its fn runs. fn may start and stop any timer; one
 * that it starts in the past fires in the next call, so the call always ends. Never early, late by
 * at most one tick. The number fired. */
size_t wheel_advance(struct wheel *w, uint64_t now_ms);

/* Milliseconds from now_ms until wheel_advance may have something to do: an estimate that is never
 * late. UINT64_MAX when nothing is armed. */
uint64_t wheel_wait_ms(const struct wheel *w, uint64_t now_ms);

#endif
