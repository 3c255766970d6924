#include "unit.h"

#include "base/err.h"
#include "mutate.h"
#include "sip/contact.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { NO = CONTACT_NO_EXPIRES, NO_Q = CONTACT_NO_Q };

static const struct {
    struct str value;
    int got; /* 1 or ERR_PARSE */
    int64_t expires_s;
    int q;
    const char *instance;
    uint32_t reg_id;
} rows[] = {
    {TEXT("<sip:a@h>"), 1, NO, NO_Q, NULL, 0},
    {TEXT("<sip:a@h;expires=5>;expires=60"), 1, 60, NO_Q, NULL, 0},
    {TEXT("sip:a@h;expires=60;q=0.5"), 1, 60, 500, NULL, 0}, /* D23 */
    {TEXT("<sip:a@h>;EXPIRES = 0"), 1, 0, NO_Q, NULL, 0},
    {TEXT("<sip:a@h>;expires=\"3600\""), 1, 3600, NO_Q, NULL, 0}, /* D48 */
    {TEXT("<sip:a@h>;expires=007"), 1, 7, NO_Q, NULL, 0},         /* D14 */
    {TEXT("<sip:a@h>;expires=4294967295"), 1, 4294967295, NO_Q, NULL, 0},
    {TEXT("<sip:a@h>;expires=4294967296"), 1, 4294967295, NO_Q, NULL, 0},
    {TEXT("<sip:a@h>;expires=280297596632815"), 1, 4294967295, NO_Q, NULL, 0},
    {TEXT("<sip:a@h>;expires=99999999999999999999999999"), 1, 4294967295, NO_Q, NULL, 0},
    {TEXT("<sip:a@h>;expires=-1"), 1, NO, NO_Q, NULL, 0}, /* D16 */
    {TEXT("<sip:a@h>;expires="), 1, NO, NO_Q, NULL, 0},
    {TEXT("<sip:a@h>;expires"), 1, NO, NO_Q, NULL, 0},
    {TEXT("<sip:a@h>;expires=\"\""), 1, NO, NO_Q, NULL, 0},
    {TEXT("<sip:a@h>;expires=60s"), 1, NO, NO_Q, NULL, 0},
    {TEXT("<sip:a@h>;expires=5;expires=6"), 1, 5, NO_Q, NULL, 0},
    /* D21 */
    {TEXT("<sip:a@h>;q=0"), 1, NO, 0, NULL, 0},
    {TEXT("<sip:a@h>;q=0."), 1, NO, 0, NULL, 0},
    {TEXT("<sip:a@h>;q=0.33"), 1, NO, 330, NULL, 0},
    {TEXT("<sip:a@h>;q=0.001"), 1, NO, 1, NULL, 0},
    {TEXT("<sip:a@h>;q=0.999"), 1, NO, 999, NULL, 0},
    {TEXT("<sip:a@h>;q=1"), 1, NO, 1000, NULL, 0},
    {TEXT("<sip:a@h>;q=1.000"), 1, NO, 1000, NULL, 0},
    {TEXT("<sip:a@h>;q=1.001"), ERR_PARSE, 0, 0, NULL, 0},
    {TEXT("<sip:a@h>;q=1.5"), ERR_PARSE, 0, 0, NULL, 0},
    {TEXT("<sip:a@h>;q=0.1234"), ERR_PARSE, 0, 0, NULL, 0},
    {TEXT("<sip:a@h>;q=-0.1"), ERR_PARSE, 0, 0, NULL, 0},
    {TEXT("<sip:a@h>;q=2"), ERR_PARSE, 0, 0, NULL, 0},
    {TEXT("<sip:a@h>;q=01"), ERR_PARSE, 0, 0, NULL, 0},
    {TEXT("<sip:a@h>;q=.5"), ERR_PARSE, 0, 0, NULL, 0},
    {TEXT("<sip:a@h>;q=0.a"), ERR_PARSE, 0, 0, NULL, 0},
    {TEXT("<sip:a@h>;q="), ERR_PARSE, 0, 0, NULL, 0},
    {TEXT("<sip:a@h>;q"), ERR_PARSE, 0, 0, NULL, 0},
    {TEXT("<sip:a@h>;q=\"\""), ERR_PARSE, 0, 0, NULL, 0},
    {TEXT("<sip:a@h>;q=\"0.5\""), ERR_PARSE, 0, 0, NULL, 0},
    /* D22 */
    {TEXT("<sip:a@h>;+sip.instance=\"<urn:uuid:0>\";reg-id=1"), 1, NO, NO_Q, "<urn:uuid:0>", 1},
    {TEXT("<sip:a@h>;reg-id=2147483647;+SIP.Instance=\"<x>\""), 1, NO, NO_Q, "<x>", 2147483647},
    {TEXT("<sip:a@h>;+sip.instance=\"<x>\";reg-id=2147483648"), 1, NO, NO_Q, "<x>", 0},
    {TEXT("<sip:a@h>;+sip.instance=\"<x>\";reg-id=0"), 1, NO, NO_Q, "<x>", 0},
    {TEXT("<sip:a@h>;+sip.instance=\"<x>\";reg-id=a"), 1, NO, NO_Q, "<x>", 0},
    {TEXT("<sip:a@h>;reg-id=1"), 1, NO, NO_Q, NULL, 0},
    {TEXT("<sip:a@h>;+sip.instance=\"x\";reg-id=1"), 1, NO, NO_Q, NULL, 0},
    {TEXT("<sip:a@h>;+sip.instance=\"<>\";reg-id=1"), 1, NO, NO_Q, NULL, 0},
    {TEXT("<sip:a@h>;+sip.instance=;reg-id=1"), 1, NO, NO_Q, NULL, 0},
    {TEXT("<name:John_Smith>"), 1, NO, NO_Q, NULL, 0}, /* RFC 4475 unksm2 */
    {TEXT("<sip:a@h"), ERR_PARSE, 0, 0, NULL, 0},
    {TEXT("<sip:a@[::1>"), ERR_PARSE, 0, 0, NULL, 0},
    {TEXT("<a@h>"), ERR_PARSE, 0, 0, NULL, 0},
    {TEXT("sip:user@example.com?Route=%3Csip:sip.example.com%3E"), ERR_PARSE, 0, 0, NULL, 0},
};

static void parameters_of_a_contact(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str rest = rows[i].value;
        struct contact c;
        if (contact_next(&rest, &c) != rows[i].got)
            fail_msg("\"%.*s\"", STR_FMT(rows[i].value));
        if (rows[i].got != 1)
            continue;
        if (c.expires_s != rows[i].expires_s)
            fail_msg("\"%.*s\": expires %lld", STR_FMT(rows[i].value), (long long)c.expires_s);
        assert_int_equal(c.q, rows[i].q);
        assert_int_equal(c.reg_id, rows[i].reg_id);
        assert_int_equal(str_is_none(c.instance), rows[i].instance == NULL);
        assert_true(str_eq(c.instance, str_of(rows[i].instance)));
        assert_true(str_eq(c.uri.text, c.addr.uri));
    }
}

static void a_star_has_no_expiry(void **state)
{
    (void)state;
    struct str rest = STR("*;expires=0;q=7");
    struct contact c;
    assert_int_equal(contact_next(&rest, &c), 1); /* D11 */
    assert_true(c.addr.is_star);
    assert_int_equal(c.expires_s, CONTACT_NO_EXPIRES);
    assert_true(str_is_none(c.uri.text));
}

static void lists(void **state)
{
    (void)state;
    struct str rest = STR("\"a,b\" <sip:a@h>;q=1, sip:b@h;expires=5 ,<tel:+31>");
    struct contact c;
    assert_int_equal(contact_next(&rest, &c), 1);
    assert_int_equal(c.q, 1000);
    assert_int_equal(contact_next(&rest, &c), 1);
    assert_str(c.uri.user, "b");
    assert_int_equal(c.expires_s, 5);
    assert_int_equal(c.q, CONTACT_NO_Q);
    assert_int_equal(contact_next(&rest, &c), 1);
    assert_int_equal(c.uri.scheme, URI_TEL);
    assert_int_equal(contact_next(&rest, &c), 0);
}

static void the_number_of_an_expires_header(void **state)
{
    (void)state;
    static const struct {
        struct str value;
        int64_t seconds; /* NO: ERR_PARSE */
    } table[] = {
        {TEXT("0"), 0},
        {TEXT(" 3600 "), 3600},
        {TEXT("0007"), 7},
        {TEXT("-1"), NO},
        {TEXT(""), NO},
        {TEXT("1h"), NO},
        {TEXT("1 2"), NO},
        {TEXT("0x10"), NO},
        {TEXT("4294967295"), 4294967295},
        {TEXT("\0"), NO},
        {TEXT("\"60\""), NO},
        {TEXT("4294967296"), 4294967295},
        {TEXT("100000000000000000000000000000000000"), 4294967295}, /* RFC 4475 scalar02 */
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        uint32_t seconds;
        int got = contact_expires(table[i].value, &seconds);
        assert_int_equal(got, table[i].seconds == NO ? ERR_PARSE : 0);
        if (got == 0)
            assert_int_equal(seconds, table[i].seconds);
    }
}

static void damaged_contacts_stay_inside(void **state)
{
    (void)state;
    uint64_t seed = 0x5eed0005;
    for (size_t i = 0; i < 40000; i++) {
        struct str in = mutate(rows[i % COUNT(rows)].value, &seed);
        struct str rest = in;
        struct contact c;
        while (contact_next(&rest, &c) == 1) {
            assert_true(mutate_is_inside(c.instance, in));
            assert_true(mutate_is_inside(c.addr.text, in));
            assert_in_range(c.q + 1, 0, 1001);
            assert_in_range(c.expires_s + 1, 0, 1LL << 32);
            assert_in_range(c.reg_id, 0, 0x7fffffff);
            if (str_is_none(c.instance))
                assert_int_equal(c.reg_id, 0);
        }
        free((char *)(uintptr_t)in.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_of_a_contact),
        cmocka_unit_test(a_star_has_no_expiry),
        cmocka_unit_test(lists),
        cmocka_unit_test(the_number_of_an_expires_header),
        cmocka_unit_test(damaged_contacts_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
