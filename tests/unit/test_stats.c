#include "unit.h"

#include <pthread.h>
#include <string.h>

#include "base/err.h"
#include "base/stats.h"

enum { N_THREADS = 4, N_EACH = 50000 };

static void every_row_has_a_name_and_names_stand_together(void **state)
{
    (void)state;
    for (int i = 0; i < STAT_MAX; i++) {
        const struct stats_row *row = &stats_rows[i];
        size_t n = strlen(row->name);
        assert_true(n > 0 && row->labels && strlen(row->help) > 0);
        bool is_total = n > 6 && strcmp(row->name + n - 6, "_total") == 0;
        assert_int_equal(is_total, !row->is_gauge);
        for (int j = 0; j < i; j++) {
            if (strcmp(stats_rows[j].name, row->name))
                continue;
            assert_string_equal(stats_rows[i - 1].name, row->name);
            assert_string_not_equal(stats_rows[j].labels, row->labels);
            assert_int_equal(stats_rows[j].is_gauge, row->is_gauge);
        }
    }
}

/* Odd threads have no block of their own. */
static void *count(void *arg)
{
    if (*(int *)arg % 2 == 0 && stats_thread_start())
        return arg;
    for (int i = 0; i < N_EACH; i++) {
        stats_inc(STAT_KEEPALIVE);
        stats_add(STAT_SEND_FAILED, 3);
        stats_dec(STAT_SEND_FAILED);
    }
    return NULL;
}

static void threads_add_up_and_outlive_themselves(void **state)
{
    (void)state;
    pthread_t threads[N_THREADS];
    int numbers[N_THREADS];
    void *failed;
    int64_t keepalives = stats_sum(STAT_KEEPALIVE), failures = stats_sum(STAT_SEND_FAILED);
    for (int i = 0; i < N_THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, count, &numbers[i]), 0);
    }
    assert_true(stats_sum(STAT_KEEPALIVE) >= keepalives);
    for (int i = 0; i < N_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(stats_sum(STAT_KEEPALIVE) - keepalives, N_THREADS * N_EACH);
    assert_int_equal(stats_sum(STAT_SEND_FAILED) - failures, 2 * N_THREADS * N_EACH);
}

static void start_thread(void *arg)
{
    int err = stats_thread_start();
    assert_true(err == 0 || err == ERR_NOMEM);
    int64_t before = stats_sum(STAT_KEEPALIVE);
    stats_inc(STAT_KEEPALIVE);
    assert_int_equal(stats_sum(STAT_KEEPALIVE), before + 1);
    *(int *)arg += 1;
}

static void without_a_block_it_still_counts(void **state)
{
    (void)state;
    int n = 0;
    assert_int_equal(oom_sweep(start_thread, &n), 2);
    assert_int_equal(n, 2);
    assert_int_equal(stats_thread_start(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_a_name_and_names_stand_together),
        cmocka_unit_test(threads_add_up_and_outlive_themselves),
        cmocka_unit_test(without_a_block_it_still_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
