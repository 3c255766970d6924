/* What upstream has told of the other ends of calls: numbers only, each for its call, the newest.
 */
#include "unit.h"

#include "service/told.h"
#include "sip/uri.h"

static void note(struct context *c, const char *call_id, const char *contact)
{
    char text[512];
    struct msg *m;
    struct msg_fault fault;
    (void)snprintf(
        text, sizeof text,
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=1\r\n"
        "To: <sip:b@h>;tag=2\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\n%s\r\n",
        call_id, contact);
    assert_int_equal(msg_index(&c->scratch, str_of(text), &msg_limits_default, &m, &fault), 0);
    told_note(c, m);
    arena_reset(&c->scratch, 0);
}

static bool has(const struct context *c, const char *call_id, const char *text)
{
    struct uri u;
    assert_int_equal(uri_parse(str_of(text), &u), 0);
    return told_has(c, str_of(call_id), &u);
}

static void open_context(struct context *c)
{
    *c = (struct context){.loop_key = {1, 2}};
    arena_init(&c->scratch, 1 << 20);
    assert_int_equal(told_new(&c->told), 0);
}

static void close_context(struct context *c)
{
    told_free(c->told);
    arena_fini(&c->scratch);
}

static void test_numbers_of_a_call(void **state)
{
    struct context c;
    (void)state;
    open_context(&c);
    assert_false(has(&c, "one", "sip:+49@h:5070"));
    note(&c, "one", "Contact: \"X\" <sip:+49@h:5070;transport=udp>;q=1\r\n");
    assert_true(has(&c, "one", "sip:+49@h:5070;transport=udp"));
    assert_true(has(&c, "one", "sip:%2B49@H:5070;Transport=UDP"));
    assert_false(has(&c, "one", "sip:+49@h:5070;transport=udp;maddr=i"));
    assert_false(has(&c, "one", "sip:+49@h:5070"));
    assert_false(has(&c, "two", "sip:+49@h:5070"));
    assert_false(has(&c, "one", "sip:+49@h"));
    assert_false(has(&c, "one", "sip:+49@i:5070"));
    assert_false(has(&c, "one", "sip:+491@h:5070"));
    note(&c, "one", "Contact: <sip:alice@h>\r\n");
    note(&c, "one", "Contact: <sip:h>\r\n");
    note(&c, "one", "Contact: *\r\n");
    note(&c, "one", "");
    assert_false(has(&c, "one", "sip:alice@h"));
    assert_false(has(&c, "one", "sip:h"));
    assert_true(has(&c, "one", "sip:+49@h:5070;transport=udp"));
    close_context(&c);
}

/* A set of fixed size: what is new is there, however much there was. */
static void test_newest_stay(void **state)
{
    struct context c;
    char contact[64], uri[64];
    (void)state;
    open_context(&c);
    unsigned n = 60000, n_old = 0;
    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(contact, sizeof contact, "Contact: <sip:+%u@h>\r\n", i);
        note(&c, "one", contact);
        (void)snprintf(uri, sizeof uri, "sip:+%u@h", i);
        assert_true(has(&c, "one", uri));
    }
    for (unsigned i = 0; i < n; i++) {
        (void)snprintf(uri, sizeof uri, "sip:+%u@h", i);
        n_old += has(&c, "one", uri);
    }
    assert_true(n_old <= 32768 && n_old > 25000);
    close_context(&c);
}

static void make(void *arg)
{
    struct told *t = NULL;
    (void)arg;
    if (told_new(&t) == 0)
        told_free(t);
}

static void test_no_memory(void **state)
{
    (void)state;
    assert_true(oom_sweep(make, NULL) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_of_a_call),
        cmocka_unit_test(test_newest_stay),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
