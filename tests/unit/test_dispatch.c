/* Where messages go: to which worker, and answers to which address. */
#include "unit.h"

#include "service/dispatch.h"
#include "service/mark.h"
#include "service/reply.h"

enum { N = 4 };

static struct peek peek(struct str bytes)
{
    struct peek p;
    assert_int_equal(peek_parse(bytes, &p), 0);
    return p;
}

#define HEADS(method, more)                                                                        \
    method " sip:b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK" method "\r\n" more "\r\n"

/* All of a call, however its Call-ID is written, and what has none. */
static void test_requests_of_a_call_meet(void **state)
{
    static const struct {
        const char *bytes;
    } rows[] = {
        {HEADS("INVITE", "Call-ID: one\r\n")},   {HEADS("CANCEL", "i: one\r\n")},
        {HEADS("ACK", "CALL-ID:one\r\n")},       {HEADS("BYE", "Call-ID :\r\n  one  \r\n")},
        {HEADS("FOO", "i:\tone\r\ni: two\r\n")},
    };
    struct context c = {.owner_key = hash_key_new()};
    (void)state;
    arena_init(&c.scratch, 1 << 16);
    for (unsigned n = 1; n <= 256; n++) {
        c.n_workers = n;
        unsigned first = n, owner = n;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct peek p = peek(str_of(rows[i].bytes));
            assert_true(dispatch_owner(&c, &p, &owner));
            assert_true(owner < n);
            first = i ? first : owner;
            assert_int_equal(owner, first);
        }
    }
    struct peek none = peek(STR(HEADS("INVITE", "")));
    unsigned owner;
    assert_true(dispatch_owner(&c, &none, &owner));
    arena_fini(&c.scratch);
}

static struct peek response(char out[256], struct str branch)
{
    int n = snprintf(out, 256, "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=%.*s\r\n\r\n",
                     STR_FMT(branch));
    return peek((struct str){out, (size_t)n});
}

static void test_responses_go_where_the_request_was(void **state)
{
    struct context c = {.owner_key = hash_key_new(), .n_workers = N};
    unsigned owner;
    char text[256], branch[MARK_BRANCH_LEN];
    (void)state;
    for (unsigned worker = 0; worker < N + 2; worker++) {
        struct mark_maker maker;
        mark_init(&maker, worker);
        struct peek p = response(text, mark_branch(&maker, 1, branch));
        assert_int_equal(dispatch_owner(&c, &p, &owner), worker < N);
        if (worker < N)
            assert_int_equal(owner, worker);
    }
    struct peek p = response(text, STR("z9hG4bKstranger"));
    assert_false(dispatch_owner(&c, &p, &owner));
}

/* RFC 3581 4, RFC 3261 18.2.2, D82: to the source; only a client that says its own address and does
 * not ask for rport may choose the port. */
static void test_reply_flow(void **state)
{
    static const struct {
        const char *via;
        uint16_t port;
    } rows[] = {
        {"SIP/2.0/UDP 192.0.2.7:5070;rport", 40000},
        {"SIP/2.0/UDP 192.0.2.7:5070", 5070},
        {"SIP/2.0/UDP 192.0.2.7", 5060},
        {"SIP/2.0/UDP 192.0.2.8:5070", 40000},
        {"SIP/2.0/UDP phone.test:5070", 40000},
        {"SIP/2.0/UDP 192.0.2.8:5070;maddr=198.51.100.1;received=198.51.100.2", 40000},
        {"SIP/2.0/UDP 192.0.2.7:5070;maddr=198.51.100.1;received=198.51.100.2", 5070},
    };
    struct flow_ref source = {.slot = 3, .generation = 1};
    (void)state;
    assert_int_equal(addr_parse(STR("192.0.2.7:40000"), 0, &source.peer), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str rest = str_of(rows[i].via);
        struct via via;
        assert_int_equal(via_next(&rest, &via), 1);
        struct flow_ref to = reply_flow(&via, &source);
        assert_int_equal(to.peer.port, rows[i].port);
        assert_true(addr_is_same_host(&to.peer, &source.peer));
        assert_int_equal(to.slot, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_of_a_call_meet),
        cmocka_unit_test(test_responses_go_where_the_request_was),
        cmocka_unit_test(test_reply_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
