#include "unit.h"

#include "core/upkeep.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const struct {
    enum upkeep_failure what;
    unsigned n_before;
    uint32_t retry_after_s, wait_s;
} waits[] = {
    {UPKEEP_TROUBLE, 0, 0, 30},        {UPKEEP_TROUBLE, 1, 0, 60},
    {UPKEEP_TROUBLE, 3, 0, 240},       {UPKEEP_TROUBLE, 4, 0, 300},
    {UPKEEP_TROUBLE, 4000000, 0, 300}, {UPKEEP_TROUBLE, 0, 10, 30},
    {UPKEEP_TROUBLE, 0, 1000, 1000},   {UPKEEP_TROUBLE, 0, UINT32_MAX, 3600},
    {UPKEEP_REFUSED, 0, 0, 300},       {UPKEEP_REFUSED, 1, 0, 600},
    {UPKEEP_REFUSED, 3, 0, 2400},      {UPKEEP_REFUSED, 4, 0, 3600},
    {UPKEEP_REFUSED, 99, 0, 3600},
};

static void failures_are_met_later_and_later(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(waits); i++)
        assert_int_equal(upkeep_wait_s(waits[i].what, waits[i].n_before, waits[i].retry_after_s),
                         waits[i].wait_s);
}

static void the_jitter_is_a_small_part(void **state)
{
    (void)state;
    uint32_t most = 0;
    for (uint64_t draw = 0; draw < 1000; draw++) {
        uint32_t s = upkeep_jitter_s(3600, draw * 0x9e3779b97f4a7c15);
        most = s > most ? s : most;
        assert_true(s <= 180);
    }
    assert_true(most > 170);
    assert_int_equal(upkeep_jitter_s(0, UINT64_MAX), 0);
    assert_int_equal(upkeep_jitter_s(19, UINT64_MAX), 0);
}

static void lines_are_refreshed_early(void **state)
{
    (void)state;
    static const struct {
        uint32_t granted_s, first_s, last_s;
    } rows[] = {{3600, 3060, 3240}, {600, 506, 536}, {128, 58, 64}, {60, 27, 30},
                {2, 1, 1},          {1, 1, 1},       {0, 1, 1},     {604800, 514080, 544320}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t jitter_s = rows[i].granted_s / 20;
        assert_int_equal(upkeep_refresh_in_s(rows[i].granted_s, jitter_s), rows[i].first_s);
        assert_int_equal(upkeep_refresh_in_s(rows[i].granted_s, 0), rows[i].last_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_are_met_later_and_later),
        cmocka_unit_test(the_jitter_is_a_small_part),
        cmocka_unit_test(lines_are_refreshed_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
