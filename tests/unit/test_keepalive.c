#include "unit.h"

#include "service/keepalive.h"

static uint64_t state_of_dice = 88172645463325252U;

static uint64_t dice(void)
{
    state_of_dice ^= state_of_dice << 13;
    state_of_dice ^= state_of_dice >> 7;
    return state_of_dice ^= state_of_dice << 17;
}

static void each_moment_is_an_interval_after_the_last(void **state)
{
    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint64_t hash = dice(), interval_ms = 1000 * (1 + dice() % 3600);
        uint64_t now_ms = dice() % 4000000000U;
        uint64_t next_ms = keepalive_next_ms(hash, interval_ms, now_ms);
        assert_true(next_ms > now_ms && next_ms <= now_ms + interval_ms);
        assert_true(keepalive_next_ms(hash, interval_ms, next_ms - 1) == next_ms);
        assert_true(keepalive_next_ms(hash, interval_ms, next_ms) == next_ms + interval_ms);
    }
    assert_true(keepalive_next_ms(0, 1000, 0) == 1000);
    assert_true(keepalive_next_ms(999, 1000, 0) == 999);
}

/* A million bindings in 25 s are 40 a millisecond: whatever 100 ms one looks at, no burst and no
 * gap. */
static void they_are_spread_evenly(void **state)
{
    (void)state;
    enum { N = 1000000, INTERVAL_MS = 25000, SPAN_MS = 100, SPANS = INTERVAL_MS / SPAN_MS };
    static uint32_t spans[SPANS];
    for (uint32_t i = 0; i < N; i++)
        spans[keepalive_next_ms(dice(), INTERVAL_MS, INTERVAL_MS) % INTERVAL_MS / SPAN_MS]++;
    for (size_t i = 0; i < SPANS; i++)
        assert_in_range(spans[i], N / SPANS * 9 / 10, N / SPANS * 11 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_moment_is_an_interval_after_the_last),
        cmocka_unit_test(they_are_spread_evenly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
