#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/stats.h"
#include "service/alarm.h"

enum { NOW = 1800000000 };

static struct alarms *made(void)
{
    struct alarms *a;
    assert_int_equal(alarm_new(&a), 0);
    return a;
}

static size_t n_standing(struct alarms *a, uint64_t now_s)
{
    struct alarm *list;
    size_t n;
    assert_int_equal(alarm_list(a, now_s, &list, &n), 0);
    free(list);
    return n;
}

static void one_condition_of_one_upstream_is_one_alarm(void **state)
{
    (void)state;
    struct alarms *a = made();
    struct alarm *list;
    size_t n;
    int64_t seen = stats_sum(STAT_ALARM_UNCHALLENGED);
    assert_true(alarm_raise(a, ALARM_UNCHALLENGED, "east", NOW));
    assert_false(alarm_raise(a, ALARM_UNCHALLENGED, "east", NOW + 9));
    assert_true(alarm_raise(a, ALARM_UNCHALLENGED, "west", NOW + 10));
    assert_true(alarm_raise(a, ALARM_CONTACT_MISSING, "east", NOW + 11));
    assert_int_equal(stats_sum(STAT_ALARM_UNCHALLENGED) - seen, 3);
    assert_int_equal(stats_sum(STAT_ALARM_STANDS_UNCHALLENGED), 2);
    assert_int_equal(alarm_list(a, NOW + 12, &list, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(list[0].code, ALARM_UNCHALLENGED);
    assert_string_equal(list[0].upstream, "east");
    assert_int_equal(list[0].since_s, NOW);
    assert_int_equal(list[0].last_s, NOW + 9);
    assert_int_equal(list[0].n_seen, 2);
    assert_string_equal(list[1].upstream, "west");
    assert_int_equal(list[2].code, ALARM_CONTACT_MISSING);
    free(list);
    assert_true(alarm_disprove(a, ALARM_UNCHALLENGED, "east", NOW + 100));
    assert_true(alarm_disprove(a, ALARM_UNCHALLENGED, "west", NOW + 100));
    assert_true(alarm_disprove(a, ALARM_CONTACT_MISSING, "east", NOW + 100));
    assert_int_equal(stats_sum(STAT_ALARM_STANDS_UNCHALLENGED), 0);
    alarm_free(a);
}

static void it_is_over_when_disproved(void **state)
{
    (void)state;
    struct alarms *a = made();
    assert_false(alarm_disprove(a, ALARM_CHALLENGES_US, "east", NOW));
    (void)alarm_raise(a, ALARM_CHALLENGES_US, "east", NOW);
    assert_false(alarm_disprove(a, ALARM_CHALLENGES_US, "west", NOW + 999));
    assert_false(alarm_disprove(a, ALARM_UNCHALLENGED, "east", NOW + 999));
    assert_true(alarm_disprove(a, ALARM_CHALLENGES_US, "east", NOW + 999));
    assert_false(alarm_disprove(a, ALARM_CHALLENGES_US, "east", NOW + 999));
    assert_true(alarm_raise(a, ALARM_CHALLENGES_US, "east", NOW + 1000));
    assert_int_equal(n_standing(a, NOW + 1000), 1);
    assert_true(alarm_disprove(a, ALARM_CHALLENGES_US, "east", NOW + 9999));
    alarm_free(a);
}

static void good_and_bad_mixed_do_not_flap(void **state)
{
    (void)state;
    struct alarms *a = made();
    (void)alarm_raise(a, ALARM_UNCHALLENGED, "east", NOW);
    assert_false(alarm_disprove(a, ALARM_UNCHALLENGED, "east", NOW + ALARM_QUIET_S - 1));
    (void)alarm_raise(a, ALARM_UNCHALLENGED, "east", NOW + ALARM_QUIET_S - 1);
    assert_false(alarm_disprove(a, ALARM_UNCHALLENGED, "east", NOW + ALARM_QUIET_S));
    assert_true(alarm_disprove(a, ALARM_UNCHALLENGED, "east", NOW + 2 * ALARM_QUIET_S));
    alarm_free(a);
}

/* An upstream that is no longer configured says nothing, good or bad. */
static void it_ends_when_long_unseen(void **state)
{
    (void)state;
    struct alarms *a = made();
    for (int i = 0; i < 20; i++) {
        char name[2] = {(char)('a' + i), 0};
        (void)alarm_raise(a, ALARM_UNCHALLENGED, name, NOW + (uint64_t)(i % 2));
    }
    assert_int_equal(n_standing(a, NOW + ALARM_KEPT_S), 20);
    assert_int_equal(n_standing(a, NOW + ALARM_KEPT_S + 1), 10);
    assert_true(alarm_raise(a, ALARM_UNCHALLENGED, "b", NOW + ALARM_KEPT_S + 2));
    assert_int_equal(n_standing(a, NOW + ALARM_KEPT_S + 2), 1);
    assert_int_equal(n_standing(a, NOW + 3 * ALARM_KEPT_S), 0);
    alarm_free(a);
}

static void it_ends_at_once_and_with_its_upstream(void **state)
{
    (void)state;
    struct alarms *a = made();
    struct conf_upstream upstreams[] = {{.name = "east"}, {.name = "north"}};
    const struct conf conf = {.upstreams = upstreams, .n_upstreams = 2};
    (void)alarm_raise(a, ALARM_LOST_DATA, "east", NOW);
    (void)alarm_raise(a, ALARM_UNRESOLVED, "west", NOW);
    (void)alarm_raise(a, ALARM_UPSTREAM_DOWN, "west", NOW);
    (void)alarm_raise(a, ALARM_UPSTREAM_DOWN, "north", NOW);
    assert_false(alarm_end(a, ALARM_LOST_DATA, "west"));
    alarm_sync(a, &conf);
    assert_int_equal(n_standing(a, NOW), 2);
    assert_true(alarm_end(a, ALARM_LOST_DATA, "east"));
    assert_true(alarm_end(a, ALARM_UPSTREAM_DOWN, "north"));
    assert_int_equal(n_standing(a, NOW), 0);
    alarm_free(a);
    alarm_sync(NULL, &conf);
}

static void nobody_reads(void **state)
{
    (void)state;
    struct alarm *list;
    size_t n;
    assert_true(alarm_raise(NULL, ALARM_UNCHALLENGED, "east", NOW));
    assert_false(alarm_disprove(NULL, ALARM_UNCHALLENGED, "east", NOW));
    assert_int_equal(alarm_list(NULL, NOW, &list, &n), 0);
    assert_int_equal(n, 0);
}

static void fail_somewhere(void *arg)
{
    (void)arg;
    struct alarms *a;
    struct alarm *list;
    size_t n;
    if (alarm_new(&a))
        return;
    assert_true(alarm_raise(a, ALARM_UNCHALLENGED, "east", NOW));
    assert_true(alarm_raise(a, ALARM_UNCHALLENGED, "west", NOW));
    if (alarm_list(a, NOW, &list, &n) == 0)
        free(list);
    (void)alarm_list(a, NOW + 2 * ALARM_KEPT_S, &list, &n);
    alarm_free(a);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_true(oom_sweep(fail_somewhere, NULL) > 3);
    assert_int_equal(stats_sum(STAT_ALARM_STANDS_UNCHALLENGED), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_condition_of_one_upstream_is_one_alarm),
        cmocka_unit_test(it_is_over_when_disproved),
        cmocka_unit_test(good_and_bad_mixed_do_not_flap),
        cmocka_unit_test(it_ends_when_long_unseen),
        cmocka_unit_test(it_ends_at_once_and_with_its_upstream),
        cmocka_unit_test(nobody_reads),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
