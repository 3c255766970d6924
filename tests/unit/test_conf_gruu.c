#include "unit.h"

#include "conffile.h"

#define LISTENS                                                                                    \
    "listen \"a\" { address = \"udp:127.0.0.1:5060\" }\n"                                          \
    "listen \"c\" { address = \"udp:127.0.0.2:5060\" side = \"core\" advertise = \"core.test\" "   \
    "}\n"                                                                                          \
    "listen \"w\" { address = \"udp:127.0.0.3:5060\" advertise = \"edge.test\" }\n"                \
    "upstream \"u\" { servers = \"sip:192.0.2.1\" }\n"
#define AWAY                                                                                       \
    "E t.conf:5: domain \"b.test\" gruu: local gives names to which requests have to come here, "  \
    "expected the address or the advertised name of a listener for devices as the domain's name "  \
    "or among its aliases"

static const struct {
    const char *text, *expected;
} mistakes[] = {
    {"domain b.test { gruu = yes }",
     "E t.conf:5: domain \"b.test\" gruu: \"yes\" is not right, expected one of off, upstream, "
     "local"},
    {"domain b.test {\n gruu = upstream }",
     "E t.conf:6: domain \"b.test\" gruu: upstream cannot name the devices of a line that share "
     "one registration, expected local, off, or another mode than aor-throttle"},
    {"domain b.test { gruu = local }", AWAY},
    {"domain b.test { gruu = local aliases = {\"sip.b.test\", \"127.0.0.2\", \"core.test\"} }",
     AWAY},
    {"domain b.test { gruu = local aliases = \"[::1]\" }", AWAY},
};

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        char text[1024];
        struct conf *c = NULL;
        (void)snprintf(text, sizeof text, LISTENS "%s\n", mistakes[i].text);
        (void)load(text, &c);
        if (!strstr(said, mistakes[i].expected))
            fail_msg("%s\nsaid: %snot: %s", text, said, mistakes[i].expected);
        assert_null(c);
    }
}

static const char *const right[] = {
    "domain b.test { gruu = off }",
    "domain b.test { gruu = upstream mode = mirror }",
    "domain b.test { gruu = upstream mode = contact-throttle }",
    "domain 127.0.0.1 { gruu = local }",
    "domain b.test { gruu = local aliases = {\"sip.b.test\", \"127.0.0.1\"} }",
    "domain b.test { gruu = local aliases = \"Edge.test.\" }",
    "domain edge.test { gruu = local }",
};

static void what_is_right_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        char text[1024];
        (void)snprintf(text, sizeof text, LISTENS "%s\n", right[i]);
        conf_unref(load_good(text));
        if (strstr(said, "gruu"))
            fail_msg("%s\nsaid: %s", text, said);
    }
}

/* Of a wildcard all addresses of its kind may be the machine's. */
static void a_wildcard_has_any_address(void **state)
{
    (void)state;
    conf_unref(load_good("listen w { address = \"udp:0.0.0.0:5060\" }\n"
                         "upstream u { servers = \"sip:192.0.2.1\" }\n"
                         "domain b.test { gruu = local aliases = \"203.0.113.5\" }\n"));
}

static void names_for_nobody_are_a_warning(void **state)
{
    (void)state;
    conf_unref(load_good(LISTENS "domain edge.test { gruu = local\n registration = refuse }\n"));
    assert_non_null(strstr(said, "W t.conf:5: domain \"edge.test\" gruu: does nothing where "
                                 "registration is refuse"));
}

/* Devices of a domain whose upstream is to be told their instances move at their next refresh; for
 * all others nothing changes. */
static void only_upstreams_names_are_another_form(void **state)
{
    (void)state;
    struct conf *c = load_good(LISTENS "domain a.test { mode = mirror }\n"
                                       "domain edge.test { mode = mirror gruu = local }\n"
                                       "domain d.test { mode = mirror gruu = upstream }\n");
    assert_true(c->domains[0].absorb.form == c->domains[1].absorb.form);
    assert_true(c->domains[0].absorb.form != c->domains[2].absorb.form);
    assert_false(c->domains[1].absorb.has_upstream_gruu);
    assert_true(c->domains[2].absorb.has_upstream_gruu);
    conf_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(what_is_right_is_taken),
        cmocka_unit_test(a_wildcard_has_any_address),
        cmocka_unit_test(names_for_nobody_are_a_warning),
        cmocka_unit_test(only_upstreams_names_are_another_form),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
