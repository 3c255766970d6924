#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "service/ledger.h"

static struct ledger *ledger;

static int set_up(void **state)
{
    (void)state;
    const struct hash_key key = {1, 2};
    return ledger_new(&key, &ledger);
}

static int tear_down(void **state)
{
    (void)state;
    ledger_free(ledger);
    return 0;
}

static uint64_t count_of(const char *domain, enum ledger_what what)
{
    struct ledger_row row;
    for (size_t i = 0; i < LEDGER_ROWS; i++)
        if (ledger_read(ledger, i, &row) && str_eq(row.domain, str_of(domain)))
            return row.counts[what];
    return 0;
}

static void each_domain_has_its_counts(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        ledger_count(ledger, STR("a.test"), LEDGER_IN);
    ledger_count(ledger, STR("a.test"), LEDGER_OWN);
    ledger_count(ledger, STR("b.test"), LEDGER_IN);
    assert_int_equal(count_of("a.test", LEDGER_IN), 3);
    assert_int_equal(count_of("a.test", LEDGER_OWN), 1);
    assert_int_equal(count_of("a.test", LEDGER_ABSORBED), 0);
    assert_int_equal(count_of("b.test", LEDGER_IN), 1);
    assert_int_equal(count_of("c.test", LEDGER_IN), 0);
}

static void nothing_is_lost_of_too_many(void **state)
{
    (void)state;
    enum { N = 3000 };
    struct ledger_row row;
    char name[400];
    uint64_t sum = 0;
    size_t n_rows = 0;
    for (int i = 0; i < N; i++) {
        (void)snprintf(name, sizeof name, "d%d.test", i);
        ledger_count(ledger, str_of(name), LEDGER_IN);
    }
    memset(name, 'a', sizeof name);
    ledger_count(ledger, (struct str){name, sizeof name}, LEDGER_IN);
    ledger_count(ledger, STR(""), LEDGER_IN);
    for (size_t i = 0; i < LEDGER_ROWS; i++) {
        if (!ledger_read(ledger, i, &row))
            continue;
        sum += row.counts[LEDGER_IN];
        n_rows++;
    }
    assert_int_equal(sum, N + 2);
    assert_in_range(n_rows, 500, LEDGER_ROWS);
    assert_true(ledger_read(ledger, LEDGER_DOMAINS, &row) && str_is_none(row.domain));
    assert_true(row.counts[LEDGER_IN] >= N + 2 - LEDGER_DOMAINS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_domain_has_its_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_lost_of_too_many, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
