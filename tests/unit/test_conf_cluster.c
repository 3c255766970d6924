/* The section "cluster". */
#include "conffile.h"

#define NAMES "name = \"edge\" node = \"edge1\" "

static const struct {
    const char *text, *error;
} bad[] = {
    {SERVES "cluster { node = \"edge1\" database = \"host=db\" }",
     "E t.conf:4: cluster name: missing, expected it in a cluster"},
    {SERVES "cluster { name = \"edge\" }",
     "E t.conf:4: cluster node: missing, expected it in a cluster"},
    {SERVES "cluster { takeover-after = 60s }",
     "E t.conf:4: cluster database: missing, expected it in a cluster"},
    {SERVES "cluster { " NAMES "database = \"\" }", "cluster database: not understood"},
    {SERVES "cluster {\n" NAMES "\ndatabase = \"db:5432\" }",
     "E t.conf:6: cluster database: not understood, expected a URI postgresql://HOST/DATABASE or a "
     "string of KEY=VALUE, as libpq takes it"},
    {SERVES "cluster { " NAMES "database = \"postgresql://u:geheim@db/x\" }",
     "E t.conf:4: cluster database: has a password, expected it in a file that passfile=PATH "
     "names, or certificates"},
    {SERVES "cluster { " NAMES "database = \"host=db password=geheim\" }", "has a password"},
    {SERVES "cluster { " NAMES "database = \"host=db sslpassword=geheim\" }", "has a password"},
    {SERVES "cluster { " NAMES "database = \"host=db passwort=geheim\" }", "not understood"},
    {SERVES "cluster { name = \"a b\" }",
     "cluster name: \"a b\" is not right, expected a name of letters, digits"},
    {SERVES "cluster { " NAMES "database = \"host=db\" takeover-after = 9s }",
     "cluster takeover-after: \"9s\": out of range, expected a duration from 10s to 1h"},
};

static void what_cannot_be_is_an_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct conf *c;
        assert_int_equal(load(bad[i].text, &c), ERR_BADCONF);
        if (!strstr(said, bad[i].error))
            fail_msg("%s\nsaid: %snot: %s", bad[i].text, said, bad[i].error);
        assert_null(strstr(said, "geheim")); /* a password is not repeated */
    }
}

static void without_it_there_is_none(void **state)
{
    (void)state;
    struct conf *c = load_good(SERVES);
    assert_null(c->cluster.name);
    conf_unref(c);
    c = load_good(SERVES "cluster { }");
    assert_null(c->cluster.name);
    conf_unref(c);
}

static void values_are_read(void **state)
{
    (void)state;
    struct conf *c = load_good(
        SERVES "cluster { " NAMES "database = \"postgresql://u@a,b:5433/x?sslmode=verify-full\" }");
    assert_string_equal(c->cluster.name, "edge");
    assert_string_equal(c->cluster.node, "edge1");
    assert_string_equal(c->cluster.database, "postgresql://u@a,b:5433/x?sslmode=verify-full");
    assert_int_equal(c->cluster.takeover_s, 150);
    conf_unref(c);
}

static void a_change_needs_a_restart(void **state)
{
    (void)state;
    struct conf *a = load_good(SERVES "cluster { " NAMES "database = \"host=a\" }");
    struct conf *b = load_good(SERVES "cluster { " NAMES "database = \"host=b\" }");
    conf_compare(a, b, hear, NULL);
    assert_non_null(strstr(said, "cluster database"));
    conf_unref(a);
    conf_unref(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_is_an_error),
        cmocka_unit_test(without_it_there_is_none),
        cmocka_unit_test(values_are_read),
        cmocka_unit_test(a_change_needs_a_restart),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
