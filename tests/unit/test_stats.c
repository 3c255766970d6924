#include "unit.h"

#include <pthread.h>
#include <stdlib.h>
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
        bool is_time = n > 8 && strcmp(row->name + n - 8, "_seconds") == 0;
        assert_int_equal(is_total, row->kind == STATS_COUNTER);
        assert_int_equal(is_time, row->kind == STATS_HISTOGRAM);
        assert_int_equal(row->suffix[0] != '\0', row->kind == STATS_HISTOGRAM);
        for (int j = 0; j < i; j++) {
            if (strcmp(stats_rows[j].name, row->name))
                continue;
            assert_string_equal(stats_rows[i - 1].name, row->name);
            assert_true(strcmp(stats_rows[j].labels, row->labels) ||
                        strcmp(stats_rows[j].suffix, row->suffix));
            assert_int_equal(stats_rows[j].kind, row->kind);
        }
    }
}

/* In each bucket what is in those before it; at a bound it is inside. */
static void a_histogram_counts_times(void **state)
{
    (void)state;
    static const struct {
        uint64_t ms;
        int first; /* the first of its buckets */
    } rows[] = {{0, 0},     {100, 0},    {101, 1},    {500, 1},       {501, 2},   {1000, 2},
                {2000, 3},  {5000, 4},   {5001, 5},   {10000, 5},     {30000, 6}, {60000, 7},
                {60001, 8}, {180000, 8}, {180001, 9}, {1ULL << 40, 9}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t before[STATS_HISTOGRAM_ROWS];
        for (int k = 0; k < STATS_HISTOGRAM_ROWS; k++)
            before[k] = stats_sum((enum stats_id)(STAT_CALL_SETUP + k));
        stats_add_time(STAT_CALL_SETUP, rows[i].ms);
        for (int k = 0; k < STATS_BUCKETS; k++)
            assert_int_equal(stats_sum((enum stats_id)(STAT_CALL_SETUP + k)) - before[k],
                             k >= rows[i].first);
        assert_int_equal(stats_sum(STAT_CALL_SETUP + STATS_AT_SUM) - before[STATS_AT_SUM],
                         rows[i].ms);
        assert_int_equal(stats_sum(STAT_CALL_SETUP + STATS_AT_COUNT) - before[STATS_AT_COUNT], 1);
    }
}

/* The label of a bucket says what stats_add_time puts into it. */
static void the_buckets_are_named_by_their_bounds(void **state)
{
    (void)state;
    static const char *const labels[STATS_BUCKETS] = {
        "le=\"0.1\"", "le=\"0.5\"", "le=\"1\"",  "le=\"2\"",   "le=\"5\"",
        "le=\"10\"",  "le=\"30\"",  "le=\"60\"", "le=\"180\"", "le=\"+Inf\""};
    const struct stats_row *rows = &stats_rows[STAT_CALL_SETUP];
    for (int i = 0; i < STATS_BUCKETS; i++) {
        assert_string_equal(rows[i].labels, labels[i]);
        assert_string_equal(rows[i].suffix, "_bucket");
        assert_int_equal(rows[i].per_s, 0);
    }
    assert_string_equal(rows[STATS_AT_SUM].suffix, "_sum");
    assert_int_equal(rows[STATS_AT_SUM].per_s, 1000);
    assert_string_equal(rows[STATS_AT_COUNT].suffix, "_count");
    assert_string_equal(rows[STATS_HISTOGRAM_ROWS - 1].name, "call_setup_seconds");
    assert_string_not_equal(rows[STATS_HISTOGRAM_ROWS].name, "call_setup_seconds");
}

static void short_times_have_buckets_of_their_own(void **state)
{
    (void)state;
    static const uint64_t ends_us[STATS_BUCKETS - 1] = {10,  20,   50,   100,  200,
                                                        500, 1000, 5000, 20000};
    const int first = STAT_ABSORB_TIME;
    for (int i = 0; i < STATS_BUCKETS - 1; i++) {
        int64_t here = stats_sum((enum stats_id)(first + i));
        stats_add_time_us(STAT_ABSORB_TIME, ends_us[i]);
        assert_int_equal(stats_sum((enum stats_id)(first + i)), here + 1);
        stats_add_time_us(STAT_ABSORB_TIME, ends_us[i] + 1);
        assert_int_equal(stats_sum((enum stats_id)(first + i)), here + 1);
        assert_true(strtod(stats_rows[first + i].labels + 4, NULL) * 1e6 == (double)ends_us[i]);
    }
    assert_int_equal(stats_rows[first + STATS_AT_SUM].per_s, 1000000);
    assert_string_equal(stats_rows[first].name, "absorb_seconds");
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
        cmocka_unit_test(a_histogram_counts_times),
        cmocka_unit_test(the_buckets_are_named_by_their_bounds),
        cmocka_unit_test(short_times_have_buckets_of_their_own),
        cmocka_unit_test(threads_add_up_and_outlive_themselves),
        cmocka_unit_test(without_a_block_it_still_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
