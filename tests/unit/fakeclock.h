/* A machine whose clocks the test turns: stands in for base/sys.c. Included once by a test
 * program. */
#ifndef BW_TESTS_FAKECLOCK_H
#define BW_TESTS_FAKECLOCK_H

#include <stdint.h>

#include "base/sys.h"
#include "mutate.h"

static uint64_t boot_ms, wall_ms, offset_ms;

uint64_t sys_now_ms(void)
{
    return boot_ms;
}

uint64_t sys_now_us(void)
{
    return boot_ms * 1000;
}

uint64_t sys_wall_ms(void)
{
    return wall_ms;
}

uint64_t sys_service_s(void)
{
    return (boot_ms + offset_ms) / 1000;
}

void sys_random(void *out, size_t n)
{
    static uint64_t state = 88172645463325252;
    for (uint8_t *at = out; n--; at++)
        *at = (uint8_t)mutate_random(&state);
}

/* A process starts: its service clock is wall time as of now. */
static inline void start_process(void)
{
    offset_ms = wall_ms - boot_ms;
}

static inline void pass_s(uint64_t s)
{
    boot_ms += s * 1000;
    wall_ms += s * 1000;
}

#endif
