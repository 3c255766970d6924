#include "unit.h"

#include "net/dial.h"

static struct addr addr_of(unsigned host)
{
    struct addr a = {.family = 4, .port = 5060, .ip = {192, 0, 2, (uint8_t)host}};
    return a;
}

static void failures_double_the_pause(void **state)
{
    static const unsigned pauses_ms[] = {1000, 2000, 4000, 8000, 16000, 32000, 32000};
    (void)state;
    struct dials all = {.n = 0};
    struct addr a = addr_of(1);
    uint64_t now_ms = 5;
    struct dial *d = dial_find(&all, &a, NULL, now_ms);
    assert_false(dial_is_paused(d, now_ms));
    for (size_t i = 0; i < sizeof pauses_ms / sizeof *pauses_ms; i++) {
        dial_on_end(d, false, now_ms);
        now_ms += pauses_ms[i];
        assert_true(dial_is_paused(d, now_ms - 1));
        assert_false(dial_is_paused(d, now_ms));
    }
    dial_on_open(d);
    dial_on_end(d, true, now_ms); /* it was open: at once again */
    assert_false(dial_is_paused(d, now_ms));
    dial_on_end(d, false, now_ms);
    assert_true(dial_is_paused(d, now_ms + 999));
    assert_false(dial_is_paused(d, now_ms + 1000));
}

static void peers_and_contexts_are_told_apart(void **state)
{
    (void)state;
    struct dials all = {.n = 0};
    struct addr a = addr_of(1), b = addr_of(2);
    const int context = 0;
    struct dial *d = dial_find(&all, &a, NULL, 1);
    assert_ptr_equal(dial_find(&all, &a, NULL, 2), d);
    assert_ptr_not_equal(dial_find(&all, &b, NULL, 2), d);
    assert_ptr_not_equal(dial_find(&all, &a, &context, 2), d);
    assert_int_equal(all.n, 3);
}

static void who_is_asked_for_again_is_needed(void **state)
{
    (void)state;
    struct dials all = {.n = 0};
    struct addr a = addr_of(1);
    struct dial *d = dial_find(&all, &a, NULL, 1);
    d->is_retired = true;
    assert_ptr_equal(dial_find(&all, &a, NULL, 2), d);
    assert_false(d->is_retired);
}

static void the_oldest_without_connection_gives_way(void **state)
{
    (void)state;
    struct dials all = {.n = 0};
    struct flow_ref flow = {.generation = 7};
    for (unsigned i = 0; i < DIALS_MAX; i++) {
        struct addr a = addr_of(i);
        dial_on_start(dial_find(&all, &a, NULL, 100 - i), &flow);
    }
    struct addr a = addr_of(DIALS_MAX);
    assert_null(dial_find(&all, &a, NULL, 200));
    dial_on_end(&all.list[3], true, 200);
    dial_on_end(&all.list[9], true, 200); /* asked for before the other */
    assert_ptr_equal(dial_find(&all, &a, NULL, 200), &all.list[9]);
    assert_false(all.list[9].is_up);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_double_the_pause),
        cmocka_unit_test(peers_and_contexts_are_told_apart),
        cmocka_unit_test(who_is_asked_for_again_is_needed),
        cmocka_unit_test(the_oldest_without_connection_gives_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
