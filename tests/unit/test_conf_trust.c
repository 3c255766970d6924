/* The configuration of who may register and call: sections in a section, destinations, caller-id,
 * the limits of a line, access lists. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "conf/conf.h"

#define SERVES                                                                                     \
    "listen \"a\" { address = \"udp:127.0.0.1:5060\" }\n"                                          \
    "upstream \"u\" { servers = \"sip:192.0.2.1\" }\n"

static char directory[] = "/tmp/test_conf_trust.XXXXXX";
static char said[4096];
static size_t said_len;

static void hear(bool is_error, const char *text, void *arg)
{
    struct buf out = buf_over(said + said_len, sizeof said - said_len - 1);
    (void)arg;
    buf_addf(&out, "%s %s\n", is_error ? "E" : "W", text);
    said_len += out.len;
    said[said_len] = '\0';
}

static int load(const char *text, struct conf **out)
{
    FILE *f = fopen("t.conf", "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    said_len = 0;
    said[0] = '\0';
    return conf_load("t.conf", hear, NULL, out);
}

static struct conf *load_good(const char *text)
{
    struct conf *c = NULL;
    if (load(text, &c) != 0)
        fail_msg("refused: %s", said);
    return c;
}

static void test_mistakes(void **state)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {SERVES "domain b { destinations { alow = {} } }",
         "t.conf:3: destinations: no such option 'alow', expected one of: allow, deny, emergency"},
        {SERVES "domain b { destination { } }", "late-fork, caller-id"},
        {SERVES "domain b { destination { } }", "calls-per-second, destinations { }"},
        {SERVES "domain b { }\ndestinations { }", "t.conf:4: no such option 'destinations'"},
        {SERVES "domain b { }\nlog { destinations { } }", "log: no such option 'destinations'"},
        {SERVES "domain b { destinations \"x\" { } }", "t.conf:3: domain: missing opening brace"},
        {SERVES "domain b {\n destinations { deny = \"+31\"\n",
         "t.conf:4: the { that stands here has no end"},
        {SERVES "domain b { destinations {\n deny = {\"+1\", \"x\"} } }",
         "t.conf:4: domain \"b\" destinations deny: \"x\" is not right, expected a telephone "
         "number "
         "or its beginning: digits, '*', '#', a '+' in front"},
        {SERVES "domain b { destinations { deny = \"\" } }",
         "domain \"b\" destinations deny: \"\""},
        {SERVES "domain b { destinations { deny = \"1+1\" } }", "deny: \"1+1\" is not right"},
        {SERVES "domain b { destinations { deny = \"1;x\" } }", "deny: \"1;x\" is not right"},
        {SERVES "domain b { destinations { deny = \"%31\" } }", "deny: \"%31\" is not right"},
        {SERVES
         "domain b { destinations { deny = \"12345678901234567890123456789012345678901\" } }",
         "is not right"},
        {SERVES "domain b { destinations { emergency = \"sos\" } }",
         "destinations emergency: \"sos\" is not right"},
        {SERVES "domain b { destinations { deny = \"+1\" }\n destinations { deny = \"+2\" } }",
         "t.conf:4: domain \"b\" destinations deny: given again, expected once (it is in line 3)"},
        {SERVES "domain b { destinations { deny = \"+1\"\n deny = {} } }",
         "t.conf:4: domain \"b\" destinations deny: given again"},
        {SERVES "domain b { destinations { deny = {}\n} destinations {\n deny = \"+1\" } }",
         "t.conf:5: domain \"b\" destinations deny: given again, expected once (it is in line 4)"},
        {SERVES "domain b { destinations { allow = {\"+31\", \"0\"}\n deny = {\"1\", \"+3-1\"} } }",
         "t.conf:4: domain \"b\" destinations deny: \"+31\" is in allow, too"},
        {SERVES "domain b { destinations {\n deny = {\"1\", \"911\"} } }",
         "t.conf:4: domain \"b\" destinations deny: \"911\" is an emergency number, which always "
         "passes"},
        {SERVES "domain b { max-calls = 10001 }",
         "domain \"b\" max-calls: \"10001\": out of range, expected a number from 0 to 10000"},
        {SERVES "domain b { calls-per-second = few }", "domain \"b\" calls-per-second: \"few\""},
        {"upstream \"u\" { servers = {} }", "t.conf:1: upstream \"u\" servers: missing"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct conf *c = NULL;
        assert_int_equal(load(rows[i].text, &c), ERR_BADCONF);
        if (!strstr(said, rows[i].expected))
            fail_msg("%s\nsaid: %snot: %s", rows[i].text, said, rows[i].expected);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    struct conf *c = load_good(SERVES "domain b { }\ndomain c { destinations { } }\n"
                                      "domain d { destinations { emergency = {} deny = {} } }");
    assert_string_equal(said, "");
    for (size_t i = 0; i < 2; i++) {
        const struct conf_domain *d = &c->domains[i];
        assert_int_equal(d->destinations.n_emergency, 2);
        assert_str(d->destinations.emergency[0], "112");
        assert_str(d->destinations.emergency[1], "911");
        assert_true(dialplan_is_emergency(&d->dialplan, STR("9-1-1")));
        assert_true(dialplan_allows(&d->dialplan, STR("+882")));
        assert_int_equal(d->max_calls, 0);
        assert_int_equal(d->calls_per_s, 0);
        assert_int_equal(d->caller_id, CONF_CALLER_OWN);
    }
    assert_false(dialplan_is_emergency(&c->domains[2].dialplan, STR("112")));
    assert_int_equal(c->domains[2].destinations.n_deny, 0);
    conf_unref(c);
}

/* What stands in a section belongs to that one, wherever in it. */
static void test_values(void **state)
{
    (void)state;
    struct conf *c =
        load_good(SERVES "domain b { destinations { deny = {\"+8 82\", \"+979\"} } max-calls = 3\n"
                         " caller-id = pass calls-per-second = 4 aliases = {\"e\"}\n"
                         " destinations { emergency = \"999\" } }\n"
                         "domain c { destinations { allow = \"+31\" } }\n"
                         "domain d { aliases = \"f\" destinations { deny = {\"0\", \"#\"} } }");
    const struct conf_domain *d = c->domains;
    assert_int_equal(d[0].destinations.n_deny, 2);
    assert_str(d[0].destinations.deny[0], "+882");
    assert_int_equal(d[0].destinations.n_emergency, 1);
    assert_int_equal(d[0].max_calls, 3);
    assert_int_equal(d[0].calls_per_s, 4);
    assert_int_equal(d[0].caller_id, CONF_CALLER_PASS);
    assert_int_equal(d[0].n_aliases, 1);
    assert_false(dialplan_allows(&d[0].dialplan, STR("+8821")));
    assert_true(dialplan_is_emergency(&d[0].dialplan, STR("999")));
    assert_false(dialplan_is_emergency(&d[0].dialplan, STR("112")));
    assert_true(dialplan_allows(&d[1].dialplan, STR("+3120")));
    assert_false(dialplan_allows(&d[1].dialplan, STR("+8821")));
    assert_false(dialplan_allows(&d[2].dialplan, STR("0")));
    assert_false(dialplan_allows(&d[2].dialplan, STR("%23")));
    assert_true(dialplan_allows(&d[2].dialplan, STR("1")));
    conf_unref(c);
}

/* ---------------------------------------------------------------- access lists */

#define LISTED(list, domain)                                                                       \
    SERVES "access-list \"l\" {\n" list " }\ndomain \"b\" { access-list = \"l\" " domain " }"
#define TRUSTED "authentication = trusted"

static void test_list_mistakes(void **state)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {LISTED("accounts = {\"bob\",\n\"bob@\"}", ""),
         "t.conf:5: access-list \"l\" accounts: \"bob@\" is not right, expected a user name, or an "
         "address USER@DOMAIN"},
        {LISTED("accounts = \"\"", ""), "accounts: \"\" is not right"},
        {LISTED("accounts = \"sip:bob@b\"", ""), "accounts: \"sip:bob@b\" is not right"},
        {LISTED("accounts = \"bob:x@b\"", ""), "is not right"},
        {LISTED("accounts = \"bob@b:5060\"", ""), "is not right"},
        {LISTED("accounts = \"bob@b;x\"", ""), "is not right"},
        {LISTED("accounts = \"b<b\"", ""), "is not right"},
        {LISTED("require = \"both\"", ""),
         "access-list \"l\" require: \"both\" is not right, expected one of any, all"},
        {LISTED("allow = {\"10.0.0.0/8\",\n\"::1\"}\ndeny = {\"11.0.0.0/8\",\n\"10.0.0.0/8\"}", ""),
         "t.conf:7: access-list \"l\" deny: \"10.0.0.0/8\" is in allow, too, expected it in one of "
         "them"},
        {LISTED("allow = \"10.0.0.0/8\" accounts = \"bob\"", TRUSTED),
         "t.conf:5: domain \"b\" access-list: \"l\" lets accounts in by their name, which proves "
         "nothing with authentication = trusted, expected a list with networks and require = all"},
        {LISTED("accounts = \"bob\" require = \"all\"", TRUSTED), "lets accounts in by their name"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct conf *c = NULL;
        assert_int_equal(load(rows[i].text, &c), ERR_BADCONF);
        if (!strstr(said, rows[i].expected))
            fail_msg("%s\nsaid: %snot: %s", rows[i].text, said, rows[i].expected);
    }
}

static void test_list_warnings(void **state)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
        {LISTED("allow = \"10.0.0.0/8\" require = \"all\"", ""),
         "W t.conf:4: access-list \"l\" require: all is the same as any without accounts"},
        {LISTED("accounts = \"bob\" require = \"all\"", ""),
         "all is the same as any without networks in allow or deny"},
        {SERVES "domain b { registration = refuse }",
         "W t.conf:3: domain \"b\" registration: with authentication = relay"},
        {LISTED("allow = \"10.0.0.0/8\" accounts = \"bob\" require = \"all\"", TRUSTED), ""},
        {LISTED("allow = \"10.0.0.0/8\"", "registration = refuse " TRUSTED), ""},
        {LISTED("allow = {\"10.0.0.0/8\", \"10.0.0.0/8\"} deny = \"10.1.0.0/16\"", ""), ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        conf_unref(load_good(rows[i].text));
        if (!strstr(said, rows[i].expected) || !rows[i].expected[0] != !said[0])
            fail_msg("%s\nsaid: %snot: %s", rows[i].text, said, rows[i].expected);
    }
}

static void test_admits(void **state)
{
#define NETS     "allow = \"10.0.0.0/8\" deny = \"10.1.0.0/16\" "
#define ACCOUNTS "accounts = {\"zoe\", \"bob\", \"%61l@B.\", \"eve@other\"} "
    static const struct {
        const char *text, *source, *aor;
        bool is_admitted;
    } rows[] = {
        {LISTED("", ""), "11.0.0.1", "x@b", true},
        {LISTED(NETS, ""), "10.2.0.1", "x@b", true},
        {LISTED(NETS, ""), "10.1.0.1", "bob@b", false},
        {LISTED(NETS, ""), "2001:db8::1", "bob@b", false},
        {LISTED("deny = \"10.0.0.0/8\"", ""), "2001:db8::1", "", true},
        {LISTED("deny = \"10.0.0.0/8\"", ""), "10.0.0.1", "", false},
        {LISTED(ACCOUNTS, ""), "10.0.0.1", "bob@b", true},
        {LISTED(ACCOUNTS, ""), "10.0.0.1", "bob@any", true},
        {LISTED(ACCOUNTS, ""), "10.0.0.1", "zoe@b", true},
        {LISTED(ACCOUNTS, ""), "10.0.0.1", "al@b", true},
        {LISTED(ACCOUNTS, ""), "10.0.0.1", "al@c", false},
        {LISTED(ACCOUNTS, ""), "10.0.0.1", "eve@b", false},
        {LISTED(ACCOUNTS, ""), "10.0.0.1", "Bob@b", false},
        {LISTED(ACCOUNTS, ""), "10.0.0.1", "b", false},
        {LISTED(ACCOUNTS, ""), "10.0.0.1", "", false},
        {LISTED(NETS ACCOUNTS, ""), "10.1.0.1", "bob@b", true},
        {LISTED(NETS ACCOUNTS, ""), "10.2.0.1", "x@b", true},
        {LISTED(NETS ACCOUNTS, ""), "10.1.0.1", "x@b", false},
        {LISTED(NETS ACCOUNTS "require = all", ""), "10.2.0.1", "bob@b", true},
        {LISTED(NETS ACCOUNTS "require = all", ""), "10.1.0.1", "bob@b", false},
        {LISTED(NETS ACCOUNTS "require = all", ""), "10.2.0.1", "x@b", false},
        {LISTED(NETS ACCOUNTS "require = all", ""), "10.2.0.1", "", false},
        {SERVES "domain b { }", "10.2.0.1", "", true},
        {SERVES "access-list l { " NETS " }\naccess-list m { allow = \"10.1.0.0/16\" }\n"
                "domain b { access-list = {l, m} }",
         "10.1.0.1", "", true},
        {SERVES "access-list l { " NETS " }\naccess-list m { accounts = \"bob\" }\n"
                "domain b { access-list = {l, m} }",
         "10.1.0.1", "bob@b", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct conf *c = load_good(rows[i].text);
        struct addr source = {0};
        assert_int_equal(addr_parse_host(str_of(rows[i].source), &source), 0);
        if (conf_domain_admits(&c->domains[0], &source, str_of(rows[i].aor)) != rows[i].is_admitted)
            fail_msg("row %zu: %s from %s", i, rows[i].aor, rows[i].source);
        conf_unref(c);
    }
}

/* Ten thousand networks and as many accounts: libConfuse copies a list for each of its elements
 * where the allocator cannot grow it in place, as a sanitizer's, so more would take minutes there.
 */
static void test_long_lists(void **state)
{
    enum { N = 10000, ROOM = 8 << 20 };
    char *text = test_malloc(ROOM);
    struct buf b = buf_over(text, ROOM - 1);
    struct addr in = {0}, out = {0};
    (void)state;
    buf_add(&b,
            STR(SERVES "domain b { access-list = l }\naccess-list l { require = all\nallow = {"));
    for (unsigned i = 0; i < N; i++)
        buf_addf(&b, "%s\"10.%u.%u.%u/31\"", i ? ",\n" : "", i >> 14 & 255, i >> 6 & 255,
                 i << 2 & 255);
    buf_add(&b, STR("}\naccounts = {"));
    for (unsigned i = 0; i < N; i++)
        buf_addf(&b, "%s\"%u\"", i ? "," : "", 7 * i % N + 1000000);
    buf_add(&b, STR("} }\n"));
    assert_false(b.has_overflown);
    text[b.len] = '\0';
    struct conf *c = load_good(text);
    assert_int_equal(addr_parse_host(STR("10.0.2.5"), &in), 0);
    assert_int_equal(addr_parse_host(STR("10.0.2.6"), &out), 0);
    assert_true(conf_domain_admits(&c->domains[0], &in, STR("1001234@b")));
    assert_false(conf_domain_admits(&c->domains[0], &out, STR("1001234@b")));
    assert_false(conf_domain_admits(&c->domains[0], &in, STR("1112345@b")));
    conf_unref(c);
    test_free(text);
}

static void load_without_memory(void *arg)
{
    struct conf *c = NULL;
    if (load(arg, &c) == 0)
        conf_unref(c);
}

static void test_no_memory(void **state)
{
    static char text[] = SERVES "domain b { destinations { allow = {\"+31\", \"0\"} deny = {} } }\n"
                                "access-list l { allow = \"10.0.0.0/8\" accounts = bob }";
    (void)state;
    assert_true(oom_sweep(load_without_memory, text) > 10);
}

static int enter(void **state)
{
    (void)state;
    return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    (void)unlink("t.conf");
    return chdir("/") == 0 && rmdir(directory) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistakes),      cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),        cmocka_unit_test(test_list_mistakes),
        cmocka_unit_test(test_list_warnings), cmocka_unit_test(test_admits),
        cmocka_unit_test(test_long_lists),    cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
