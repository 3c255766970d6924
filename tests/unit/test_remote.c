/* An address is known again however others write it, and no other one is taken for it. */
#include "unit.h"

#include "service/remote.h"

static const struct hash_key key = {1, 2};

static uint64_t target(const char *text)
{
    struct uri u;
    assert_int_equal(uri_parse(str_of(text), &u), 0);
    return remote_target(&key, &u);
}

static void what_is_written_otherwise_is_the_same(void **state)
{
    (void)state;
    static const char *const rows[] = {"sip:+31@h.example:5070;transport=udp;x=1",
                                       "sip:+31@H.Example:5070;x=1;transport=udp",
                                       "sip:%2B31@h.example:5070;Transport=UDP;X=1",
                                       "sip:+3%31@h.example:5070;%78=1;transport=udp"};
    for (size_t i = 1; i < sizeof rows / sizeof *rows; i++)
        assert_true(target(rows[i]) == target(rows[0]));
}

static void what_goes_elsewhere_is_another(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "sip:a@h:5070;x=1",   "sip:a@h:5071;x=1",           "sip:a@h;x=1",
        "sip:b@h:5070;x=1",   "sip:A@h:5070;x=1",           "sips:a@h:5070;x=1",
        "sip:h:5070;x=1",     "sip:a@i:5070;x=1",           "sip:a@h:5070;x=1;maddr=i",
        "sip:a@h:5070",       "sip:a@h:5070;x=1;alias=i~1", "sip:a@h:5070;x",
        "sip:a:p@h:5070;x=1", "sip:a@h:5070;x=1;x=1"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t k = 0; k < i; k++)
            assert_true(target(rows[i]) != target(rows[k]));
}

static void a_name_is_user_and_host(void **state)
{
    (void)state;
    const uint32_t bob = remote_name(&key, STR("sip:bob@h.example"));
    assert_int_equal(bob, remote_name(&key, STR("sips:b%6Fb@H.example:5061;x=1")));
    assert_int_not_equal(bob, remote_name(&key, STR("sip:Bob@h.example")));
    assert_int_not_equal(bob, remote_name(&key, STR("sip:h.example")));
    assert_int_not_equal(bob, remote_name(&key, STR("sip:bob@i.example")));
    assert_int_equal(remote_name(&key, STR("tel:+31")), remote_name(&key, STR("tel:+31")));
    assert_int_not_equal(remote_name(&key, STR("tel:+31")), remote_name(&key, STR("tel:+32")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_otherwise_is_the_same),
        cmocka_unit_test(what_goes_elsewhere_is_another),
        cmocka_unit_test(a_name_is_user_and_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
