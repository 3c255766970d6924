#include "unit.h"

#include "conffile.h"

static const struct {
    const char *text, *expected;
} mistakes[] = {
    {"domain b {\n keepalive { udp = 61m } }",
     "t.conf:5: domain \"b\" keepalive udp: \"61m\": out of range, expected a duration from 0s to "
     "1h"},
    {"domain b { keepalive { stream = soon } }",
     "domain \"b\" keepalive stream: \"soon\" is not right, expected a duration"},
    {"domain b { keepalive { method = stun } }",
     "domain \"b\" keepalive method: \"stun\" is not right, expected one of crlf, options, off"},
    {"domain b { keepalive { devices = some } }",
     "domain \"b\" keepalive devices: \"some\" is not right, expected one of all, nat"},
    {"domain b {\n keepalive { tcp = 25s } }",
     "t.conf:5: keepalive: no such option 'tcp', expected one of: udp, stream, method, devices"},
    {"domain b { keepalive { udp = 5s\n udp = 6s } }",
     "t.conf:5: domain \"b\" keepalive udp: given again, expected once (it is in line 4)"},
    {"keepalive { udp = 25s }", "t.conf:4: no such option 'keepalive'"},
};

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        char text[512];
        struct conf *c = NULL;
        (void)snprintf(text, sizeof text, SERVES "%s\n", mistakes[i].text);
        assert_int_equal(load(text, &c), ERR_BADCONF);
        assert_null(c);
        if (!strstr(said, mistakes[i].expected))
            fail_msg("%s\nsaid: %snot: %s", text, said, mistakes[i].expected);
    }
}

static const struct {
    const char *text, *warning;
} doubtful[] = {
    {"domain b { keepalive {\n udp = 31s } }",
     "W t.conf:5: domain \"b\" keepalive udp: many NATs forget a mapping after 30 s"},
    {"domain b { max-expires = 60s min-expires = 30s default-expires = 60s\n keepalive { udp = 60s "
     "} }",
     "W t.conf:5: domain \"b\" keepalive udp: not below max-expires"},
    {"domain b { max-expires = 60s default-expires = 60s keepalive { stream = 90s } }",
     "W t.conf:4: domain \"b\" keepalive stream: not below max-expires"},
    {"domain b { keepalive { method = off udp = 20s } }",
     "W t.conf:4: domain \"b\" keepalive udp: does nothing, for method is off"},
    {"domain b { keepalive { method = off stream = 20s } }",
     "W t.conf:4: domain \"b\" keepalive stream: does nothing, for method is off"},
    {"domain b { keepalive { method = off devices = nat } }",
     "W t.conf:4: domain \"b\" keepalive devices: does nothing, for method is off"},
    {"domain b { keepalive { udp = 0 stream = 0 method = options } }",
     "W t.conf:4: domain \"b\" keepalive method: does nothing, for udp and stream are 0"},
};

static void what_can_do_nothing_is_a_warning(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof doubtful / sizeof doubtful[0]; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, SERVES "%s\n", doubtful[i].text);
        conf_unref(load_good(text));
        if (!strstr(said, doubtful[i].warning))
            fail_msg("%s\nsaid: %snot: %s", text, said, doubtful[i].warning);
    }
}

static void values_and_defaults(void **state)
{
    (void)state;
    struct conf *c = load_good(SERVES "domain b { keepalive { udp = 20s method = options } }\n"
                                      "domain c { keepalive { stream = 0 devices = nat } }\n");
    const struct conf_keepalive *none = &c->domains[0].keepalive, *b = &c->domains[1].keepalive,
                                *other = &c->domains[2].keepalive;
    assert_int_equal(none->udp_s, 25);
    assert_int_equal(none->stream_s, 90);
    assert_int_equal(none->method, CONF_KEEPALIVE_CRLF);
    assert_int_equal(none->devices, CONF_KEEPALIVE_ALL);
    assert_int_equal(b->udp_s, 20);
    assert_int_equal(b->stream_s, 90);
    assert_int_equal(b->method, CONF_KEEPALIVE_OPTIONS);
    assert_int_equal(other->udp_s, 25);
    assert_int_equal(other->stream_s, 0);
    assert_int_equal(other->devices, CONF_KEEPALIVE_NAT);
    conf_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(what_can_do_nothing_is_a_warning),
        cmocka_unit_test(values_and_defaults),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
