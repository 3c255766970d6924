#include "unit.h"

#include "conffile.h"

static const struct {
    const char *text, *warning; /* NULL: none */
} rows[] = {
    {"domain b { }", NULL},
    {"domain b {\n mode = mirror }", "W t.conf:5: domain \"b\" mode: mirror relays each refresh, "
                                     "so nothing is saved; shadow would"},
    {"domain b { mode = mirror shadow = aor-throttle }", NULL},
    {"domain b { fork = redirect }", NULL},
    {"domain b { fork = redirect\n ring-timeout = 5s }",
     "W t.conf:5: domain \"b\" ring-timeout: does nothing, for with fork = redirect who calls"},
    {"domain b { fork = redirect early-media = first }", "domain \"b\" early-media: does nothing"},
    {"domain b { fork = redirect late-fork = no }", "domain \"b\" late-fork: does nothing"},
    {"domain b { fork = redirect global-decline = no }",
     "domain \"b\" global-decline: does nothing"},
    {"domain b { ring-timeout = 5s }",
     "W t.conf:4: domain \"b\" ring-timeout: does nothing, for all devices ring at once and"},
    {"domain b { ring-timeout = 5s fork = q }", NULL},
    {"domain b { ring-timeout = 5s fallback = \"sip:a@192.0.2.9\" }", NULL},
    {"domain b { ring-timeout = 5s fallback = \"\" }", "ring-timeout: does nothing"},
    {"upstream v { servers = \"sip:192.0.2.2\"\n probe-interval = 0 }\n"
     "domain b { upstream = u }",
     "W t.conf:5: upstream \"v\" probe-interval: 0, so no outage is noticed and no device is "
     "served"},
    {"admin { socket = \"\"\n http = \"\" }",
     "W t.conf:4: admin: without a socket and without http"},
    {"admin { socket = \"\" }", NULL},
    {"admin { http = \"\" }", NULL},
};

static void what_a_combination_does_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        struct conf *c = NULL;
        (void)snprintf(text, sizeof text,
                       "listen a { address = \"udp:127.0.0.1:5060\" }\n"
                       "upstream u { servers = \"sip:192.0.2.1\" }\n"
                       "domain \"example.com\" { upstream = u }\n%s\n",
                       rows[i].text);
        if (load(text, &c))
            fail_msg("%s\nrefused: %s", text, said);
        conf_unref(c);
        if (rows[i].warning ? !strstr(said, rows[i].warning) : said_len != 0)
            fail_msg("%s\nsaid: %s\nnot: %s", text, said,
                     rows[i].warning ? rows[i].warning : "nothing");
    }
}

static void sides_that_are_all_the_same(void **state)
{
    static const struct {
        const char *sides[2], *warning;
    } cases[] = {
        {{"any", "any"}, NULL},
        {{"access", "core"}, NULL},
        {{"core", "core"},
         "W t.conf:2: listen \"a\" side: core, as of all the others, so no device"},
        {{"access", "access"},
         "W t.conf:2: listen \"a\" side: access, as of all the others, so up"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        (void)snprintf(text, sizeof text,
                       "listen a { address = \"udp:127.0.0.1:5060\"\n side = %s }\n"
                       "listen b { address = \"udp:127.0.0.1:5062\" side = %s }\n"
                       "upstream u { servers = \"sip:192.0.2.1\" }\ndomain \"example.com\" { }\n",
                       cases[i].sides[0], cases[i].sides[1]);
        conf_unref(load_good(text));
        if (cases[i].warning ? !strstr(said, cases[i].warning) : said_len != 0)
            fail_msg("%s\nsaid: %s", text, said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_combination_does_is_said),
        cmocka_unit_test(sides_that_are_all_the_same),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
