#include "unit.h"

#include <stdio.h>

#include "mutate.h"
#include "store/calendar.h"

static struct str name_of(unsigned i, char text[16])
{
    return (struct str){text, (size_t)snprintf(text, 16, "u%u", i)};
}

static void an_entry_comes_when_it_is_due(void **state)
{
    (void)state;
    struct calendar *c;
    assert_int_equal(calendar_new(1000, &c), 0);
    struct calendar_entry *e = calendar_add(c, STR("a"));
    assert_ptr_equal(calendar_add(c, STR("a")), e);
    assert_int_equal(calendar_count(c), 1);
    assert_str(calendar_aor(e), "a");
    calendar_file(c, e, 1010);
    assert_null(calendar_next(c, 1009));
    assert_ptr_equal(calendar_next(c, 1010), e);
    assert_null(calendar_next(c, 1010)); /* taken out */
    calendar_file(c, e, 5);              /* the past */
    assert_ptr_equal(calendar_next(c, 1010), e);
    calendar_file(c, e, 3000);
    calendar_file(c, e, 1020); /* sooner */
    assert_ptr_equal(calendar_next(c, 2000), e);
    assert_null(calendar_next(c, 4000));
    calendar_del(c, e);
    calendar_del(c, calendar_find(c, STR("a")));
    assert_int_equal(calendar_count(c), 0);
    calendar_free(c);
}

/* Random filings, some beyond the wheel, against an array of dates. */
static void random_dates_follow_the_model(void **state)
{
    (void)state;
    enum { ENTRIES = 200 };
    struct calendar *c;
    uint64_t seed = 3, now_s = 1000000, due_s[ENTRIES] = {0};
    char text[16];
    assert_int_equal(calendar_new(now_s, &c), 0);
    for (int round = 0; round < 5000; round++) {
        unsigned i = mutate_random(&seed) % ENTRIES;
        struct calendar_entry *e = calendar_add(c, name_of(i, text));
        assert_non_null(e);
        if (mutate_random(&seed) % 10) {
            due_s[i] = now_s + mutate_random(&seed) % (round % 2 ? 100 : 20000);
            calendar_file(c, e, due_s[i]);
        } else {
            due_s[i] = 0;
            calendar_del(c, e);
        }
        now_s += mutate_random(&seed) % (round % 100 ? 10 : 9000);
        while ((e = calendar_next(c, now_s))) {
            uint32_t at = ENTRIES;
            assert_int_equal(str_to_u32(str_skip(calendar_aor(e), 1), ENTRIES - 1, &at), 0);
            assert_true(due_s[at] && due_s[at] <= now_s && due_s[at] == e->due_s);
            due_s[at] = 0;
        }
        for (unsigned k = 0; k < ENTRIES; k++)
            assert_true(due_s[k] == 0 || due_s[k] > now_s);
    }
    calendar_free(c);
}

static void use_calendar(void *arg)
{
    struct calendar *c;
    char text[16];
    (void)arg;
    if (calendar_new(1, &c))
        return;
    for (unsigned i = 0; i < 3; i++) {
        struct calendar_entry *e = calendar_add(c, name_of(i, text));
        if (e)
            calendar_file(c, e, i);
    }
    calendar_free(c);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_true(oom_sweep(use_calendar, NULL) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_comes_when_it_is_due),
        cmocka_unit_test(random_dates_follow_the_model),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
