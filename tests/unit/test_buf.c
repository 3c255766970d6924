#include "unit.h"

#include "base/arena.h"
#include "base/buf.h"

static void what_is_added_stands_in_order(void **state)
{
    (void)state;
    char bytes[100];
    struct buf b = buf_over(bytes, sizeof bytes);
    buf_add(&b, STR("a"));
    buf_add(&b, STR_NONE);
    buf_add_char(&b, '-');
    buf_add_u64(&b, 0);
    buf_add_char(&b, ' ');
    buf_add_u64(&b, UINT64_MAX);
    buf_add_char(&b, ' ');
    buf_add_hex(&b, "\x00\x7f\xff", 3);
    buf_addf(&b, " %d%s ", -5, "%");
    buf_add_digits(&b, 7, 2);
    buf_add_digits(&b, 2026, 2);
    buf_add_digits(&b, UINT32_MAX, 12);
    assert_str(buf_str(&b), "a-0 18446744073709551615 007fff -5% 07264294967295");
    assert_false(b.has_overflown);
}

static void it_fills_to_the_last_byte(void **state)
{
    (void)state;
    char bytes[5] = "....x";
    struct buf b = buf_over(bytes, 4);
    buf_add(&b, STR("abcd"));
    assert_false(b.has_overflown);
    buf_add(&b, STR_NONE);
    assert_false(b.has_overflown);
    buf_add_char(&b, 'e');
    assert_true(b.has_overflown);
    assert_str(buf_str(&b), "abcd");
    assert_int_equal(bytes[4], 'x');
}

static void nothing_follows_what_did_not_fit(void **state)
{
    (void)state;
    char bytes[8];
    struct buf b = buf_over(bytes, sizeof bytes);
    buf_add(&b, STR("abc"));
    buf_add(&b, STR("too long for it"));
    buf_add(&b, STR("d"));
    assert_true(b.has_overflown);
    assert_str(buf_str(&b), "abc");
}

static void nor_what_printf_could_not_hold(void **state)
{
    (void)state;
    static char bytes[10000];
    struct buf b = buf_over(bytes, sizeof bytes);
    buf_addf(&b, "%5000d", 1);
    buf_add(&b, STR("d"));
    assert_true(b.has_overflown);
    assert_int_equal(b.len, 0);
}

static void in_an_exhausted_arena_it_holds_nothing(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 4096);
    struct buf b = buf_in(&a, 100);
    buf_add(&b, STR("here"));
    assert_str(buf_str(&b), "here");
    b = buf_in(&a, 100000);
    assert_true(b.has_overflown);
    buf_add(&b, STR("nothing"));
    assert_int_equal(b.len, 0);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_added_stands_in_order),
        cmocka_unit_test(it_fills_to_the_last_byte),
        cmocka_unit_test(nothing_follows_what_did_not_fit),
        cmocka_unit_test(nor_what_printf_could_not_hold),
        cmocka_unit_test(in_an_exhausted_arena_it_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
