#include "unit.h"

#include <stdlib.h>
#include <unistd.h>

#include "admin/aorfilter.h"
#include "base/arena.h"
#include "conf/conf.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const char text[] = "listen \"p\" { address = \"udp:127.0.0.1:5060\" }\n"
                           "upstream \"one\" { servers = {\"sip:192.0.2.1\"} }\n"
                           "upstream \"two\" { servers = {\"sip:192.0.2.2\"} }\n"
                           "domain \"a.test\" { upstream = \"one\" aliases = {\"b.test\"} }\n"
                           "domain \"c.test\" { upstream = \"two\" }\n"
                           "state-dir = \"/tmp\"\nruntime-dir = \"/tmp\"\n";

static struct conf *conf;

static void say(bool is_error, const char *what, void *arg)
{
    (void)arg;
    if (is_error)
        print_message("%s\n", what);
}

static int load(void **state)
{
    (void)state;
    char path[] = "/tmp/test_aorfilter.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    int err = conf_load(path, say, NULL, &conf);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);
    return err;
}

static int unload(void **state)
{
    (void)state;
    conf_unref(conf);
    return 0;
}

static struct query query_of(const char *name, const char *value)
{
    return (struct query){.params = {{str_of(name), str_of(value)}}, .n = 1};
}

static void what_is_asked_must_be_right(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value;
        bool is_right;
    } rows[] = {
        {"limit", "1", true},
        {"limit", "1000", true},
        {"limit", "0", false},
        {"limit", "1001", false},
        {"limit", "-1", false},
        {"limit", "", false},
        {"limit", "99999999999", false},
        {"limit", NULL, false},
        {"q", "", true},
        {"Q", "x", false},
        {"source", "192.0.2.7", true},
        {"source", "192.0.2.7:5060", true},
        {"source", "192.0.2.0/24", true},
        {"source", "192.0.2.0/0", true},
        {"source", "192.0.2.0/33", false},
        {"source", "192.0.2.0/", false},
        {"source", "192.0.2.0:1/24", false},
        {"source", "2001:db8::/128", true},
        {"source", "2001:db8::/129", false},
        {"source", "[2001:db8::1]:5060", true},
        {"source", "host.test", false},
        {"source", "", false},
        {"user-agent", "x", true},
        {"domain", "nobody.test", true},
        {"cursor", "x@a.test", true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct query q = query_of(rows[i].name, rows[i].value);
        struct aorfilter f;
        struct fault fault = {0};
        if (aorfilter_parse(conf, &q, &f, &fault) != rows[i].is_right)
            fail_msg("%s=%s", rows[i].name, rows[i].value ? rows[i].value : "(none)");
        assert_int_equal(fault.status, rows[i].is_right ? 0 : 400);
    }
    struct query q = {.params = {{STR("q"), STR("x")}, {STR("q"), STR("x")}}, .n = 2};
    struct aorfilter f;
    struct fault fault;
    assert_false(aorfilter_parse(conf, &q, &f, &fault));
    q = (struct query){.has_more = true};
    assert_false(aorfilter_parse(conf, &q, &f, &fault));
    assert_true(aorfilter_parse(conf, NULL, &f, &fault));
    assert_int_equal(f.limit, 100);
}

static void an_aor_is_of_a_domain_and_an_upstream(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *aor;
        bool is_taken;
    } rows[] = {
        {"domain", "a.test", "x@a.test", true},
        {"domain", "B.TEST", "x@a.test", true},
        {"domain", "a.test", "x@c.test", false},
        {"domain", "gone.test", "x@gone.test", true},
        {"domain", "gone.test", "x@a.test", false},
        {"upstream", "one", "x@a.test", true},
        {"upstream", "two", "x@a.test", false},
        {"upstream", "one", "x@gone.test", false},
        {"q", "x@", "x@a.test", true},
        {"q", "x@a.test", "x@a.test", true},
        {"q", "x@a.test.", "x@a.test", false},
        {"q", "X", "x@a.test", false},
        {"user-agent", "anything", "x@a.test", true},
        {"q", "", "x@gone.test", true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct query q = query_of(rows[i].name, rows[i].value);
        struct aorfilter f;
        struct fault fault;
        assert_true(aorfilter_parse(conf, &q, &f, &fault));
        if (aorfilter_takes_aor(&f, conf, str_of(rows[i].aor)) != rows[i].is_taken)
            fail_msg("%s=%s: %s", rows[i].name, rows[i].value, rows[i].aor);
    }
}

static void one_binding_must_have_it_all(void **state)
{
    (void)state;
    struct binding bindings[] = {{.user_agent = STR("Acme/1.0 desk")}, {.user_agent = STR_NONE}};
    struct aor_record r = {.bindings = bindings, .n_bindings = 2};
    assert_int_equal(addr_parse(STR("192.0.2.129:5062"), 0, &bindings[0].way.peer), 0);
    assert_int_equal(addr_parse(STR("[2001:db8::7]:5060"), 0, &bindings[1].way.peer), 0);
    static const struct {
        const char *source, *user_agent;
        bool is_taken;
    } rows[] = {
        {"192.0.2.129", NULL, true},
        {"192.0.2.129:5062", NULL, true},
        {"192.0.2.129:5063", NULL, false},
        {"192.0.2.128/25", NULL, true},
        {"192.0.2.0/25", NULL, false},
        {"0.0.0.0/0", NULL, true},
        {"::/0", NULL, true},
        {"2001:db8::/33", NULL, true},
        {"2001:db9::/32", NULL, false},
        {"192.0.2.129", "ACME", true},
        {"2001:db8::7", "acme", false},
        {"2001:db8::7", "", true},
        {"192.0.2.129", "desk ", false},
        {"192.0.2.129", "desk", true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct query q = query_of("source", rows[i].source);
        struct aorfilter f;
        struct fault fault;
        if (rows[i].user_agent)
            q.params[q.n++] = (struct query_param){STR("user-agent"), str_of(rows[i].user_agent)};
        assert_true(aorfilter_parse(conf, &q, &f, &fault));
        if (aorfilter_takes_record(&f, &r) != rows[i].is_taken)
            fail_msg("%s %s", rows[i].source, rows[i].user_agent);
    }
    r.n_bindings = 0;
    struct aorfilter all = {.limit = 1};
    assert_true(aorfilter_takes_record(&all, &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_must_be_right),
        cmocka_unit_test(an_aor_is_of_a_domain_and_an_upstream),
        cmocka_unit_test(one_binding_must_have_it_all),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
