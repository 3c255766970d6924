#include "unit.h"

#include "base/addr.h"
#include "base/err.h"
#include "service/source.h"

enum { NOW_S = 1000, SECOND_US = 1000000 };

static struct source_table *table;
static const struct source_limits limits = {.failures = 3, .lines = 2, .asked = 3, .ban_s = 60};

static int set_up(void **state)
{
    (void)state;
    return source_table_new(&table);
}

static int tear_down(void **state)
{
    (void)state;
    source_table_free(table);
    return 0;
}

static uint64_t key_of(const char *text)
{
    struct addr a = {0};
    assert_int_equal(addr_parse_host(str_of(text), &a), 0);
    return source_key(&a);
}

static void an_address_has_one_key_and_a_prefix_another(void **state)
{
    (void)state;
    assert_true(key_of("192.0.2.1") != key_of("192.0.2.2"));
    assert_true(key_of("2001:db8::1") == key_of("2001:db8::ffff:1"));
    assert_true(key_of("2001:db8::1") != key_of("2001:db8:0:1::1"));
    assert_true(key_of("::1") != 0);
    assert_true(key_of("0.0.0.1") != key_of("::1"));
}

/* A second's worth at once, then one each hundredth of a second; a pause fills it again. */
static void a_rate_is_kept(void **state)
{
    uint64_t a = key_of("192.0.2.1"), b = key_of("192.0.2.2"), now_us = 5 * SECOND_US;
    (void)state;
    for (int i = 0; i < 100; i++)
        assert_true(source_take(table, a, now_us, 100));
    assert_false(source_take(table, a, now_us, 100));
    assert_true(source_take(table, b, now_us, 100)); /* another one's business */
    now_us += SECOND_US / 100;
    assert_true(source_take(table, a, now_us, 100));
    assert_false(source_take(table, a, now_us, 100));
    now_us += 2 * SECOND_US;
    for (int i = 0; i < 100; i++)
        assert_true(source_take(table, a, now_us, 100));
    assert_false(source_take(table, a, now_us, 100));
}

/* However many more it has asked for meanwhile. */
static void a_challenge_is_known_for_long(void **state)
{
    uint64_t a = key_of("192.0.2.1"), b = key_of("192.0.2.2");
    const uint64_t nonce = 0x1234567800000001ULL;
    (void)state;
    assert_false(source_is_real(table, a, nonce));
    source_on_challenge(table, a, nonce);
    assert_true(source_is_real(table, a, nonce));
    assert_false(source_is_real(table, b, nonce));
    for (uint64_t i = 1; i <= 1000; i++)
        source_on_challenge(table, a, nonce + (i << 32));
    unsigned n = 0;
    for (uint64_t i = 0; i <= 1000; i++)
        n += source_is_real(table, a, nonce + (i << 32));
    assert_true(n > 980); /* two in one place now and then */
}

static unsigned n_until_ban(uint64_t key, uint64_t line, uint64_t now_s)
{
    unsigned n = 1;
    while (!source_on_failure(table, key, line, now_s, &limits))
        n++;
    return n;
}

static void failures_ban(void **state)
{
    uint64_t a = key_of("192.0.2.1"), b = key_of("192.0.2.2");
    (void)state;
    assert_false(source_is_banned(table, a, NOW_S));
    assert_int_equal(n_until_ban(a, 7, NOW_S + 61), 3);
    assert_true(source_is_banned(table, a, NOW_S + 61));
    assert_false(source_is_banned(table, b, NOW_S + 61));
    assert_true(source_is_banned(table, a, NOW_S + 120));
    assert_false(source_is_banned(table, a, NOW_S + 121));
    assert_int_equal(n_until_ban(a, 7, NOW_S + 121), 3); /* it begins anew */
    /* another line each time: the second one is enough */
    assert_false(source_on_failure(table, b, 1, NOW_S, &limits));
    assert_true(source_on_failure(table, b, 2, NOW_S, &limits));
}

/* One in 20 s: three in a minute are too many, and as many may come for ever. */
static void failures_are_forgotten_one_by_one(void **state)
{
    uint64_t a = key_of("192.0.2.1"), now_s = NOW_S;
    (void)state;
    for (int i = 0; i < 100; i++, now_s += 20)
        assert_false(source_on_failure(table, a, 7, now_s, &limits));
    assert_false(source_on_failure(table, a, 7, now_s, &limits));
    assert_false(source_on_failure(table, a, 7, now_s + 19, &limits));
    assert_true(source_on_failure(table, a, 7, now_s + 19, &limits));
    assert_int_equal(n_until_ban(a, 7, now_s + 1000), 3);
}

/* Neither its own account nor a neighbour's success gives a guesser another go. */
static void a_success_forgives_its_own_line(void **state)
{
    const struct source_limits any_line = {.failures = 3, .lines = 0, .ban_s = 60};
    uint64_t a = key_of("192.0.2.1");
    (void)state;
    assert_false(source_on_failure(table, a, 7, NOW_S, &any_line));
    assert_false(source_on_failure(table, a, 8, NOW_S, &any_line));
    source_on_success(table, a, 7);
    source_on_success(table, a, 9);
    source_on_success(table, key_of("192.0.2.9"), 8);
    assert_false(source_on_failure(table, a, 8, NOW_S, &any_line));
    source_on_success(table, a, 9);
    assert_true(source_on_failure(table, a, 8, NOW_S, &any_line));
}

static void zero_is_off(void **state)
{
    const struct source_limits off = {.failures = 0, .lines = 2, .ban_s = 60};
    const struct source_limits any_line = {.failures = 30, .lines = 0, .ban_s = 60};
    uint64_t a = key_of("192.0.2.1");
    (void)state;
    for (unsigned i = 0; i < 100; i++)
        assert_false(source_on_failure(table, a, i, NOW_S, &off));
    for (unsigned i = 0; i < 29; i++)
        assert_false(source_on_failure(table, a, i, NOW_S, &any_line));
    assert_true(source_on_failure(table, a, 29, NOW_S, &any_line));
}

static void who_asks_for_line_after_line_is_known(void **state)
{
    const struct source_limits off = {.failures = 3, .asked = 0, .ban_s = 60};
    uint64_t a = key_of("192.0.2.1");
    (void)state;
    for (uint64_t line = 1; line <= 3; line++)
        assert_false(source_on_line(table, a, line, NOW_S, &limits));
    assert_true(source_on_line(table, a, 4, NOW_S, &limits));
    assert_false(source_on_line(table, a, 3, NOW_S, &limits)); /* the same again */
    assert_false(source_on_line(table, key_of("192.0.2.2"), 4, NOW_S, &limits));
    source_forget_line(table, a, 2); /* proven */
    assert_false(source_on_line(table, a, 4, NOW_S, &limits));
    assert_true(source_on_line(table, a, 5, NOW_S + 59, &limits));
    assert_false(source_on_line(table, a, 5, NOW_S + 60, &limits));
    for (uint64_t line = 1; line <= 60; line++)
        assert_false(source_on_line(table, a, line, NOW_S, &off));
}

static size_t n_listed(uint64_t now_s)
{
    struct source_banned page[2];
    size_t at = 0, n = 0, got = 2;
    while (got == 2) {
        got = source_list_banned(table, now_s, &at, page, 2);
        for (size_t i = 0; i < got; i++)
            assert_true(page[i].until_s > now_s);
        n += got;
    }
    return n;
}

static void an_operator_bans_lists_and_lifts(void **state)
{
    struct source_banned one;
    size_t at = 0;
    struct addr a = {0};
    (void)state;
    assert_int_equal(source_ban(table, key_of("192.0.2.1"), NOW_S, NOW_S + 10), 0);
    assert_int_equal(source_ban(table, key_of("192.0.2.1"), NOW_S, NOW_S + 20), 0);
    assert_int_equal(source_list_banned(table, NOW_S, &at, &one, 1), 1);
    assert_int_equal(addr_parse_host(STR("192.0.2.1"), &a), 0);
    assert_true(addr_is_same_host(&a, &one.addr));
    assert_int_equal(one.until_s, NOW_S + 20);
    assert_int_equal(source_ban(table, key_of("2001:db8:1:2::3"), NOW_S, NOW_S + 10), 0);
    assert_int_equal(source_ban(table, key_of("::1"), NOW_S, NOW_S + 10), 0);
    assert_int_equal(n_listed(NOW_S), 3);
    assert_true(source_unban(table, key_of("::1"), NOW_S));
    assert_false(source_unban(table, key_of("::1"), NOW_S));
    assert_false(source_unban(table, key_of("192.0.2.9"), NOW_S));
    assert_int_equal(n_listed(NOW_S + 10), 1);
    assert_int_equal(n_listed(NOW_S + 20), 0);
}

/* A flood of other addresses, forged ones maybe, pushes out neither a ban nor a failure. */
static void a_flood_lifts_no_ban(void **state)
{
    uint64_t a = key_of("192.0.2.1"), b = key_of("192.0.2.2");
    (void)state;
    assert_int_equal(source_ban(table, a, NOW_S, NOW_S + 100), 0);
    assert_false(source_on_failure(table, b, 7, NOW_S, &limits));
    assert_false(source_on_failure(table, b, 7, NOW_S, &limits));
    for (uint32_t i = 0; i < 1000000; i++) {
        struct addr from = {.family = 4,
                            .ip = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i, 1}};
        (void)source_take(table, source_key(&from), (uint64_t)NOW_S * SECOND_US + i, 100);
    }
    assert_true(source_is_banned(table, a, NOW_S));
    assert_true(source_on_failure(table, b, 7, NOW_S, &limits));
}

static void make_one(void *arg)
{
    struct source_table *t = NULL;
    (void)arg;
    if (source_table_new(&t) == 0)
        source_table_free(t);
}

static void without_memory(void **state)
{
    (void)state;
    assert_true(oom_sweep(make_one, NULL) > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_address_has_one_key_and_a_prefix_another, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_rate_is_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_challenge_is_known_for_long, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_ban, set_up, tear_down),
        cmocka_unit_test_setup_teardown(failures_are_forgotten_one_by_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_success_forgives_its_own_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_asks_for_line_after_line_is_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(zero_is_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_operator_bans_lists_and_lifts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_flood_lifts_no_ban, set_up, tear_down),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
