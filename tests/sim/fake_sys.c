#include "base/sys.h"

#include <string.h>

#include "base/err.h"
#include "dice.h"
#include "fake.h"

static uint64_t clock_ms = FAKE_BOOT_MS;
static int64_t wall_ahead_ms, service_ahead_ms; /* of the clock */
static struct dice dice;

void fake_sys_start(uint64_t seed)
{
    clock_ms = FAKE_BOOT_MS;
    wall_ahead_ms = FAKE_WALL_MS - FAKE_BOOT_MS;
    dice.state = seed;
    fake_sys_boot();
}

void fake_sys_step_wall(int64_t ms)
{
    wall_ahead_ms += ms;
}

void fake_sys_boot(void)
{
    service_ahead_ms = wall_ahead_ms;
}

void fake_sys_set_ms(uint64_t now_ms)
{
    BUG_ON(now_ms < clock_ms);
    clock_ms = now_ms;
}

uint64_t sys_now_ms(void)
{
    return clock_ms;
}

uint64_t sys_now_us(void)
{
    return clock_ms * 1000;
}

uint64_t sys_wall_ms(void)
{
    return (uint64_t)((int64_t)clock_ms + wall_ahead_ms);
}

uint64_t sys_service_s(void)
{
    return (uint64_t)((int64_t)clock_ms + service_ahead_ms) / 1000;
}

void sys_random(void *out, size_t n)
{
    for (uint8_t *at = out; n; n--)
        *at++ = (uint8_t)dice_roll(&dice);
}
