#include "unit.h"

#include <stdlib.h>

#include "admin/history.h"
#include "base/stats.h"
#include "fakeclock.h"
#include "service/ledger.h"
#include "store/headcount.h"

static struct ledger *ledger;
static struct headcount *heads;
static struct history *past;
static struct history_from from;

static const struct ledger *ledger_of(unsigned worker, void *arg)
{
    (void)worker;
    (void)arg;
    return ledger;
}

static int set_up(void **state)
{
    (void)state;
    const struct hash_key key = {1, 2};
    boot_ms = 5000;
    wall_ms = 1700000000000;
    from = (struct history_from){.savings = {.n_workers = 1, .ledger = ledger_of}};
    if (ledger_new(&key, &ledger) || headcount_new(&heads) || history_new(&past))
        return -1;
    from.headcount = heads;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ledger_free(ledger);
    headcount_free(heads);
    history_free(past);
    return 0;
}

static void pass_ms(uint64_t ms)
{
    boot_ms += ms;
    wall_ms += ms;
}

static void the_figures_are_those_of_now(void **state)
{
    (void)state;
    int64_t now[HISTORY_FIGURES];
    struct binding b[2] = {{.way.transport = FLOW_UDP}, {.way.transport = FLOW_TLS}};
    const struct aor_record r = {.aor = STR("x@a.test"), .bindings = b, .n_bindings = 2};
    for (int i = 0; i < 5; i++)
        ledger_count(ledger, STR("a.test"), LEDGER_IN);
    for (int i = 0; i < 3; i++)
        ledger_count(ledger, STR("a.test"), LEDGER_ABSORBED);
    ledger_count(ledger, STR("a.test"), LEDGER_RELAYED);
    ledger_count(ledger, STR("b.test"), LEDGER_OWN);
    headcount_on_change(heads, NULL, &r);
    stats_inc(STAT_CALL_ANSWERED);
    stats_inc(STAT_CALL_BUSY);
    stats_inc(STAT_REFUSED_LOOP);
    history_read(&from, now);
    assert_true(now[HISTORY_AT_MS] == 1700000000000);
    assert_int_equal(now[HISTORY_IN], 5);
    assert_int_equal(now[HISTORY_ABSORBED], 3);
    assert_int_equal(now[HISTORY_OUT], 2);
    assert_int_equal(now[HISTORY_LINES], 1);
    assert_int_equal(now[HISTORY_BINDINGS], 2);
    assert_int_equal(now[HISTORY_CALLS], 2);
    assert_int_equal(now[HISTORY_REFUSED], 1);
}

static size_t count_samples(uint32_t since_s, json_int_t *oldest_ms)
{
    json_t *json = history_json(past, &from, since_s);
    const json_t *samples = json_object_get(json, "samples");
    const json_t *first = json_array_get(samples, 0);
    size_t n = json_array_size(samples);
    assert_int_equal(json_array_size(json_object_get(json, "figures")), HISTORY_FIGURES);
    assert_int_equal(json_array_size(first), HISTORY_FIGURES);
    *oldest_ms = json_integer_value(json_array_get(first, HISTORY_AT_MS));
    json_decref(json);
    return n;
}

/* Whoever wakes it more often, a sample is taken every ten seconds; one of now comes on top. */
static void a_sample_is_kept_every_ten_seconds(void **state)
{
    (void)state;
    json_int_t oldest_ms;
    assert_int_equal(count_samples(0, &oldest_ms), 1);
    for (int i = 0; i < 100; i++) {
        history_tend(past, &from);
        pass_ms(1000);
    }
    assert_int_equal(count_samples(0, &oldest_ms), 11);
    assert_true(oldest_ms == 1700000000000);
    assert_int_equal(count_samples(1700000050, &oldest_ms), 5);
    assert_true(oldest_ms == 1700000060000);
}

static void what_is_older_than_an_hour_goes(void **state)
{
    (void)state;
    json_int_t oldest_ms;
    for (int i = 0; i < HISTORY_SAMPLES + 25; i++) {
        history_tend(past, &from);
        pass_ms(HISTORY_STEP_S * 1000);
    }
    assert_int_equal(count_samples(0, &oldest_ms), HISTORY_SAMPLES + 1);
    assert_true(oldest_ms == 1700000000000 + 25 * HISTORY_STEP_S * 1000);
}

static void make(void *arg)
{
    struct history *h;
    (void)arg;
    if (history_new(&h) == 0)
        history_free(h);
}

static void a_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_int_equal(oom_sweep(make, NULL), 2);
    history_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_figures_are_those_of_now, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_sample_is_kept_every_ten_seconds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_older_than_an_hour_goes, set_up, tear_down),
        cmocka_unit_test(a_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
