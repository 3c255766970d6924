#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/headcount.h"

static struct headcount *heads;

static int set_up(void **state)
{
    (void)state;
    return headcount_new(&heads);
}

static int tear_down(void **state)
{
    (void)state;
    headcount_free(heads);
    return 0;
}

static struct headcount_row row_of(const char *domain)
{
    struct headcount_row row;
    for (size_t i = 0; i < HEADCOUNT_ROWS; i++)
        if (headcount_read(heads, i, &row) && str_eq(row.domain, str_of(domain)))
            return row;
    return (struct headcount_row){.n_lines = -1};
}

/* With one device by each of the transports, and a live registration. */
static struct aor_record record(const char *aor, struct binding *bindings, size_t n,
                                const char *transports)
{
    static struct upreg live = {.state = UPREG_LIVE};
    for (size_t i = 0; i < n; i++)
        bindings[i] = (struct binding){.way.transport = (uint8_t)(transports[i] - '0')};
    return (struct aor_record){.aor = str_of(aor),
                               .bindings = bindings,
                               .n_bindings = n,
                               .upregs = &live,
                               .n_upregs = n > 0};
}

static void commits_are_added_up(void **state)
{
    (void)state;
    struct binding a[4], b[4];
    struct aor_record none = record("x@a.test", a, 0, ""), two = record("x@a.test", a, 2, "04");
    struct aor_record one = record("x@a.test", b, 1, "4"), other = record("y@b.test", b, 1, "4");
    headcount_on_change(heads, NULL, &two); /* as at a start */
    headcount_on_change(heads, NULL, &other);
    struct headcount_row row = row_of("a.test");
    assert_int_equal(row.n_lines, 1);
    assert_int_equal(row.n_upregs, 1);
    assert_int_equal(row.n_bindings[FLOW_UDP], 1);
    assert_int_equal(row.n_bindings[FLOW_WSS], 1);
    headcount_on_change(heads, &two, &one);
    row = row_of("a.test");
    assert_int_equal(row.n_lines, 1);
    assert_int_equal(row.n_bindings[FLOW_UDP], 0);
    headcount_on_change(heads, &one, &none);
    row = row_of("a.test");
    assert_int_equal(row.n_lines + row.n_upregs + row.n_bindings[FLOW_WSS], 0);
    assert_int_equal(row_of("b.test").n_lines, 1);
}

static void nothing_is_lost_of_too_many(void **state)
{
    (void)state;
    enum { N = 2000 };
    char aor[64];
    int64_t sum = 0;
    struct binding b[1];
    struct headcount_row row;
    for (int i = 0; i < N; i++) {
        (void)snprintf(aor, sizeof aor, "x@d%d.test", i);
        struct aor_record r = record(aor, b, 1, "1");
        headcount_on_change(heads, NULL, &r);
    }
    for (size_t i = 0; i < HEADCOUNT_ROWS; i++)
        if (headcount_read(heads, i, &row))
            sum += row.n_bindings[FLOW_TCP];
    assert_int_equal(sum, N);
    assert_true(headcount_read(heads, HEADCOUNT_DOMAINS, &row));
    assert_int_equal(row.domain.n, 0);
    assert_int_equal(row.n_lines, N - HEADCOUNT_DOMAINS);
}

static void make(void *arg)
{
    struct headcount *h;
    (void)arg;
    if (headcount_new(&h) == 0)
        headcount_free(h);
}

static void a_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_int_equal(oom_sweep(make, NULL), 2);
    headcount_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commits_are_added_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_lost_of_too_many, set_up, tear_down),
        cmocka_unit_test(a_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
