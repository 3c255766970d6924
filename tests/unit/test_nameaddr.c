#include "unit.h"

#include "base/err.h"
#include "mutate.h"
#include "sip/nameaddr.h"

struct row {
    struct str value;
    const char *display, *uri, *params; /* NULL: none; uri NULL: ERR_PARSE */
    bool has_brackets;
};

#define TEXT(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
#define NAME(value, d, u, p)                                                                       \
    {                                                                                              \
        TEXT(value), d, u, p, true                                                                 \
    }
#define BARE(value, u, p)                                                                          \
    {                                                                                              \
        TEXT(value), NULL, u, p, false                                                             \
    }
#define WRONG(value)                                                                               \
    {                                                                                              \
        TEXT(value), NULL, NULL, NULL, false                                                       \
    }
#define COUNT(table) (sizeof(table) / sizeof *(table))

static const struct row rows[] = {
    NAME("<sip:a@b>", NULL, "sip:a@b", NULL),
    NAME("  <sip:a@b;lr?x=y>\t;tag=1 ; x ", NULL, "sip:a@b;lr?x=y", ";tag=1 ; x"),
    NAME("\"A, B <c>;d\" <sip:a@b>", "\"A, B <c>;d\"", "sip:a@b", NULL), /* D23 */
    NAME("\"q\\\"\\\\\"<sip:a@b>", "\"q\\\"\\\\\"", "sip:a@b", NULL),
    NAME("\"\" <sip:a@b>", "\"\"", "sip:a@b", NULL),
    NAME("\"\xd1\x8f\" <sip:a@b>", "\"\xd1\x8f\"", "sip:a@b", NULL),
    NAME("token1~` token2'+_\r\n token3*%!.- <sip:a@b>", "token1~` token2'+_\r\n token3*%!.-",
         "sip:a@b", NULL),                                            /* RFC 4475 3.1.1.2 */
    NAME("caller<sip:a@b>;tag=323", "caller", "sip:a@b", ";tag=323"), /* RFC 4475 3.1.1.6 */
    NAME("* <sip:a@b>", "*", "sip:a@b", NULL),
    NAME("<tel:+31>", NULL, "tel:+31", NULL),
    NAME("<sip:a,b@c>", NULL, "sip:a,b@c", NULL),
    NAME("<sip:a@b>;+sip.instance=\"<urn:x;y,z>\"", NULL, "sip:a@b",
         ";+sip.instance=\"<urn:x;y,z>\""),
    BARE("sip:a@b", "sip:a@b", NULL),
    BARE(" sip:a@b ;\r\n tag \t = 1", "sip:a@b", ";\r\n tag \t = 1"),
    BARE("sip:+1@gw;unknownparam", "sip:+1@gw", ";unknownparam"), /* RFC 4475 cparam01 */
    BARE("sip:null-%00-null@b", "sip:null-%00-null@b", NULL),     /* RFC 4475 escnull */
    BARE("sip:[2001:db8::1]:5070", "sip:[2001:db8::1]:5070", NULL),
    WRONG(""),
    WRONG("  "),
    WRONG("a@b"),
    WRONG("<>"),
    WRONG("<sip:a@b"),
    WRONG("sip:a@b>"),
    WRONG("<sip:a@b>>"),
    WRONG("<<sip:a@b>"),
    WRONG("< sip:a@b >"), /* RFC 4475 badaspec */
    WRONG("<sip:a\0@b>"),
    WRONG("<sip:a@b> x"),
    WRONG("<sip:a@b>tag=1"),
    WRONG("<sip:a@b>;"),
    WRONG("<sip:a@b>;;;;"), /* RFC 4475 badinv01 */
    WRONG("<sip:a@b>,"),
    WRONG("<sip:a@b>,<sip:c@d>"),
    WRONG(",<sip:a@b>"),
    WRONG("\"A <sip:a@b>"), /* RFC 4475 quotbal */
    WRONG("\"A\\\" <sip:a@b>"),
    WRONG("\"A\" \"B\" <sip:a@b>"),
    WRONG("A \"B\" <sip:a@b>"),
    WRONG("\"A\""),
    WRONG("\"A\" sip:a@b"),
    WRONG("\"\x01\" <sip:a@b>"),
    WRONG("\"\0\" <sip:a@b>"),
    WRONG("Bell, Alexander <sip:a@b>;tag=43"), /* RFC 4475 baddn */
    WRONG("a(b) <sip:a@b>"),
    WRONG("sip:a@b?Route=%3Csip:c%3E"), /* RFC 4475 regbadct */
    WRONG("sip:a b@c"),
    WRONG("* x"),
};

static void assert_part(struct str part, const char *want)
{
    assert_int_equal(str_is_none(part), want == NULL);
    if (want && !str_eq(part, str_of(want)))
        fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(part), want);
}

static void single_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct nameaddr n;
        int got = nameaddr_parse(rows[i].value, &n);
        if (got != (rows[i].uri ? 0 : ERR_PARSE))
            fail_msg("\"%.*s\": %d", STR_FMT(rows[i].value), got);
        if (got)
            continue;
        assert_part(n.display, rows[i].display);
        assert_part(n.uri, rows[i].uri);
        assert_part(n.params, rows[i].params);
        assert_int_equal(n.has_brackets, rows[i].has_brackets);
        assert_false(n.is_star);
        assert_true(str_eq(n.text, str_trim(rows[i].value)));
    }
}

static void escaped_nul_in_a_display_name(void **state)
{
    (void)state;
    struct nameaddr n;
    assert_int_equal(nameaddr_parse(STR("\"BEL:\\\x07 NUL:\\\0 DEL:\\\x7f\" <sip:a@b>"), &n), 0);
    assert_str(n.display, "\"BEL:\\\x07 NUL:\\\0 DEL:\\\x7f\"");
    assert_str(n.uri, "sip:a@b");
}

static void a_star_is_a_star(void **state)
{
    (void)state;
    static const struct str stars[] = {TEXT("*"), TEXT(" * "), TEXT("\r\n *\r\n "),
                                       TEXT("*;expires=0")};
    for (size_t i = 0; i < COUNT(stars); i++) {
        struct nameaddr n;
        assert_int_equal(nameaddr_parse(stars[i], &n), 0); /* D11 */
        assert_true(n.is_star);
        assert_false(n.has_brackets);
        assert_str(n.uri, "*");
    }
}

static void lists_keep_their_order(void **state)
{
    (void)state;
    struct str rest = STR(" \"a,b\" <sip:a,1@x;p=1>;q=1 , sip:b@y;q=.5,*,<sip:c@z>");
    struct nameaddr n;
    assert_int_equal(nameaddr_next(&rest, &n), 1);
    assert_str(n.text, "\"a,b\" <sip:a,1@x;p=1>;q=1");
    assert_int_equal(nameaddr_next(&rest, &n), 1);
    assert_str(n.text, "sip:b@y;q=.5");
    assert_str(n.params, ";q=.5");
    assert_int_equal(nameaddr_next(&rest, &n), 1);
    assert_true(n.is_star);
    assert_int_equal(nameaddr_next(&rest, &n), 1);
    assert_str(n.uri, "sip:c@z");
    assert_int_equal(nameaddr_next(&rest, &n), 0);
}

static void tags_are_found(void **state)
{
    (void)state;
    struct nameaddr n;
    assert_int_equal(nameaddr_parse(STR("<sip:a@b;tag=no>;x;TAG = yes"), &n), 0);
    assert_str(n.tag, "yes");
    assert_int_equal(nameaddr_parse(STR("<sip:a@b;tag=no>"), &n), 0);
    assert_true(str_is_none(n.tag));
    assert_int_equal(nameaddr_parse(STR("<sip:a@b> ; tag ;x"), &n), 0);
    assert_false(str_is_none(n.tag));
    assert_int_equal(n.tag.n, 0);
}

static void damaged_values_stay_inside(void **state)
{
    (void)state;
    uint64_t seed = 0x5eed0002;
    for (size_t i = 0; i < 40000; i++) {
        struct str in = mutate(rows[i % COUNT(rows)].value, &seed);
        struct str rest = in;
        struct nameaddr n;
        while (nameaddr_next(&rest, &n) == 1) {
            assert_true(mutate_is_inside(n.text, in) && n.text.n > 0);
            assert_true(mutate_is_inside(n.display, n.text));
            assert_true(mutate_is_inside(n.uri, n.text) && n.uri.n > 0);
            assert_true(mutate_is_inside(n.params, n.text));
            assert_true(mutate_is_inside(n.tag, n.text));
        }
        assert_true(mutate_is_inside(rest, in));
        free((char *)(uintptr_t)in.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_values),    cmocka_unit_test(escaped_nul_in_a_display_name),
        cmocka_unit_test(a_star_is_a_star), cmocka_unit_test(lists_keep_their_order),
        cmocka_unit_test(tags_are_found),   cmocka_unit_test(damaged_values_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
