#include "unit.h"

#include "sip/hdr.h"

static void every_name_finds_its_row(void **state)
{
    (void)state;
    for (int id = HDR_OTHER + 1; id < HDR_MAX; id++) {
        struct str name = hdr_name((enum hdr_id)id);
        assert_true(hdr_is_token(name));
        assert_int_equal(hdr_find(name), id);
        char other_case[32];
        assert_true(name.n < sizeof other_case);
        for (size_t i = 0; i < name.n; i++)
            other_case[i] = (char)(ascii_is_alpha(name.p[i]) ? name.p[i] ^ 0x20 : name.p[i]);
        assert_int_equal(hdr_find((struct str){other_case, name.n}), id);
        other_case[name.n - 1] ^= 1;
        assert_int_equal(hdr_find((struct str){other_case, name.n}), HDR_OTHER);
    }
}

static void compact_and_unknown_names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum hdr_id id;
    } rows[] = {
        {"v", HDR_VIA},
        {"V", HDR_VIA},
        {"f", HDR_FROM},
        {"t", HDR_TO},
        {"i", HDR_CALL_ID},
        {"m", HDR_CONTACT},
        {"l", HDR_CONTENT_LENGTH},
        {"L", HDR_CONTENT_LENGTH},
        {"c", HDR_CONTENT_TYPE},
        {"k", HDR_SUPPORTED},
        {"s", HDR_OTHER},
        {"z", HDR_OTHER},
        {"@", HDR_OTHER},
        {"{", HDR_OTHER},
        {"\xff", HDR_OTHER},
        {"", HDR_OTHER},
        {"To ", HDR_OTHER},
        {"Call\rID", HDR_OTHER},
        {"Contacts", HDR_OTHER},
        {"C%6Fntact", HDR_OTHER},
        {"P-Preferred-Identity-And-More", HDR_OTHER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(hdr_find(str_of(rows[i].name)), rows[i].id);
}

static void methods_compare_with_case(void **state)
{
    (void)state;
    for (int m = METHOD_OTHER + 1; m < METHOD_MAX; m++) {
        assert_true(hdr_is_token(hdr_method_name((enum sip_method)m)));
        assert_int_equal(hdr_method(hdr_method_name((enum sip_method)m)), m);
    }
    assert_int_equal(hdr_method_name(METHOD_OTHER).n, 0);
    assert_int_equal(hdr_method(STR("")), METHOD_OTHER);
    assert_int_equal(hdr_method(STR_NONE), METHOD_OTHER);
    assert_int_equal(hdr_method(STR("register")), METHOD_OTHER);
    assert_int_equal(hdr_method(STR("REGISTERS")), METHOD_OTHER);
    assert_int_equal(hdr_method(STR("RE%47IST%45R")), METHOD_OTHER);
    assert_true(hdr_is_method_miswritten(STR("register")));
    assert_true(hdr_is_method_miswritten(STR("Invite")));
    assert_false(hdr_is_method_miswritten(STR("INVITE")));
    assert_false(hdr_is_method_miswritten(STR("INVITES")));
    assert_false(hdr_is_method_miswritten(STR("fly")));
    assert_false(hdr_is_method_miswritten(STR("")));
    assert_false(hdr_is_method_miswritten(STR_NONE));
}

static void reasons(void **state)
{
    (void)state;
    assert_str(hdr_reason(100), "Trying");
    assert_str(hdr_reason(200), "OK");
    assert_str(hdr_reason(423), "Interval Too Brief");
    assert_str(hdr_reason(513), "Message Too Large");
    assert_str(hdr_reason(299), "Unknown");
    assert_str(hdr_reason(0), "Unknown");
}

static void tokens(void **state)
{
    (void)state;
    assert_true(hdr_is_token(STR("!interesting-Method0123456789_*+`.%indeed'~")));
    assert_false(hdr_is_token(STR("")));
    assert_false(hdr_is_token(STR_NONE));
    static const char others[] = "()<>@,;:\\\"/[]?={} \t\r\n\x7f\x80\xff";
    for (size_t i = 0; i < sizeof others; i++) /* the NUL, too */
        assert_false(hdr_is_token((struct str){others + i, 1}));
    int n = 0;
    for (int c = 0; c < 256; c++)
        n += hdr_is_token((struct str){&(char){(char)c}, 1});
    assert_int_equal(n, 26 + 26 + 10 + 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_finds_its_row),
        cmocka_unit_test(compact_and_unknown_names),
        cmocka_unit_test(methods_compare_with_case),
        cmocka_unit_test(reasons),
        cmocka_unit_test(tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
