#include "unit.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "sip/hop.h"

enum { LIMIT = 1 << 20, N_ROUTES = 250 };

#define INVITE                                                                                     \
    "INVITE sip:bob@example.com;x=%41 SIP/2.0\r\n"                                                 \
    "v: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKour ,SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKtheir\r\n"    \
    "Route: <sip:a;lr>, <sip:b;lr>\r\n"                                                            \
    "f: \"A, B\"\r\n <sip:alice@example.com>;tag=f\r\n"                                            \
    "t: <sip:bob@example.com>\r\n"                                                                 \
    "i: call\r\n"                                                                                  \
    "Route: <sip:c>\r\n"                                                                           \
    "CSeq: 4711 INVITE\r\n"                                                                        \
    "Max-Forwards: 3\r\n"                                                                          \
    "Content-Type: application/sdp\r\n"                                                            \
    "\r\n"                                                                                         \
    "v=0\r\n"

static const struct msg *parse(struct arena *a, struct str bytes)
{
    struct msg *m;
    struct msg_fault fault;
    assert_int_equal(msg_index(a, bytes, &msg_limits_none, &m, &fault), 0);
    return m;
}

static const struct msg *response(struct arena *a)
{
    return parse(a, STR("SIP/2.0 486 Busy Here\r\n"
                        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKour\r\n"
                        "From: <sip:alice@example.com>;tag=f\r\n"
                        "To: <sip:bob@example.com>;tag=t\r\n"
                        "Call-ID: call\r\n"
                        "CSeq: 4711 INVITE\r\n\r\n"));
}

/* RFC 3261 17.1.1.3: the To of the response, one Via, all Routes in their order, no body. */
static void test_ack(void **state)
{
    struct arena a;
    struct str out;
    (void)state;
    arena_init(&a, LIMIT);
    assert_int_equal(hop_ack(&a, parse(&a, STR(INVITE)), response(&a), &out), 0);
    assert_str(out, "ACK sip:bob@example.com;x=%41 SIP/2.0\r\n"
                    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKour\r\n"
                    "Route: <sip:a;lr>, <sip:b;lr>\r\n"
                    "Route: <sip:c>\r\n"
                    "From: \"A, B\" <sip:alice@example.com>;tag=f\r\n"
                    "To: <sip:bob@example.com>;tag=t\r\n"
                    "Call-ID: call\r\n"
                    "CSeq: 4711 ACK\r\n"
                    "Max-Forwards: 70\r\n"
                    "Content-Length: 0\r\n\r\n");
    arena_fini(&a);
}

/* 9.1: the To of the INVITE. */
static void test_cancel(void **state)
{
    struct arena a;
    struct str out;
    (void)state;
    arena_init(&a, LIMIT);
    const struct msg *invite = parse(&a, STR(INVITE));
    assert_int_equal(hop_cancel(&a, invite, STR_NONE, &out), 0);
    assert_str(out, "CANCEL sip:bob@example.com;x=%41 SIP/2.0\r\n"
                    "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKour\r\n"
                    "Route: <sip:a;lr>, <sip:b;lr>\r\n"
                    "Route: <sip:c>\r\n"
                    "From: \"A, B\" <sip:alice@example.com>;tag=f\r\n"
                    "To: <sip:bob@example.com>\r\n"
                    "Call-ID: call\r\n"
                    "CSeq: 4711 CANCEL\r\n"
                    "Max-Forwards: 70\r\n"
                    "Content-Length: 0\r\n\r\n");
    assert_int_equal(hop_cancel(&a, invite, STR("SIP;cause=200"), &out), 0);
    assert_non_null(memmem(out.p, out.n, "\r\nReason: SIP;cause=200\r\n", 25));
    assert_int_equal(parse(&a, out)->method, METHOD_CANCEL);
    arena_fini(&a);
}

/* Names grow where the request had them short, and separators where it had none: still it fits. */
static void test_longest(void **state)
{
    struct arena a;
    struct str out;
    (void)state;
    arena_init(&a, LIMIT);
    struct buf text = buf_in(&a, 20000);
    buf_add(&text, STR("INVITE sip:b SIP/2.0\r\nv:SIP/2.0/UDP h;branch=z9hG4bKa\r\n"));
    for (int i = 0; i < N_ROUTES; i++)
        buf_add(&text, STR("Route:<sip:a>\r\n"));
    buf_add(&text, STR("f:<sip:a>;tag=f\r\nt:<sip:b>\r\ni:c\r\nCSeq:1 INVITE\r\n\r\n"));
    const struct msg *invite = parse(&a, buf_str(&text));
    assert_int_equal(hop_ack(&a, invite, response(&a), &out), 0);
    assert_int_equal(parse(&a, out)->n_lines, N_ROUTES + 7);
    char reason[127];
    memset(reason, 'r', sizeof reason);
    assert_int_equal(hop_cancel(&a, invite, (struct str){reason, sizeof reason}, &out), 0);
    assert_int_equal(parse(&a, out)->n_lines, N_ROUTES + 8);
    arena_fini(&a);
}

static void test_no_memory(void **state)
{
    struct arena a, small;
    struct str out;
    (void)state;
    arena_init(&a, LIMIT);
    arena_init(&small, 64);
    const struct msg *invite = parse(&a, STR(INVITE));
    assert_int_equal(hop_ack(&small, invite, response(&a), &out), ERR_NOMEM);
    assert_int_equal(hop_cancel(&small, invite, STR_NONE, &out), ERR_NOMEM);
    arena_fini(&small);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ack),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
