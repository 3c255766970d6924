#include "unit.h"

#include "service/silence.h"

enum { NOW = 1800000000 };

static void it_is_remembered_for_a_while(void **state)
{
    (void)state;
    struct silence s = {0};
    assert_false(silence_has(&s, 7, NOW));
    assert_true(silence_add(&s, 7, NOW));
    assert_false(silence_add(&s, 7, NOW + 1)); /* known, and longer now */
    assert_true(silence_has(&s, 7, NOW + SILENCE_KEPT_S));
    assert_false(silence_has(&s, 7, NOW + 1 + SILENCE_KEPT_S));
    assert_false(silence_has(&s, 8, NOW));
    assert_false(silence_has(&s, 0, NOW));
    assert_true(silence_add(&s, 7, NOW + 60));
}

static void one_word_ends_it(void **state)
{
    (void)state;
    struct silence s = {0};
    assert_false(silence_del(&s, 7, NOW));
    assert_true(silence_add(&s, 7, NOW + SILENCE_S));
    assert_true(silence_add(&s, 9, NOW + SILENCE_S));
    assert_true(silence_del(&s, 7, NOW + SILENCE_S));
    assert_false(silence_has(&s, 7, NOW + SILENCE_S));
    assert_true(silence_has(&s, 9, NOW + SILENCE_S));
    assert_false(silence_del(&s, 7, NOW + SILENCE_S));
}

/* One request without an answer beside others with one says nothing of the upstream. */
static void who_speaks_of_other_things_is_not_silent(void **state)
{
    (void)state;
    struct silence s = {0};
    (void)silence_del(&s, 7, NOW);
    assert_false(silence_add(&s, 7, NOW + SILENCE_S - 1));
    assert_false(silence_has(&s, 7, NOW + SILENCE_S - 1));
    assert_true(silence_add(&s, 7, NOW + SILENCE_S));
}

static void so_many_at_once(void **state)
{
    (void)state;
    struct silence s = {0};
    for (uint16_t mark = 1; mark <= SILENCE_MAX; mark++)
        assert_true(silence_add(&s, mark, NOW));
    (void)silence_add(&s, UINT16_MAX, NOW);
    assert_false(silence_has(&s, UINT16_MAX, NOW));
    for (uint16_t mark = 1; mark <= SILENCE_MAX; mark++)
        assert_true(silence_has(&s, mark, NOW));
    assert_true(silence_del(&s, 3, NOW));
    (void)silence_add(&s, UINT16_MAX, NOW);
    assert_true(silence_has(&s, UINT16_MAX, NOW));
    uint64_t later_s = NOW + SILENCE_KEPT_S;
    assert_true(silence_add(&s, 1000, later_s)); /* the place of one that is over */
    assert_true(silence_has(&s, 1000, later_s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_remembered_for_a_while),
        cmocka_unit_test(one_word_ends_it),
        cmocka_unit_test(who_speaks_of_other_things_is_not_silent),
        cmocka_unit_test(so_many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
