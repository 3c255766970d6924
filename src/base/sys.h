/* The machine's clocks and randomness, and nothing else asks for them: a test links another file
 * with the same symbols and runs the daemon in virtual time. Any thread. */
#ifndef BW_BASE_SYS_H
#define BW_BASE_SYS_H

#include <stddef.h>
#include <stdint.h>

/* Milliseconds of CLOCK_BOOTTIME: intervals, timers. Goes on while the machine sleeps, never
 * steps. */
uint64_t sys_now_ms(void);

/* Microseconds of CLOCK_MONOTONIC, from an arbitrary start: for measuring short times only. */
uint64_t sys_now_us(void);

/* The service clock, in seconds since 1970: wall time at the program's start plus what
 * CLOCK_BOOTTIME has gone on since. Deadlines; never steps while we run (D75). */
uint64_t sys_service_s(void);

/* Real wall time in milliseconds since 1970: Date headers and logs only. */
uint64_t sys_wall_ms(void);

/* Fills n bytes with cryptographically secure randomness; aborts where the kernel has none. */
void sys_random(void *out, size_t n);

#endif
