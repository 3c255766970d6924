#include "unit.h"

#include <stdlib.h>

#include "base/err.h"
#include "service/noise.h"

static struct noise *noise;

static int set_up(void **state)
{
    (void)state;
    return noise_new(7, &noise);
}

static int tear_down(void **state)
{
    (void)state;
    noise_free(noise);
    return 0;
}

static struct addr source(unsigned n)
{
    return (struct addr){.family = 4, .ip = {10, 0, (uint8_t)(n >> 8), (uint8_t)n}, .port = 5060};
}

static uint64_t loud_of(unsigned n, uint64_t now_ms)
{
    struct noise_entry list[2 * NOISE_LOUD];
    uint64_t since_ms, sum = 0;
    const struct addr who = source(n);
    size_t found = noise_loudest(noise, list, now_ms, &since_ms);
    for (size_t i = 0; i < found; i++)
        if (memcmp(list[i].source.ip, who.ip, 4) == 0)
            sum += list[i].n;
    return sum;
}

static uint64_t slow_of(unsigned n, uint64_t now_ms)
{
    struct noise_entry list[2 * NOISE_SLOW];
    uint64_t most = 0;
    const struct addr who = source(n);
    size_t found = noise_slowest(noise, list, now_ms);
    for (size_t i = 0; i < found; i++)
        if (memcmp(list[i].source.ip, who.ip, 4) == 0 && list[i].ms > most)
            most = list[i].ms;
    return most;
}

static void hear(unsigned n, size_t times, uint64_t now_ms)
{
    const struct addr who = source(n);
    for (size_t i = 0; i < times; i++)
        noise_on_packet(noise, &who, now_ms);
}

static void few_requests_are_counted_one_by_one(void **state)
{
    (void)state;
    hear(1, 3, 1000);
    hear(2, 1, 1500);
    assert_int_equal(loud_of(1, 2000), 3);
    assert_int_equal(loud_of(2, 2000), 1);
    assert_int_equal(loud_of(3, 2000), 0);
}

static void a_port_and_the_rest_of_an_ipv6_network_do_not_matter(void **state)
{
    (void)state;
    struct addr a = {.family = 6, .ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}, .port = 1};
    struct addr b = {.family = 6, .ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 2}, .port = 2};
    struct noise_entry list[2 * NOISE_LOUD];
    uint64_t since_ms;
    noise_on_packet(noise, &a, 1000);
    noise_on_packet(noise, &b, 1000);
    assert_int_equal(noise_loudest(noise, list, 1000, &since_ms), 1);
    assert_int_equal(list[0].n, 2);
    assert_int_equal(list[0].source.ip[15], 0);
    assert_true(since_ms == 1000);
}

/* A storm of many, of whom one sends a tenth of all: it is found, and about as loud as it is. */
static void who_sends_most_is_found_in_a_storm(void **state)
{
    (void)state;
    enum { ROUNDS = 100000 };
    for (unsigned i = 0; i < ROUNDS; i++) {
        hear(60000, 1, 1000);
        for (unsigned k = 0; k < 9; k++)
            hear((i * 9 + k) % 5000, 1, 1000);
    }
    assert_in_range(loud_of(60000, 2000), ROUNDS * 8 / 10, ROUNDS * 15 / 10);
}

static void the_longest_wait_of_a_source_counts(void **state)
{
    (void)state;
    const struct addr who = source(1);
    noise_on_answer(noise, &who, 30, 1000);
    noise_on_answer(noise, &who, 700, 1100);
    noise_on_answer(noise, &who, 5, 1200);
    assert_int_equal(slow_of(1, 1300), 700);
    for (unsigned i = 10; i < 10 + 3 * NOISE_SLOW; i++) {
        const struct addr other = source(i);
        noise_on_answer(noise, &other, i, 1300);
    }
    assert_int_equal(slow_of(1, 1300), 700);
    assert_int_equal(slow_of(9 + 3 * NOISE_SLOW, 1300), 9 + 3 * NOISE_SLOW);
}

/* What was is told for one window more, and then forgotten, whether or not anything comes. */
static void a_window_ends(void **state)
{
    (void)state;
    const struct addr who = source(1);
    hear(1, 5, 1000);
    noise_on_answer(noise, &who, 80, 1000);
    hear(2, 1, 1000 + NOISE_WINDOW_MS);
    assert_int_equal(loud_of(1, 1000 + NOISE_WINDOW_MS), 5);
    assert_int_equal(slow_of(1, 1000 + NOISE_WINDOW_MS), 80);
    hear(2, 1, 1000 + 2 * NOISE_WINDOW_MS);
    assert_int_equal(loud_of(1, 1000 + 2 * NOISE_WINDOW_MS), 0);
    assert_int_equal(loud_of(2, 1000 + 2 * NOISE_WINDOW_MS), 2);
    assert_int_equal(slow_of(1, 1000 + 2 * NOISE_WINDOW_MS), 0);
    assert_int_equal(loud_of(2, 1000 + 5 * NOISE_WINDOW_MS), 0);
}

static void make(void *arg)
{
    struct noise *n;
    (void)arg;
    if (noise_new(1, &n) == 0)
        noise_free(n);
}

static void a_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_int_equal(oom_sweep(make, NULL), 2);
    noise_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(few_requests_are_counted_one_by_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_port_and_the_rest_of_an_ipv6_network_do_not_matter,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_sends_most_is_found_in_a_storm, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_longest_wait_of_a_source_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_window_ends, set_up, tear_down),
        cmocka_unit_test(a_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
