#include "unit.h"

#include <stdlib.h>

#include "base/stats.h"
#include "service/natlife.h"

enum { NOW = 1800000000, WANTED = 25 };

static struct natlife *table;

static int set_up(void **state)
{
    (void)state;
    table = calloc(1, sizeof *table);
    assert_non_null(table);
    table->key = hash_key_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(table);
    return 0;
}

static struct addr device(const char *text)
{
    struct addr a = {0};
    assert_int_equal(addr_parse_host(str_of(text), &a), 0);
    return a;
}

static uint32_t interval(const char *text, uint64_t now_s)
{
    const struct addr a = device(text);
    return natlife_interval_s(table, &a, WANTED, now_s);
}

static bool lose(const char *text, uint64_t heard_s, uint64_t now_s)
{
    const struct addr a = device(text);
    return natlife_on_loss(table, &a, WANTED, heard_s, now_s);
}

static void a_loss_is_its_network_s(void **state)
{
    (void)state;
    assert_int_equal(interval("192.0.2.7", NOW), WANTED);
    assert_true(lose("192.0.2.7", NOW - 60, NOW));
    assert_int_equal(interval("192.0.2.7", NOW), 19);
    assert_int_equal(interval("192.0.2.250", NOW), 19);
    assert_int_equal(interval("192.0.3.7", NOW), WANTED);
    assert_true(lose("2001:db8:1:2::3", NOW - 60, NOW));
    assert_int_equal(interval("2001:db8:1:99::1", NOW), 19);
    assert_int_equal(interval("2001:db8:2:2::3", NOW), WANTED);
}

/* What a domain asks for is never exceeded. */
static void a_shorter_interval_stays(void **state)
{
    (void)state;
    const struct addr a = device("192.0.2.7");
    assert_true(lose("192.0.2.7", NOW - 60, NOW));
    assert_int_equal(natlife_interval_s(table, &a, 15, NOW), 15);
    assert_int_equal(natlife_interval_s(table, &a, 90, NOW), 19);
}

static void a_loss_from_before_the_last_step_is_none(void **state)
{
    (void)state;
    assert_true(lose("192.0.2.7", NOW - 60, NOW));
    assert_false(lose("192.0.2.8", NOW - 50, NOW + 5));
    assert_int_equal(interval("192.0.2.7", NOW + 5), 19);
    assert_true(lose("192.0.2.8", NOW + 1, NOW + 60));
    assert_int_equal(interval("192.0.2.7", NOW + 60), 15);
    assert_true(lose("192.0.2.8", NOW + 61, NOW + 120));
    assert_true(lose("192.0.2.8", NOW + 121, NOW + 180));
    assert_int_equal(interval("192.0.2.7", NOW + 180), NATLIFE_MIN_S);
    assert_false(lose("192.0.2.8", NOW + 181, NOW + 240));
}

static void calm_lengthens_it_again(void **state)
{
    (void)state;
    int64_t before = stats_sum(STAT_NAT_NETWORKS);
    uint64_t now = NOW;
    assert_true(lose("192.0.2.7", now - 60, now));
    assert_true(lose("192.0.2.7", now + 1, now + 2));
    now += 2;
    assert_int_equal(interval("192.0.2.7", now + NATLIFE_CALM_S - 1), 15);
    now += NATLIFE_CALM_S;
    assert_int_equal(interval("192.0.2.7", now), 18);
    assert_int_equal(interval("192.0.2.7", now + 1), 18);
    now += NATLIFE_CALM_S;
    assert_int_equal(interval("192.0.2.7", now), 22);
    assert_int_equal(stats_sum(STAT_NAT_NETWORKS) - before, 1);
    now += NATLIFE_CALM_S;
    assert_int_equal(interval("192.0.2.7", now), WANTED);
    assert_int_equal(stats_sum(STAT_NAT_NETWORKS) - before, 0);
}

/* More networks than there is room for: the newest are known, and nothing else happens. */
static void the_table_is_bounded(void **state)
{
    (void)state;
    enum { N = 8 * NATLIFE_SETS * NATLIFE_WAYS };
    int64_t before = stats_sum(STAT_NAT_NETWORKS), gone = stats_sum(STAT_NAT_FORGOTTEN);
    for (uint32_t i = 0; i < N; i++) {
        const struct addr a = {.family = 4,
                               .ip = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 1}};
        assert_true(natlife_on_loss(table, &a, WANTED, NOW + i, NOW + i + 1));
        assert_int_equal(natlife_interval_s(table, &a, WANTED, NOW + i + 1), 19);
    }
    int64_t kept = stats_sum(STAT_NAT_NETWORKS) - before;
    assert_true(kept <= NATLIFE_SETS * NATLIFE_WAYS);
    assert_int_equal(stats_sum(STAT_NAT_FORGOTTEN) - gone, N - kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_loss_is_its_network_s, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_shorter_interval_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_loss_from_before_the_last_step_is_none, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(calm_lengthens_it_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_table_is_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
