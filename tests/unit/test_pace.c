#include "unit.h"

#include "core/pace.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { SECOND_US = 1000000 };

static bool takes(const struct pace *p, enum pace_class k, uint64_t now_us, uint64_t *full_at_us)
{
    if (pace_wait_us(p, k, *full_at_us, now_us))
        return false;
    *full_at_us = pace_take(p, *full_at_us, now_us);
    return true;
}

static unsigned take_all(const struct pace *p, enum pace_class k, uint64_t now_us, uint64_t *full)
{
    unsigned n = 0;
    while (takes(p, k, now_us, full))
        n++;
    return n;
}

static void each_class_leaves_something_to_those_before_it(void **state)
{
    (void)state;
    static const struct {
        uint32_t rate, burst, ceiling;
        unsigned n[PACE_CLASSES];
    } rows[] = {{200, 400, PACE_WHOLE, {400, 350, 300, 250, 200}},
                {200, 400, PACE_WHOLE / 2, {200, 175, 150, 125, 100}},
                {10, 1, PACE_WHOLE, {1, 1, 1, 1, 1}},
                {1, 8, PACE_WHOLE, {8, 7, 6, 5, 4}},
                {1000, 1, 20, {1, 1, 1, 1, 1}},
                {0, 0, 0, {1, 1, 1, 1, 1}}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pace p = pace_of(&(struct pace_conf){rows[i].rate, rows[i].burst}, rows[i].ceiling);
        for (int k = 0; k < PACE_CLASSES; k++) {
            uint64_t full_at_us = 0;
            assert_int_equal(take_all(&p, (enum pace_class)k, 7 * SECOND_US, &full_at_us),
                             rows[i].n[k]);
        }
    }
}

static void waiting_as_long_as_told_is_enough(void **state)
{
    (void)state;
    struct pace p = pace_of(&(struct pace_conf){30, 7}, PACE_WHOLE);
    for (int k = 0; k < PACE_CLASSES; k++) {
        uint64_t full_at_us = 0, now_us = SECOND_US;
        for (int i = 0; i < 100; i++) {
            uint64_t wait_us = pace_wait_us(&p, (enum pace_class)k, full_at_us, now_us);
            if (wait_us)
                assert_false(takes(&p, (enum pace_class)k, now_us + wait_us - 1, &full_at_us));
            now_us += wait_us;
            assert_true(takes(&p, (enum pace_class)k, now_us, &full_at_us));
        }
    }
}

static void what_is_given_back_can_be_taken_again(void **state)
{
    (void)state;
    struct pace p = pace_of(&(struct pace_conf){10, 5}, PACE_WHOLE);
    uint64_t full_at_us = 0;
    assert_int_equal(take_all(&p, PACE_DYING, SECOND_US, &full_at_us), 5);
    full_at_us = pace_give_back(&p, full_at_us);
    assert_int_equal(take_all(&p, PACE_DYING, SECOND_US, &full_at_us), 1);
    full_at_us = pace_take(&p, full_at_us, SECOND_US); /* a debt */
    full_at_us = pace_take(&p, full_at_us, SECOND_US);
    assert_int_equal(pace_wait_us(&p, PACE_DYING, full_at_us, SECOND_US), 300000);
    assert_int_equal(pace_give_back(&p, 0), 0);
}

/* xorshift64 */
static uint64_t draw(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* In any time T from an idle start, with any classes and a ceiling that moves, no more goes than
 * burst + rate * T. */
static void no_storm_exceeds_the_pace(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        uint64_t x = seed * 0x9e3779b97f4a7c15, full_at_us = 0, now_us = SECOND_US;
        const struct pace_conf conf = {1 + (uint32_t)(draw(&x) % 300),
                                       1 + (uint32_t)(draw(&x) % 300)};
        uint32_t ceiling = PACE_WHOLE;
        uint64_t n = 0;
        for (int i = 0; i < 3000; i++) {
            if (draw(&x) % 100 == 0)
                ceiling = pace_adapt(&conf, ceiling,
                                     &(struct pace_evidence){.n_good = (uint32_t)(draw(&x) % 20),
                                                             .n_bad = (uint32_t)(draw(&x) % 4)});
            struct pace p = pace_of(&conf, ceiling);
            now_us += draw(&x) % (2 * p.step_us);
            n += takes(&p, (enum pace_class)(draw(&x) % PACE_CLASSES), now_us, &full_at_us);
            uint64_t most = conf.burst + 1 + conf.rate * (now_us - SECOND_US) / SECOND_US;
            assert_true(n <= most + n / 1000); /* a step is whole microseconds */
        }
    }
}

static void a_share_is_a_part_of_the_rate(void **state)
{
    (void)state;
    static const unsigned in_100_s[PACE_CLASSES] = {1000, 200, 100, 50, 20};
    struct pace whole = pace_of(&(struct pace_conf){10, 100}, PACE_WHOLE);
    for (int k = 0; k < PACE_CLASSES; k++) {
        struct pace share = pace_share(&whole, (enum pace_class)k);
        uint64_t full_at_us = 0;
        unsigned n = 0;
        for (uint64_t now_us = SECOND_US; now_us < 101ULL * SECOND_US; now_us += 10000)
            n += takes(&share, PACE_DYING, now_us, &full_at_us);
        assert_in_range(n, in_100_s[k], in_100_s[k] + 1);
    }
}

static const struct {
    uint32_t rate, ceiling;
    struct pace_evidence e;
    uint32_t next;
} adaptations[] = {
    {200, 1000, {100, 0, false}, 1000}, {200, 500, {1, 0, false}, 550},
    {200, 980, {1, 0, false}, 1000},    {200, 500, {0, 0, false}, 500},
    {200, 1000, {90, 10, false}, 1000}, {200, 1000, {89, 10, false}, 700},
    {200, 1000, {0, 1, false}, 700},    {200, 1000, {100, 0, true}, 500},
    {200, 25, {0, 9, false}, 20},       {200, 20, {0, 0, true}, 20},
    {10, 120, {0, 9, false}, 100},      {1, 1000, {0, 9, true}, 1000},
    {0, 1000, {0, 1, false}, 1000},     {200, 20, {UINT32_MAX, UINT32_MAX, false}, 20},
};

static void the_ceiling_learns(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(adaptations); i++)
        assert_int_equal(pace_adapt(&(struct pace_conf){adaptations[i].rate, 1},
                                    adaptations[i].ceiling, &adaptations[i].e),
                         adaptations[i].next);
}

static void those_refused_come_again_no_faster_than_the_pace(void **state)
{
    (void)state;
    static const struct {
        uint32_t rate;
        uint64_t n_refused, last_s;
    } rows[] = {{200, 0, 35},         {200, 2000, 35}, {200, 20000, 105},
                {200, 10000000, 300}, {1, 50, 55},     {1, UINT64_MAX, 300}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct pace p = pace_of(&(struct pace_conf){rows[i].rate, 1}, PACE_WHOLE);
        uint64_t most_s = 0, x = 9;
        for (int k = 0; k < 20000; k++) {
            uint32_t s = pace_retry_after_s(&p, rows[i].n_refused, draw(&x));
            assert_true(s >= 5);
            most_s = s > most_s ? s : most_s;
        }
        assert_int_equal(most_s, rows[i].last_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_class_leaves_something_to_those_before_it),
        cmocka_unit_test(waiting_as_long_as_told_is_enough),
        cmocka_unit_test(what_is_given_back_can_be_taken_again),
        cmocka_unit_test(no_storm_exceeds_the_pace),
        cmocka_unit_test(a_share_is_a_part_of_the_rate),
        cmocka_unit_test(the_ceiling_learns),
        cmocka_unit_test(those_refused_come_again_no_faster_than_the_pace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
