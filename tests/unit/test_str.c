#include "unit.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

static void absent_and_empty_differ(void **state)
{
    (void)state;
    assert_true(str_is_none(STR_NONE));
    assert_false(str_is_none(STR("")));
    assert_true(str_is_none(str_of(NULL)));
    assert_true(str_eq(STR_NONE, STR("")));
    assert_int_equal(str_of("abc").n, 3);
    const char *text = "abc";
    assert_str(str_span(text + 1, text + 3), "bc");
    assert_ptr_equal(str_end(str_of(text)), text + 3);
}

static void equality_is_exact_or_without_case(void **state)
{
    (void)state;
    assert_true(str_eq(STR("a\0b"), STR("a\0b")));
    assert_false(str_eq(STR("a\0b"), STR("a\0c")));
    assert_false(str_eq(STR("a"), STR("A")));
    assert_true(str_ieq(STR("Via-Z9"), STR("vIA-z9")));
    assert_false(str_ieq(STR("Via"), STR("Vi")));
    assert_false(str_ieq(STR("["), STR("{"))); /* differ in the same bit as letters do */
    assert_false(str_ieq(STR("\xc4"), STR("\xe4")));
    assert_true(str_has_prefix(STR("sip:a"), STR("sip:")));
    assert_false(str_has_prefix(STR("SIP:a"), STR("sip:")));
    assert_true(str_has_iprefix(STR("SIP:a"), STR("sip:")));
    assert_false(str_has_iprefix(STR("SIP"), STR("sip:")));
    assert_true(str_has_prefix(STR_NONE, STR("")));
}

static void order_is_by_bytes_then_length(void **state)
{
    (void)state;
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("b"), STR("a")) > 0);
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_cmp(STR("ab"), STR("a")) > 0);
    assert_true(str_cmp(STR("a"), STR("\xff")) < 0);
    assert_int_equal(str_cmp(STR("ab"), STR("ab")), 0);
    assert_int_equal(str_cmp(STR_NONE, STR("")), 0);
}

static void pieces_are_found_trimmed_and_skipped(void **state)
{
    (void)state;
    const struct str s = STR("a;b;c");
    assert_ptr_equal(str_find(s, ';'), s.p + 1);
    assert_null(str_find(s, 'x'));
    assert_null(str_find(STR_NONE, 'x'));
    assert_str(str_trim(STR(" \t\r\n a b \r\n\t")), "a b");
    assert_str(str_trim(STR(" \r\n ")), "");
    assert_str(str_skip(s, 4), "c");
    assert_str(str_skip(s, 5), "");
    assert_str(str_skip(s, 6), "");
}

static void characters_have_classes(void **state)
{
    (void)state;
    assert_int_equal(ascii_lower('Q'), 'q');
    assert_int_equal(ascii_lower('@'), '@');
    assert_int_equal(ascii_lower('['), '[');
    assert_true(ascii_is_digit('0') && ascii_is_digit('9'));
    assert_false(ascii_is_digit('/') || ascii_is_digit(':'));
    assert_true(ascii_is_alpha('a') && ascii_is_alpha('Z'));
    assert_false(ascii_is_alpha('[') || ascii_is_alpha('\xe4'));
    assert_int_equal(ascii_hex('0'), 0);
    assert_int_equal(ascii_hex('f'), 15);
    assert_int_equal(ascii_hex('A'), 10);
    assert_int_equal(ascii_hex('g'), -1);
    assert_int_equal(ascii_hex('\0'), -1);
}

static void numbers_are_digits_only_and_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t max;
        int err;
        uint64_t value;
    } rows[] = {
        {"0", 9, 0, 0},
        {"9", 9, 0, 9},
        {"10", 9, ERR_TOOBIG, 9},
        {"000000000000000000000000000007", 9, 0, 7},
        {"18446744073709551615", UINT64_MAX, 0, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, ERR_TOOBIG, UINT64_MAX},
        {"99999999999999999999999999", UINT64_MAX, ERR_TOOBIG, UINT64_MAX},
        {"18446744073709551617", 100, ERR_TOOBIG, 100},
        {"", 9, ERR_PARSE, 77},
        {"-1", 9, ERR_PARSE, 77},
        {"+1", 9, ERR_PARSE, 77},
        {" 1", 9, ERR_PARSE, 77},
        {"1 ", 9, ERR_PARSE, 77},
        {"0x1", 9, ERR_PARSE, 77},
        {"99999999999999999999999999x", 9, ERR_PARSE, 77},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t v = 77;
        assert_int_equal(str_to_u64(str_of(rows[i].text), rows[i].max, &v), rows[i].err);
        assert_true(v == rows[i].value);
    }
    uint32_t v = 77;
    assert_int_equal(str_to_u32(STR("4294967295"), UINT32_MAX, &v), 0);
    assert_true(v == UINT32_MAX);
    assert_int_equal(str_to_u32(STR("4294967296"), UINT32_MAX, &v), ERR_TOOBIG);
    assert_true(v == UINT32_MAX);
    v = 77;
    assert_int_equal(str_to_u32(STR("x"), UINT32_MAX, &v), ERR_PARSE);
    assert_int_equal(v, 77);
}

static void copies_live_in_the_arena(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 4096);
    const struct str s = STR("copy");
    struct str copy = str_dup(&a, s);
    assert_str(copy, "copy");
    assert_ptr_not_equal(copy.p, s.p);
    assert_string_equal(str_dup_z(&a, s), "copy");
    assert_string_equal(str_dup_z(&a, STR_NONE), "");
    static char big[5000];
    assert_true(str_is_none(str_dup(&a, (struct str){big, sizeof big})));
    assert_null(str_dup_z(&a, (struct str){big, sizeof big}));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_and_empty_differ),
        cmocka_unit_test(equality_is_exact_or_without_case),
        cmocka_unit_test(order_is_by_bytes_then_length),
        cmocka_unit_test(pieces_are_found_trimmed_and_skipped),
        cmocka_unit_test(characters_have_classes),
        cmocka_unit_test(numbers_are_digits_only_and_bounded),
        cmocka_unit_test(copies_live_in_the_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
