#include "unit.h"

#include "sim/histogram.h"

static void nothing_is_zero(void **state)
{
    (void)state;
    static const struct histogram h;
    assert_int_equal(histogram_quantile(&h, 50000), 0);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    struct histogram h = {0};
    for (uint64_t us = 1; us <= 20; us++)
        histogram_add(&h, us);
    assert_int_equal(histogram_quantile(&h, 50000), 10);
    assert_int_equal(histogram_quantile(&h, 95000), 19);
    assert_int_equal(histogram_quantile(&h, 100000), 20);
    assert_int_equal(histogram_quantile(&h, 0), 1);
}

/* One value alone: what comes back is not less, and at most 1/32 more. */
static void large_values_are_close(void **state)
{
    (void)state;
    for (uint64_t us = 1; us < 1ULL << 36; us = us * 5 / 4 + 1) {
        struct histogram h = {0};
        histogram_add(&h, us);
        assert_int_equal(histogram_quantile(&h, 50000), us); /* never more than the largest */
        histogram_add(&h, us * 100);
        const uint64_t got = histogram_quantile(&h, 50000);
        assert_true(got >= us && got <= us + us / 32);
    }
}

static void what_is_beyond_counts_as_the_largest(void **state)
{
    (void)state;
    struct histogram h = {0};
    histogram_add(&h, UINT64_MAX);
    assert_int_equal(h.n, 1);
    assert_int_equal(h.buckets[HISTOGRAM_BUCKETS - 1], 1);
    assert_true(histogram_quantile(&h, 99000) >= 1ULL << 36);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_zero),
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(large_values_are_close),
        cmocka_unit_test(what_is_beyond_counts_as_the_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
