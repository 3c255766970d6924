/* Servers of upstreams that are given by name, and who is asked for them. */
#include "unit.h"

#include "conffile.h"

#define LISTEN "listen \"a\" { address = \"udp:127.0.0.1:5060\" }\ndomain \"d.example\" { }\n"

static const struct {
    const char *text, *error;
} bad[] = {
    {LISTEN "upstream v { servers = {\n\"sip:192.0.2.2\",\n\"sip:pbx.example.\"} }",
     "t.conf:5: upstream \"v\" servers: \"sip:pbx.example.\": the host is neither a name of the "
     "DNS, without a dot at the end, nor an IP address, expected sip:HOST"},
    {LISTEN "upstream v { servers = \"sip:300.1.1.1\" }", "\"sip:300.1.1.1\" is not right"},
    {LISTEN "upstream v { servers = \"sip:a..b\" }", "\"sip:a..b\""},
    {LISTEN "upstream v { servers = \"sip:pbx.example;transport=tcp\" }",
     "\"sip:pbx.example;transport=tcp\" is over TCP, expected a listen section with that"},
    {LISTEN "upstream v { servers = \"sips:pbx.example\" }", "\"sips:pbx.example\" is over TLS"},
    {LISTEN "upstream v { servers = \"sip:pbx.example\"\n server-ca = \"/ca.pem\" }",
     "t.conf:4: upstream \"v\" server-ca: none of its servers has TLS"},
    {LISTEN "upstream v { servers = \"sip:p.example\" }\n"
            "dns { servers = {\"192.0.2.53\",\n\"ns.example\"} }",
     "t.conf:5: dns servers: \"ns.example\" is not right, expected an IP address, with a port if "
     "it is not 53"},
    {LISTEN "upstream v { servers = \"sip:p.example\" }\ndns { servers = \"0.0.0.0\" }",
     "nobody can send to a wildcard address"},
    {LISTEN "upstream v { servers = \"sip:p.example\" }\ndns { servers = \"192.0.2.53:0\" }",
     "\"192.0.2.53:0\" is not right"},
    {LISTEN "upstream v { servers = \"sip:p.example\" }\n"
            "dns {\n servers = {\"10.0.0.1\", \"10.0.0.2\", \"10.0.0.3\", \"10.0.0.4\", "
            "\"10.0.0.5\", \"10.0.0.6\", \"10.0.0.7\", \"10.0.0.8\", \"10.0.0.9\", \"10.0.1.0\", "
            "\"10.0.1.1\", \"10.0.1.2\", \"10.0.1.3\", \"10.0.1.4\", \"10.0.1.5\", \"10.0.1.6\", "
            "\"10.0.1.7\"} }",
     "t.conf:5: dns servers: 17 addresses, expected at most 16"},
    {LISTEN "upstream v { servers = \"sips:192.0.2.2\"\n server-name = \"a b\" }",
     "t.conf:4: upstream \"v\" server-name: \"a b\" is not right, expected a host name, an IP "
     "address, or *. and a host name"},
    {LISTEN "upstream v { servers = \"sips:192.0.2.2\" server-name = \"*.b\" }",
     "\"*.b\" is not right"},
    {LISTEN "upstream v { servers = \"sips:192.0.2.2\" server-name = \"a.*.b\" }",
     "\"a.*.b\" is not right"},
    {LISTEN "upstream v { servers = \"sips:192.0.2.2\" server-name = \"*.192.0.2.2\" }",
     "\"*.192.0.2.2\" is not right"},
    {LISTEN "upstream v { servers = \"sips:192.0.2.2\" server-name = \"*.Good.example\" }",
     "\"sips:192.0.2.2\" is over TLS"}, /* that is all */
    {LISTEN "upstream v { servers = \"sip:p.example\"\n quarantine = 0 }",
     "t.conf:4: upstream \"v\" quarantine: \"0\": out of range, expected a duration from 1s to 1h"},
    {LISTEN "upstream v { servers = \"sip:p.example\"\n quarantine = 2h }",
     "t.conf:4: upstream \"v\" quarantine: \"2h\": out of range"},
    {LISTEN "upstream v { servers = \"sip:p.example\"\n quarantine = often }",
     "t.conf:4: upstream \"v\" quarantine: \"often\" is not right, expected a duration"},
    {LISTEN "upstream v { servers = \"sip:p.example\"\n overload-control = yes }",
     "t.conf:4: upstream \"v\" overload-control: \"yes\" is not right, expected one of off, loss, "
     "rate"},
};

static void what_cannot_be_is_an_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct conf *c;
        assert_int_equal(load(bad[i].text, &c), ERR_BADCONF);
        if (!strstr(said, bad[i].error) || strstr(said, "Good"))
            fail_msg("%s\nsaid: %snot: %s", bad[i].text, said, bad[i].error);
    }
}

static void what_can_do_nothing_is_a_warning(void **state)
{
    (void)state;
    conf_unref(load_good(LISTEN "upstream u { servers = \"sip:192.0.2.1\" }\n"
                                "dns { servers = \"192.0.2.53\" }"));
    assert_non_null(strstr(said, "W t.conf:4: dns servers: no upstream has a server that is given "
                                 "by name, so nobody asks them"));
    conf_unref(load_good("listen a { address = \"udp:127.0.0.1\" }\n"
                         "upstream u { servers = \"sip:a.example\" }\n"
                         "upstream v { servers = \"sip:a.example\" }\n"
                         "domain a { upstream = u } domain b { upstream = v }"));
    assert_non_null(strstr(said, "W t.conf:3: upstream \"v\" servers: \"sip:a.example\" is a "
                                 "server of upstream \"u\", too"));
}

static void the_parts_of_a_name(void **state)
{
    (void)state;
    struct conf *c =
        load_good(LISTEN "upstream u { servers = {\"sip:PBX.example\", \"sip:b.example:5070\", "
                         "\"sip:192.0.2.1\"} }\n"
                         "dns { servers = {\"192.0.2.53\", \"[2001:db8::1]:5353\"} }");
    const struct conf_server *s = c->upstreams[0].servers;
    assert_true(s[0].is_named && s[1].is_named && !s[2].is_named);
    assert_string_equal(s[0].host, "pbx.example");
    assert_int_equal(s[0].addr.port, 0);
    assert_int_equal(s[1].addr.port, 5070);
    assert_string_equal(s[0].tls_name, "PBX.example");
    assert_null(s[2].host);
    assert_int_equal(c->n_dns_servers, 2);
    assert_int_equal(c->dns_servers[0].port, 53);
    assert_int_equal(c->dns_servers[1].port, 5353);
    conf_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_is_an_error),
        cmocka_unit_test(what_can_do_nothing_is_a_warning),
        cmocka_unit_test(the_parts_of_a_name),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
