/* The event loop of one thread: descriptors, wake-ups from other threads, timers (one wheel behind
 * one libev timer), and hooks at the end of each turn, where batches are flushed and the dead are
 * reaped. A simulation links another file with the same symbols. All calls on the loop's own
 * thread (or before it runs), except loop_wake_send and loop_stop. */
#ifndef BW_NET_LOOP_H
#define BW_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "net/wheel.h"

struct loop;
struct loop_io;
struct loop_wake;
struct loop_hook;

typedef void loop_fn(void *arg);

/* 0 or ERR_NOMEM. */
int loop_new(struct loop **out);

/* Everything registered must have been freed. NULL is legal. */
void loop_free(struct loop *l);

/* Runs until loop_stop. */
void loop_run(struct loop *l);

/* Any thread: the turn under way is the last. */
void loop_stop(struct loop *l);

/* sys_now_ms as it was when this turn began. */
uint64_t loop_now_ms(const struct loop *l);

/* fn runs in each turn in which fd is readable. ERR_NOMEM. The descriptor stays the caller's. */
int loop_io_new(struct loop *l, int fd, loop_fn *fn, void *arg, struct loop_io **out);
void loop_io_free(struct loop_io *io);

/* What fn runs for from now on: at first only for what can be read. */
void loop_io_watch(struct loop_io *io, bool is_reading, bool is_writing);

/* A wake-up: sends from any thread before the loop gets to it count as one. */
int loop_wake_new(struct loop *l, loop_fn *fn, void *arg, struct loop_wake **out);
void loop_wake_free(struct loop_wake *w);
void loop_wake_send(struct loop_wake *w);

/* fn runs at the end of each turn, hooks in the order they were made. */
int loop_hook_new(struct loop *l, loop_fn *fn, void *arg, struct loop_hook **out);
void loop_hook_free(struct loop_hook *h);

/* Timers: wheel_timer_init first. delay_ms counts from loop_now_ms. */
void loop_timer_start(struct loop *l, struct wheel_timer *t, uint64_t delay_ms);
void loop_timer_stop(struct loop *l, struct wheel_timer *t);

#endif
