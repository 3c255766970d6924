#include "unit.h"

#include "core/surge.h"

/* n in each of so many seconds; how many of them were in a surge. */
static unsigned play(struct surge *s, uint64_t *now_ms, unsigned seconds, unsigned n)
{
    unsigned n_on = 0;
    for (unsigned i = 0; i < seconds; i++, *now_ms += 1000)
        for (unsigned k = 0; k < n; k++) {
            surge_note(s, *now_ms);
            n_on += surge_is_on(s);
        }
    return n_on;
}

static void a_surge_is_far_above_what_is_usual(void **state)
{
    (void)state;
    struct surge s = {0};
    uint64_t now_ms = 5000;
    (void)play(&s, &now_ms, 300, 100);
    assert_int_equal(play(&s, &now_ms, 60, 100), 0);
    assert_int_equal(play(&s, &now_ms, 10, 300), 0);
    (void)play(&s, &now_ms, 300, 100);
    /* all but the first ones of its first second, and the second after it */
    assert_in_range(play(&s, &now_ms, 5, 2000), 10000 - 420, 10000);
    assert_true(surge_is_on(&s));
    (void)play(&s, &now_ms, 2, 100);
    assert_int_equal(play(&s, &now_ms, 60, 100), 0);
}

static void a_few_are_none(void **state)
{
    (void)state;
    struct surge s = {0};
    uint64_t now_ms = 0;
    assert_int_equal(play(&s, &now_ms, 100, SURGE_LEAST), 0);
    now_ms += 3600000;
    assert_int_equal(play(&s, &now_ms, 1, SURGE_LEAST), 0);
}

static void what_comes_early_does_not_count(void **state)
{
    (void)state;
    assert_true(surge_counts(0, 300) && surge_counts(262, 300) && surge_counts(0, 0));
    assert_false(surge_counts(263, 300) || surge_counts(300, 300) || surge_counts(1, 0));
    assert_false(surge_counts(UINT32_MAX, UINT32_MAX));
}

/* What always comes so fast is usual, also at the start and after a long silence. */
static void it_becomes_usual(void **state)
{
    (void)state;
    struct surge s = {0};
    uint64_t now_ms = 0;
    for (int i = 0; i < 2; i++, now_ms += (uint64_t)1 << 40) {
        assert_true(play(&s, &now_ms, 2, 2000) > 3900);
        (void)play(&s, &now_ms, 30, 2000);
        assert_int_equal(play(&s, &now_ms, 30, 2000), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_surge_is_far_above_what_is_usual),
        cmocka_unit_test(a_few_are_none),
        cmocka_unit_test(what_comes_early_does_not_count),
        cmocka_unit_test(it_becomes_usual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
