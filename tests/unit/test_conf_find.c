#include "unit.h"

#include <time.h>

#include "conffile.h"

static void hosts_are_found_in_any_spelling(void **state)
{
    (void)state;
    struct conf *c = load_good(SERVES "domain b.example { aliases = {\"203.0.113.5\", "
                                      "\"2001:db8::7\"} }");
    const struct conf_domain *a = &c->domains[0], *b = &c->domains[1];
    assert_ptr_equal(conf_domain_find(c, STR("example.com")), a);
    assert_ptr_equal(conf_domain_find(c, STR("EXAMPLE.Com.")), a);
    assert_ptr_equal(conf_domain_find(c, STR("b.example")), b);
    assert_ptr_equal(conf_domain_find(c, STR("203.0.113.5")), b);
    assert_ptr_equal(conf_domain_find(c, STR("[2001:DB8:0:0::7]")), b);
    assert_ptr_equal(conf_domain_find(c, STR("2001:db8::0:7")), b);
    assert_null(conf_domain_find(c, STR("c.example")));
    assert_null(conf_domain_find(c, STR("example.com:5060")));
    assert_null(conf_domain_find(c, STR("")));
    assert_null(conf_domain_find(c, STR_NONE));
    char endless[4000];
    memset(endless, 'a', sizeof endless);
    assert_null(conf_domain_find(c, (struct str){endless, sizeof endless}));
    conf_unref(c);
}

/* D73: who a call may go to is read from the URI as it stands. */
static void redirects_lead_where_they_may(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool is_allowed;
    } rows[] = {
        {"other.example", true},      {"OTHER.Example.", true},    {"sub.other.example", false},
        {"example", false},           {"xother.example", false},   {"10.1.2.3", true},
        {"11.1.2.3", false},          {"192.0.2.20", true},        {"192.0.2.21", false},
        {"[2001:db8::1:2]", true},    {"[2001:DB8:0::9]", true},   {"[2001:db9::1]", false},
        {"[::ffff:10.1.2.3]", false}, {"10.1.2.3.example", false}, {"", false},
    };
    struct conf *c = load_good(SERVES "domain b { redirects = follow redirect-targets = {"
                                      "\"Other.example.\", \"10.0.0.0/8\", \"192.0.2.20\", "
                                      "\"2001:db8::/32\"} }");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (conf_domain_redirects_to(&c->domains[1], str_of(rows[i].host)) != rows[i].is_allowed)
            fail_msg("%s", rows[i].host);
    assert_false(conf_domain_redirects_to(&c->domains[1], STR_NONE));
    assert_false(conf_domain_redirects_to(&c->domains[0], STR("other.example")));
    assert_int_equal(c->domains[0].redirects, CONF_REDIRECTS_RETURN);
    conf_unref(c);
}

static struct addr addr_of(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(str_of(text), 5060, &a), 0);
    return a;
}

static const char *upstream_over(const struct conf *c, const char *source,
                                 enum flow_transport transport)
{
    struct addr a = addr_of(source);
    const struct conf_upstream *u = conf_upstream_at(c, &a, transport);
    u = u ? u : conf_upstream_trusting(c, &a);
    return u ? u->name : "";
}

static const char *upstream_of(const struct conf *c, const char *source)
{
    return upstream_over(c, source, FLOW_UDP);
}

static void a_connection_of_a_server_has_any_port(void **state)
{
    (void)state;
    struct conf *c = load_good("listen a { address = \"udp:127.0.0.1\" }\n"
                               "listen b { address = \"tcp:127.0.0.1\" }\n"
                               "upstream u { servers = {\"sip:192.0.2.1;transport=udp\", "
                               "\"sip:192.0.2.2;transport=tcp\", \"sip:192.0.2.3\"} }\n"
                               "domain a { upstream = u }");
    assert_string_equal(upstream_over(c, "192.0.2.1:5060", FLOW_TCP), "");
    assert_string_equal(upstream_over(c, "192.0.2.2:40000", FLOW_TCP), "u");
    assert_string_equal(upstream_over(c, "192.0.2.2:40000", FLOW_TLS), "u");
    assert_string_equal(upstream_over(c, "192.0.2.2:40000", FLOW_UDP), "");
    assert_string_equal(upstream_over(c, "192.0.2.2:5060", FLOW_UDP), "");
    assert_string_equal(upstream_over(c, "192.0.2.3:40000", FLOW_TCP), "u");
    assert_string_equal(upstream_over(c, "192.0.2.3:40000", FLOW_UDP), "");
    assert_string_equal(upstream_over(c, "192.0.2.3:5060", FLOW_UDP), "u");
    conf_unref(c);
}

static void sources_belong_to_the_upstream_that_lists_them(void **state)
{
    (void)state;
    struct conf *c = load_good(
        "listen a { address = \"udp:127.0.0.1\" }\n"
        "upstream u { servers = \"sip:192.0.2.1\" trusted = {10.128.0.0/9, \"2001:db8::/33\"} }\n"
        "upstream v { servers = \"sip:10.200.0.1:5070\" trusted = 198.51.100.7 }\n"
        "domain a { upstream = u }");
    assert_string_equal(upstream_of(c, "192.0.2.1:5060"), "u");
    assert_string_equal(upstream_of(c, "192.0.2.1:9"), ""); /* a phone on the same host */
    assert_string_equal(upstream_of(c, "192.0.2.2"), "");
    assert_string_equal(upstream_of(c, "10.128.0.0"), "u");
    assert_string_equal(upstream_of(c, "10.255.255.255"), "u");
    assert_string_equal(upstream_of(c, "10.127.255.255"), "");
    assert_string_equal(upstream_of(c, "10.200.0.1:5070"), "v");
    assert_string_equal(upstream_of(c, "198.51.100.7"), "v");
    assert_string_equal(upstream_of(c, "198.51.100.6"), "");
    assert_string_equal(upstream_of(c, "[2001:db8:7fff::1]"), "u");
    assert_string_equal(upstream_of(c, "[2001:db8:8000::1]"), "");
    assert_string_equal(upstream_of(c, "[::ffff:192.0.2.1]"), "");
    conf_unref(c);
}

static void lines_are_found_by_their_aor(void **state)
{
    (void)state;
    struct conf *c = load_good(
        SERVES "domain b.example { aliases = alias.example case-sensitive = no }\n"
               "line \"+31201234567\" { domain = \"Example.Com.\" target = {\"sip:192.0.2.9\", "
               "\"sip:gate@192.0.2.9;x=y\", \"alice@alias.example\", \"sip:192.0.2.9:5070\"} }\n"
               "line \"Office\" { domain = alias.example probe-interval = 5m target = "
               "{\"sip:192.0.2.9\", \"office@b.example\"} }\n"
               "line \"none\" { domain = b.example probe-interval = 0 }\n");
    const struct conf_line *number = conf_line_find(c, STR("+31201234567@example.com"));
    const struct conf_line *office = conf_line_find(c, STR("office@b.example"));
    assert_non_null(number);
    assert_non_null(office);
    assert_null(conf_line_find(c, STR("Office@b.example"))); /* no AoR in canonical form */
    assert_null(conf_line_find(c, STR("+31201234567@b.example")));
    assert_int_equal(conf_line_find(c, STR("none@b.example"))->n_places, 0);
    assert_ptr_equal(number->domain, &c->domains[0]);
    assert_str(office->name, "Office");
    assert_int_equal(number->n_places, 4);
    assert_str(number->places[0].uri, "sip:+31201234567@192.0.2.9");
    assert_str(number->places[1].uri, "sip:gate@192.0.2.9;x=y");
    assert_str(number->places[2].aor, "alice@b.example");
    assert_ptr_equal(number->places[2].domain, &c->domains[1]);
    assert_true(str_is_none(number->places[3].aor));
    /* each address once, asked as often as the most eager of its lines wants */
    assert_int_equal(c->n_contacts, 2);
    assert_int_equal(c->contacts[0].probe_interval_s, 60);
    assert_str(c->contacts[1].uri, "sip:+31201234567@192.0.2.9:5070");
    struct addr a = addr_of("192.0.2.9:5060"), b = addr_of("192.0.2.9:5070"),
                x = addr_of("192.0.2.9:5061");
    assert_true(conf_line_is_from(number, &a) && conf_line_is_from(number, &b));
    assert_true(conf_line_is_from(office, &a) && !conf_line_is_from(office, &b));
    assert_true(conf_is_contact(c, &a) && conf_is_contact(c, &b));
    assert_false(conf_line_is_from(number, &x) || conf_is_contact(c, &x));
    conf_unref(c);
    c = load_good(SERVES);
    assert_null(conf_line_find(c, STR("a@example.com")));
    assert_false(conf_is_contact(c, &a));
    conf_unref(c);
}

static double seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void ten_thousand_domains_are_no_burden(void **state)
{
    (void)state;
    enum { N = 10000 };
    char *text = malloc(N * 80 + 1000);
    size_t len = (size_t)snprintf(text, 1000, "%s", SERVES);
    assert_true(len < 1000);
    for (int i = 0; i < N; i++)
        len += (size_t)snprintf(text + len, 80, "domain d%d.example { aliases = a%d.example }\n", i,
                                i);
    struct conf *c = load_good(text);
    free(text);
    double start = seconds();
    for (int i = 0; i < 10 * N; i++) {
        char host[32];
        int n = snprintf(host, sizeof host, "A%d.example", i % N);
        const struct conf_domain *d = conf_domain_find(c, (struct str){host, (size_t)n});
        assert_ptr_equal(d, &c->domains[i % N + 1]);
    }
    double each_us = (seconds() - start) * 1e6 / (10 * N);
    print_message("%.2f us a look-up\n", each_us);
    assert_true(each_us < 50);
    conf_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_found_in_any_spelling),
        cmocka_unit_test(redirects_lead_where_they_may),
        cmocka_unit_test(a_connection_of_a_server_has_any_port),
        cmocka_unit_test(sources_belong_to_the_upstream_that_lists_them),
        cmocka_unit_test(lines_are_found_by_their_aor),
        cmocka_unit_test(ten_thousand_domains_are_no_burden),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
