#include "base/sys.h"

#include <string.h>

#include "base/err.h"
#include "dice.h"
#include "fake.h"

static uint64_t clock_ms = FAKE_BOOT_MS;
static struct dice dice;

void fake_sys_start(uint64_t seed)
{
    clock_ms = FAKE_BOOT_MS;
    dice.state = seed;
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

uint64_t sys_wall_ms(void)
{
    return FAKE_WALL_MS + (clock_ms - FAKE_BOOT_MS);
}

uint64_t sys_service_s(void)
{
    return sys_wall_ms() / 1000;
}

void sys_random(void *out, size_t n)
{
    for (uint8_t *at = out; n; n--)
        *at++ = (uint8_t)dice_roll(&dice);
}
