#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "service/trail.h"

static struct trail *trail;
static struct trail_entry found[TRAIL_WAYS];

static int set_up(void **state)
{
    (void)state;
    return trail_new(&trail);
}

static int tear_down(void **state)
{
    (void)state;
    trail_free(trail);
    return 0;
}

static void note(uint64_t hash, enum reason why, int32_t status)
{
    struct trail_figures f = TRAIL_NO_FIGURES;
    f.status = status;
    trail_note(trail, hash, why, &f);
}

static const struct trail_entry *newest(size_t n)
{
    const struct trail_entry *e = &found[0];
    for (size_t i = 1; i < n; i++)
        e = found[i].order > e->order ? &found[i] : e;
    return e;
}

static void equal_decisions_in_a_row_are_one(void **state)
{
    (void)state;
    assert_int_equal(trail_read(trail, 0, found), 0);
    for (int i = 0; i < 3; i++)
        note(0, REASON_REPEAT, 200);
    assert_int_equal(trail_read(trail, 0, found), 1);
    assert_int_equal(found[0].times, 3);
    assert_int_equal(found[0].last.granted_s, TRAIL_NONE);
    note(0, REASON_REPEAT, 503);
    note(0, REASON_QUERY, 200);
    note(0, REASON_REPEAT, 503);
    size_t n = trail_read(trail, 0, found);
    assert_int_equal(n, 4);
    assert_int_equal(newest(n)->reason, REASON_REPEAT);
    assert_int_equal(newest(n)->times, 1);
    assert_int_equal(trail_read(trail, 1, found), 0);
}

static void the_oldest_makes_room(void **state)
{
    (void)state;
    const uint64_t other = (uint64_t)1 << 40; /* in the same part of the table */
    note(other, REASON_QUERY, 200);
    for (int i = 0; i < 20; i++)
        note(0, i % 2 ? REASON_REPEAT : REASON_QUERY, 200);
    assert_int_equal(trail_read(trail, 0, found), TRAIL_WAYS);
    assert_int_equal(trail_read(trail, other, found), 0);
    note(other, REASON_QUERY, 200);
    assert_int_equal(trail_read(trail, other, found), 1);
    assert_int_equal(trail_read(trail, 0, found), TRAIL_WAYS - 1);
}

static atomic_bool is_over;

/* The status and the reason of what it writes always fit. */
static void *write_all_the_time(void *arg)
{
    (void)arg;
    for (int32_t i = 0; !atomic_load(&is_over); i++)
        note(0, (enum reason)(i % REASON_MAX), i % REASON_MAX);
    return NULL;
}

static void who_reads_meanwhile_sees_whole_entries(void **state)
{
    (void)state;
    pthread_t writer;
    atomic_store(&is_over, false);
    assert_int_equal(pthread_create(&writer, NULL, write_all_the_time, NULL), 0);
    for (int i = 0; i < 20000; i++)
        for (size_t n = trail_read(trail, 0, found); n-- > 0;)
            assert_int_equal(found[n].reason, found[n].last.status);
    atomic_store(&is_over, true);
    assert_int_equal(pthread_join(writer, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(equal_decisions_in_a_row_are_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_oldest_makes_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_reads_meanwhile_sees_whole_entries, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
