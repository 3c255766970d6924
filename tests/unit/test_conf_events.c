/* Who is told what happens: the sections that name others. */
#include "unit.h"

#include "conffile.h"

static const struct {
    const char *text, *error;
} bad[] = {
    {SERVES "events { socket = \"events.sock\" }",
     "t.conf:4: events socket: \"events.sock\" is not right, expected an absolute path or \"\""},
    {SERVES "events {\n webhook = \"ftp://a/\" }",
     "t.conf:5: events webhook: \"ftp://a/\" is not right, expected http://HOST/PATH or https://, "
     "without a user or \"\""},
    {SERVES "events { webhook = \"http://\" }", "\"http://\" is not right"},
    {SERVES "events { webhook = \"http://user@host/\" }", "is not right"},
    {SERVES "events { webhook = \"http://host:0/\" }", "is not right"},
    {SERVES "events { webhook = \"http://host/a b\" }", "is not right"},
    {SERVES "events { token-file = \"/nonexistent\" }", "events token-file: \"/nonexistent\""},
    {SERVES "hep { server = \"homer.example:9060\" }",
     "hep server: \"homer.example:9060\" is not right, expected IP-ADDRESS:PORT or \"\""},
    {SERVES "hep { capture-id = 0 }", "hep capture-id: \"0\": out of range"},
    {SERVES "hep { secrets = \"all\" }",
     "hep secrets: \"all\" is not right, expected one of blank, show"},
    {SERVES "domain b { shadow = \"mirror\" }",
     "domain \"b\" shadow: \"mirror\" is not right, expected one of contact-throttle, "
     "aor-throttle or \"\""},
    {SERVES "domain b { shadow = \"aor-throttle\" }",
     "t.conf:4: domain \"b\" shadow: only what is relayed can be counted, expected it with mode = "
     "mirror"},
    {SERVES "domain b { mode = mirror insertion = path shadow = \"aor-throttle\" }",
     "domain \"b\" shadow: aor-throttle is not possible with insertion = path"},
    {SERVES "log { hide-aors = maybe }",
     "log hide-aors: \"maybe\" is not right, expected yes or no"},
};

static void what_cannot_be_is_an_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct conf *c;
        assert_int_equal(load(bad[i].text, &c), ERR_BADCONF);
        if (!strstr(said, bad[i].error))
            fail_msg("%s\nsaid: %snot: %s", bad[i].text, said, bad[i].error);
    }
}

static void defaults_and_values(void **state)
{
    (void)state;
    struct conf *c = load_good(SERVES);
    assert_string_equal(c->events.socket, "");
    assert_string_equal(c->events.webhook, "");
    assert_true(str_is_none(c->events.token));
    assert_false(c->log.hides_aors);
    conf_unref(c);
    c = load_good(SERVES
                  "events { socket = \"/run/x\" webhook = \"https://[::1]:8443/hook?a=b\" }\n"
                  "log { hide-aors = yes }");
    assert_string_equal(c->events.socket, "/run/x");
    assert_string_equal(c->events.webhook, "https://[::1]:8443/hook?a=b");
    assert_true(c->log.hides_aors);
    conf_unref(c);
}

static void a_token_needs_somebody_who_gets_it(void **state)
{
    struct conf *c;
    char text[1024];
    (void)state;
    write_file("token", "secret\n", 0600);
    (void)snprintf(text, sizeof text, SERVES "events { token-file = \"%s/token\" }", directory);
    assert_int_equal(load(text, &c), ERR_BADCONF);
    assert_non_null(strstr(said, "t.conf:4: events token-file: the token is for a webhook, "
                                 "expected it with one"));
    (void)snprintf(text, sizeof text,
                   SERVES "events { webhook = \"http://a.example/\" token-file = \"%s/token\" }",
                   directory);
    conf_unref(load_good(text));
    assert_non_null(strstr(said, "events webhook: whoever is in between can read the token"));
    assert_int_equal(unlink("token"), 0);
}

static void what_hep_means_is_said(void **state)
{
    (void)state;
    conf_unref(load_good(SERVES "hep {\n capture-id = 3 }"));
    assert_non_null(strstr(said, "W t.conf:4: hep: without a server nothing is sent"));
    struct conf *c = load_good(SERVES "hep { server = \"192.0.2.9:9060\"\n secrets = show }");
    assert_non_null(strstr(said, "W t.conf:5: hep secrets: show, so digests"));
    assert_int_equal(c->hep.capture_id, 2001);
    assert_int_equal(c->hep.server.port, 9060);
    conf_unref(c);
}

static void a_shadow_that_counts_nothing_is_told(void **state)
{
    (void)state;
    struct conf *c = load_good(SERVES "domain b { mode = mirror shadow = contact-throttle }\n"
                                      "domain c { mode = mirror shadow = \"\" }");
    assert_int_equal(c->domains[1].shadow, CONF_SHADOW_CONTACT);
    assert_int_equal(c->domains[2].shadow, CONF_SHADOW_OFF);
    conf_unref(c);
    conf_unref(load_good(SERVES "domain b { mode = mirror\n shadow = aor-throttle\n"
                                " upstream-expires = 500 max-expires = 5m }"));
    assert_non_null(strstr(said, "W t.conf:5: domain \"b\" shadow: with devices of up to 300s each "
                                 "refresh would be relayed"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_is_an_error),
        cmocka_unit_test(defaults_and_values),
        cmocka_unit_test(a_shadow_that_counts_nothing_is_told),
        cmocka_unit_test(what_hep_means_is_said),
        cmocka_unit_test(a_token_needs_somebody_who_gets_it),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
