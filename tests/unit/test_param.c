#include "unit.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "mutate.h"
#include "sip/param.h"

#define LIST(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

struct row {
    struct str list;
    const char *printed; /* name[=value]| … , then ! for ERR_PARSE */
};

static const struct row lists[] = {
    {LIST(""), ""},
    {LIST("  \t "), ""},
    {LIST(";tag=abc"), "tag=abc|"},
    {LIST(" ; tag = abc \t;lr ; x"), "tag=abc|lr|x|"},
    {LIST(";\r\n q\r\n =\r\n 0.5"), "q=0.5|"},
    {LIST(";a=\"x;y,\\\"z\" ;b"), "a=\"x;y,\\\"z\"|b|"},
    {LIST(";a=\"nul\\\0!\""), "a=\"nul\\\0!\"|"},
    {LIST(";rport=;branch=z"), "rport=|branch=z|"},
    {LIST(";received=[2001:db8::1];maddr=::1"), "received=[2001:db8::1]|maddr=::1|"},
    /* RFC 4475 3.1.1.2: every character that a token may have */
    {LIST(";-.!%66*_+`'~=-.!%66*_+`'~"), "-.!%66*_+`'~=-.!%66*_+`'~|"},
    /* RFC 4475 3.1.2.1 */
    {LIST(";;,;,,"), "!"},
    {LIST("tag=1"), "!"},
    {LIST(";a=b c"), "a=b|!"},
    {LIST(";a=\"open"), "!"},
    {LIST(";a=\"open\\\""), "!"},
    {LIST(";a=\"x\"y"), "a=\"x\"|!"},
    {LIST(";a=\"\x01\""), "!"},
    {LIST(";a=b<"), "a=b|!"},
    {LIST(";=x"), "!"},
    {LIST(";\xc3\xa9=x"), "!"},
};

static void lists_are_taken_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char text[128] = {0};
        struct buf out = buf_over(text, sizeof text - 1);
        struct str rest = lists[i].list;
        struct param p;
        int got;
        while ((got = param_next(&rest, &p)) == 1) {
            buf_add(&out, p.name);
            if (!str_is_none(p.value))
                buf_add_char(&out, '=');
            buf_add(&out, p.value);
            buf_add_char(&out, '|');
        }
        if (got == ERR_PARSE)
            buf_add_char(&out, '!');
        assert_memory_equal(text, lists[i].printed, strlen(lists[i].printed) + 1);
    }
}

static void names_are_found_in_any_case(void **state)
{
    (void)state;
    struct param p;
    assert_true(param_find(STR(";Tag=1;x;TAG=2"), STR("tag"), &p));
    assert_str(p.value, "1");
    assert_true(param_find(STR(";lr"), STR("LR"), &p));
    assert_true(str_is_none(p.value));
    assert_false(param_find(STR(";tagg=1"), STR("tag"), &p));
    assert_false(param_find(STR(";;tag=1"), STR("tag"), &p));
    assert_false(param_find(STR_NONE, STR("tag"), &p));
}

static void quotes_and_escapes_go(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 16);
    assert_str(param_unquote(&a, STR("\"a\\\"b\\\\c\"")), "a\"b\\c");
    assert_str(param_unquote(&a, STR("\"\\\0\"")), "\0");
    assert_str(param_unquote(&a, STR("\"\"")), "");
    assert_str(param_unquote(&a, STR("plain\\x")), "plain\\x");
    assert_str(param_unquote(&a, STR("\"")), "\"");
    assert_str(param_unquote(&a, STR("\"\\\"")), "\\");
    arena_fini(&a);
    arena_init(&a, 0);
    assert_true(str_is_none(param_unquote(&a, STR("\"a\""))));
    assert_str(param_unquote(&a, STR("a")), "a");
    arena_fini(&a);
}

static void elements_are_split_at_bare_commas(void **state)
{
    (void)state;
    static const struct {
        struct str list;
        const char *printed;
    } rows[] = {
        {LIST(""), ""},
        {LIST(" , ,, "), ""},
        {LIST("path, outbound ,,gruu,"), "path|outbound|gruu|"},
        {LIST("\"a,\\\",b\" <sip:a,b@c>, <sip:d>;x=\"<,\" ,e"),
         "\"a,\\\",b\" <sip:a,b@c>|<sip:d>;x=\"<,\"|e|"},
        {LIST("a,\"open, b"), "a|\"open, b|"},
        {LIST("a,<open, b"), "a|<open, b|"},
        {LIST("a,\"open\\"), "a|\"open\\|"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[128] = {0};
        struct buf out = buf_over(text, sizeof text - 1);
        struct str rest = rows[i].list, element;
        while (param_split(&rest, &element)) {
            buf_add(&out, element);
            buf_add_char(&out, '|');
        }
        assert_string_equal(text, rows[i].printed);
    }
    struct str rest = STR("a , b"), element; /* the comma goes with what stands before it */
    assert_true(param_split(&rest, &element));
    assert_str(rest, " b");
}

static void damaged_lists_stay_inside(void **state)
{
    (void)state;
    uint64_t seed = 0x5eed0001;
    for (int i = 0; i < 20000; i++) {
        struct str in = mutate(lists[i % (sizeof lists / sizeof *lists)].list, &seed);
        struct str rest = in;
        struct param p;
        while (param_next(&rest, &p) == 1) {
            assert_true(mutate_is_inside(p.name, in) && p.name.n > 0);
            assert_true(mutate_is_inside(p.value, in));
        }
        assert_true(mutate_is_inside(rest, in));
        struct str element;
        for (rest = in; param_split(&rest, &element);)
            assert_true(mutate_is_inside(element, in));
        assert_int_equal(rest.n, 0);
        free((char *)(uintptr_t)in.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_taken_apart),
        cmocka_unit_test(names_are_found_in_any_case),
        cmocka_unit_test(quotes_and_escapes_go),
        cmocka_unit_test(elements_are_split_at_bare_commas),
        cmocka_unit_test(damaged_lists_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
