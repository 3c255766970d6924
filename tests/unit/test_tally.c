/* Calls of a line, counted by several threads at once. */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>

#include "service/tally.h"

/* Lines of one set: what tells them apart is above its number. */
#define LINE(n) ((uint64_t)(n) << 40 | (uint64_t)(n) << 16 | 5)

static struct tally *new_tally(void)
{
    struct tally *t = NULL;
    assert_int_equal(tally_new(&t), 0);
    return t;
}

static size_t enter(struct tally *t, uint64_t line, uint32_t max)
{
    size_t seat = 0;
    assert_int_equal(tally_enter(t, line, max, &seat), TALLY_ENTERED);
    return seat;
}

static void assert_full(struct tally *t, uint64_t line, uint32_t max)
{
    size_t seat;
    assert_int_equal(tally_enter(t, line, max, &seat), TALLY_FULL);
}

static void test_limit(void **state)
{
    struct tally *t = new_tally();
    (void)state;
    size_t one = enter(t, LINE(1), 2), two = enter(t, LINE(1), 2);
    assert_full(t, LINE(1), 2);
    size_t other = enter(t, LINE(2), 1);
    assert_full(t, LINE(2), 1);
    size_t third = enter(t, LINE(1), 3); /* a reload has raised it */
    assert_full(t, LINE(1), 1);          /* or lowered it */
    tally_leave(t, one);
    tally_leave(t, third);
    two = (tally_leave(t, two), enter(t, LINE(1), 1));
    assert_full(t, LINE(1), 1);
    tally_leave(t, two);
    tally_leave(t, other);
    tally_free(t);
}

/* A set has room for sixteen lines; the next is not counted until one of them goes. */
static void test_no_room(void **state)
{
    struct tally *t = new_tally();
    size_t seats[16], seat;
    (void)state;
    for (unsigned i = 0; i < 16; i++)
        seats[i] = enter(t, LINE(i), 1);
    assert_int_equal(tally_enter(t, LINE(16), 1, &seat), TALLY_NO_ROOM);
    assert_full(t, LINE(7), 1);
    tally_leave(t, seats[3]);
    seats[3] = enter(t, LINE(16), 1);
    assert_full(t, LINE(16), 1);
    for (unsigned i = 0; i < 16; i++)
        tally_leave(t, seats[i]);
    tally_free(t);
}

static void test_rate(void **state)
{
    struct tally *t = new_tally();
    (void)state;
    for (uint64_t s = 65530; s < 65545; s++) { /* the second's sixteen bits go round */
        assert_true(tally_take(t, LINE(1), s, 2));
        assert_true(tally_take(t, LINE(2), s, 1));
        assert_true(tally_take(t, LINE(1), s, 2));
        assert_false(tally_take(t, LINE(1), s, 2));
        assert_false(tally_take(t, LINE(2), s, 1));
        tally_give_back(t, LINE(2), s - 1); /* too late */
        assert_false(tally_take(t, LINE(2), s, 1));
        tally_give_back(t, LINE(2), s);
        assert_true(tally_take(t, LINE(2), s, 1));
        assert_false(tally_take(t, LINE(2), s, 1));
    }
    tally_free(t);
}

static void test_rate_without_room(void **state)
{
    struct tally *t = new_tally();
    (void)state;
    for (unsigned i = 0; i < 16; i++)
        assert_true(tally_take(t, LINE(i), 7, 1));
    for (unsigned i = 0; i < 16; i++)
        assert_false(tally_take(t, LINE(i), 7, 1));
    assert_true(tally_take(t, LINE(16), 7, 1));
    assert_true(tally_take(t, LINE(16), 7, 1)); /* not limited */
    assert_true(tally_take(t, LINE(16), 8, 1));
    assert_false(tally_take(t, LINE(16), 8, 1));
    tally_free(t);
}

/* ---------------------------------------------------------------- threads */

enum { THREADS = 4, ROUNDS = 20000, LINES = 3, MAX = 2 };

static struct tally *shared;
static atomic_int inside[LINES], most[LINES], n_entered;
static atomic_int taken;

static void look(int line)
{
    int n = atomic_fetch_add(&inside[line], 1) + 1, seen = atomic_load(&most[line]);
    while (n > seen && !atomic_compare_exchange_weak(&most[line], &seen, n))
        ;
    atomic_fetch_add(&n_entered, 1);
}

static void *come_and_go(void *arg)
{
    unsigned random = *(unsigned *)arg;
    for (int i = 0; i < ROUNDS; i++) {
        size_t seat;
        random = random * 1103515245 + 12345;
        int line = (int)(random >> 16) % LINES;
        if (tally_enter(shared, LINE(line), MAX, &seat) != TALLY_ENTERED)
            continue;
        look(line);
        atomic_fetch_sub(&inside[line], 1);
        tally_leave(shared, seat);
    }
    return NULL;
}

static void *take_one_second(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++)
        if (tally_take(shared, LINE(1), 3, 1000))
            atomic_fetch_add(&taken, 1);
    return NULL;
}

static void run(void *(*body)(void *))
{
    pthread_t threads[THREADS];
    unsigned seeds[THREADS] = {1, 2, 3, 4};
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, body, &seeds[i]), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* Never more than the limit inside, and nothing stays behind. */
static void test_threads(void **state)
{
    (void)state;
    shared = new_tally();
    run(come_and_go);
    assert_true(atomic_load(&n_entered) > ROUNDS);
    for (int i = 0; i < LINES; i++) {
        assert_true(atomic_load(&most[i]) <= MAX);
        tally_leave(shared, enter(shared, LINE(i), 1));
    }
    tally_free(shared);
}

static void test_threads_take(void **state)
{
    (void)state;
    shared = new_tally();
    run(take_one_second);
    assert_int_equal(atomic_load(&taken), 1000);
    tally_free(shared);
}

static void make_without_memory(void *arg)
{
    struct tally *t = NULL;
    (void)arg;
    if (tally_new(&t) == 0)
        tally_free(t);
}

static void test_no_memory(void **state)
{
    (void)state;
    assert_int_equal(oom_sweep(make_without_memory, NULL), 2);
    tally_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),     cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_rate),      cmocka_unit_test(test_rate_without_room),
        cmocka_unit_test(test_threads),   cmocka_unit_test(test_threads_take),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
