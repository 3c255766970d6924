#include "unit.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/ws.h"

#define UPGRADE                                                                                    \
    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                   \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"                 \
    "Sec-WebSocket-Protocol: sip\r\n\r\n"

/* A masked frame with a payload of fewer than 126 bytes; the key is four spaces, so that 'a'
 * comes as 'A'. */
#define KEY                    "    "
#define FRAME(head, len, sent) head len KEY sent

enum { MAX = 1000, TEXT = 1 << 17 };

struct peer {
    struct ws *ws;
    struct buf in, out; /* messages, each with its verdict in front; bytes that go to the phone */
    int write_err;
    bool is_deaf; /* wants nothing more */
    char in_text[TEXT], out_text[TEXT];
};

static struct peer peer;

static bool on_part(enum frame_verdict verdict, struct str bytes, void *arg)
{
    struct peer *p = arg;
    buf_addf(&p->in, "[%d]", (int)verdict);
    buf_add(&p->in, bytes);
    return !p->is_deaf;
}

static int on_write(struct str bytes, void *arg)
{
    struct peer *p = arg;
    if (!p->write_err)
        buf_add(&p->out, bytes);
    return p->write_err;
}

static const struct ws_fns fns = {on_part, on_write};
static const struct ws_conf conf = {{NULL, 0}, MAX};

static void forget(struct peer *p)
{
    p->in = buf_over(p->in_text, sizeof p->in_text);
    p->out = buf_over(p->out_text, sizeof p->out_text);
}

static struct peer *begin(void)
{
    struct peer *p = &peer;
    p->write_err = 0;
    p->is_deaf = false;
    forget(p);
    assert_int_equal(ws_new(&conf, &fns, p, &p->ws), 0);
    return p;
}

/* In steps of so many bytes, each from memory that ends with it. */
static int feed(struct peer *p, struct str bytes, size_t step)
{
    int err = 0;
    for (size_t at = 0; !err && at < bytes.n; at += step) {
        size_t n = bytes.n - at < step ? bytes.n - at : step;
        char *copy = malloc(n);
        if (!copy)
            return ERR_NOMEM;
        memcpy(copy, bytes.p + at, n);
        err = ws_feed(p->ws, (struct str){copy, n});
        free(copy);
    }
    return err;
}

static struct peer *open_ws(void)
{
    struct peer *p = begin();
    assert_int_equal(feed(p, STR(UPGRADE), 1000), 0);
    assert_true(str_has_prefix(buf_str(&p->out), STR("HTTP/1.1 101 ")));
    forget(p);
    return p;
}

static enum stats_id why_over(const struct peer *p)
{
    enum stats_id why;
    return ws_is_over(p->ws, &why) ? why : STAT_MAX;
}

/* ---------------------------------------------------------------- frames */

/* What comes out for what comes in, and how it ends; STAT_MAX: it does not. */
static const struct {
    const char *name;
    struct str in;
    struct str messages, out;
    enum stats_id why;
} rows[] = {
#define ROW(name, in, messages, out, why)                                                          \
    {                                                                                              \
        name, {in, sizeof(in) - 1}, {messages, sizeof(messages) - 1}, {out, sizeof(out) - 1}, why  \
    }
#define CLOSE(code) "\x88\x02" code
#define PROTOCOL    CLOSE("\x03\xea")
#define NO_TEXT     CLOSE("\x03\xef")
#define TOO_BIG     CLOSE("\x03\xf1")
    ROW("text", FRAME("\x81", "\x83", "ABC"), "[1]abc", "", STAT_MAX),
    ROW("binary", FRAME("\x82", "\x83", "ABC"), "[1]abc", "", STAT_MAX),
    ROW("two", FRAME("\x81", "\x81", "A") FRAME("\x82", "\x81", "B"), "[1]a[1]b", "", STAT_MAX),
    ROW("empty", FRAME("\x81", "\x80", ""), "", "", STAT_MAX),
    ROW("fragments",
        FRAME("\x01", "\x81", "A") FRAME("\x00", "\x80", "") FRAME("\x00", "\x81", "B")
            FRAME("\x80", "\x81", "C"),
        "[1]abc", "", STAT_MAX),
    ROW("an empty last fragment", FRAME("\x01", "\x81", "A") FRAME("\x80", "\x80", ""), "[1]a", "",
        STAT_MAX),
    ROW("a ping between fragments",
        FRAME("\x02", "\x81", "A") FRAME("\x89", "\x82", "HI") FRAME("\x80", "\x81", "B"), "[1]ab",
        "\x8a\x02hi", STAT_MAX),
    ROW("an empty ping", FRAME("\x89", "\x80", ""), "", "\x8a\x00", STAT_MAX),
    ROW("a pong that nobody asked for", FRAME("\x8a", "\x81", "A"), "", "", STAT_MAX),
    ROW("keepalive", FRAME("\x81", "\x84", "-*-*"), "[2]\r\n\r\n", "", STAT_MAX),
    ROW("keepalive's answer", FRAME("\x81", "\x82", "-*"), "", "", STAT_MAX),
    ROW("UTF-8 over fragments", FRAME("\x01", "\x82", "\xc2\xa2") FRAME("\x80", "\x81", "\x8c"),
        "[1]\xe2\x82\xac", "", STAT_MAX),
    ROW("any bytes in a binary one", FRAME("\x82", "\x82", "\xdf\xa0"), "[1]\xff\x80", "",
        STAT_MAX),
    /* 5.1, 5.2 */
    ROW("not masked",
        "\x81\x03"
        "abc",
        "", PROTOCOL, STAT_CLOSED_MALFORMED),
    ROW("an empty one not masked", "\x81\x00", "", PROTOCOL, STAT_CLOSED_MALFORMED),
    ROW("RSV1", FRAME("\xc1", "\x81", "A"), "", PROTOCOL, STAT_CLOSED_MALFORMED),
    ROW("RSV2", FRAME("\xa1", "\x81", "A"), "", PROTOCOL, STAT_CLOSED_MALFORMED),
    ROW("RSV3", FRAME("\x91", "\x81", "A"), "", PROTOCOL, STAT_CLOSED_MALFORMED),
    ROW("opcode 3", FRAME("\x83", "\x81", "A"), "", PROTOCOL, STAT_CLOSED_MALFORMED),
    ROW("opcode 7", FRAME("\x87", "\x81", "A"), "", PROTOCOL, STAT_CLOSED_MALFORMED),
    ROW("opcode 11", FRAME("\x8b", "\x81", "A"), "", PROTOCOL, STAT_CLOSED_MALFORMED),
    ROW("opcode 15", FRAME("\x8f", "\x81", "A"), "", PROTOCOL, STAT_CLOSED_MALFORMED),
    ROW("a length in 16 bits that needs 7", "\x81\xfe\x00\x7d    A", "", PROTOCOL,
        STAT_CLOSED_MALFORMED),
    ROW("a length in 64 bits that needs 16", "\x81\xff\x00\x00\x00\x00\x00\x00\xff\xff    A", "",
        PROTOCOL, STAT_CLOSED_MALFORMED),
    ROW("a length with the highest bit", "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00    A", "",
        PROTOCOL, STAT_CLOSED_MALFORMED),
    /* 5.4 */
    ROW("a fragment of nothing", FRAME("\x80", "\x81", "A"), "", PROTOCOL, STAT_CLOSED_MALFORMED),
    ROW("a message in a message", FRAME("\x01", "\x81", "A") FRAME("\x81", "\x81", "B"), "",
        PROTOCOL, STAT_CLOSED_MALFORMED),
    /* 5.5 */
    ROW("a ping in fragments", FRAME("\x09", "\x81", "A"), "", PROTOCOL, STAT_CLOSED_MALFORMED),
    ROW("a ping that is too long", "\x89\xfe\x00\x7e    A", "", PROTOCOL, STAT_CLOSED_MALFORMED),
    /* 8.1 */
    ROW("no UTF-8", FRAME("\x81", "\x82", "\xdf\xa0"), "", NO_TEXT, STAT_CLOSED_MALFORMED),
    ROW("half a character", FRAME("\x81", "\x82", "\xc2\xa2"), "", NO_TEXT, STAT_CLOSED_MALFORMED),
    ROW("no UTF-8 in a fragment", FRAME("\x01", "\x81", "\xdf"), "", NO_TEXT,
        STAT_CLOSED_MALFORMED),
    /* 7.1.5 to 7.1.7, 7.4 */
    ROW("close", FRAME("\x88", "\x80", ""), "", "\x88\x00", STAT_CLOSED_PEER),
    ROW("close with a code", FRAME("\x88", "\x82", "\x23\xc8"), "", CLOSE("\x03\xe8"),
        STAT_CLOSED_PEER),
    ROW("close with a reason", FRAME("\x88", "\x84", "\x23\xc8HI"), "", CLOSE("\x03\xe8"),
        STAT_CLOSED_PEER),
    ROW("close with a code of one's own", FRAME("\x88", "\x82", "\x2f\x80"), "", CLOSE("\x0f\xa0"),
        STAT_CLOSED_PEER),
    ROW("close in a message", FRAME("\x01", "\x81", "A") FRAME("\x88", "\x80", ""), "", "\x88\x00",
        STAT_CLOSED_PEER),
    ROW("close with half a code", FRAME("\x88", "\x81", "\x23"), "", PROTOCOL,
        STAT_CLOSED_MALFORMED),
    ROW("close with 999", FRAME("\x88", "\x82", "\x23\xc7"), "", PROTOCOL, STAT_CLOSED_MALFORMED),
    ROW("close with 1005", FRAME("\x88", "\x82", "\x23\xcd"), "", PROTOCOL, STAT_CLOSED_MALFORMED),
    ROW("close with 1015", FRAME("\x88", "\x82", "\x23\xd7"), "", PROTOCOL, STAT_CLOSED_MALFORMED),
    ROW("close with 5000", FRAME("\x88", "\x82", "\x33\xa8"), "", PROTOCOL, STAT_CLOSED_MALFORMED),
    ROW("close with a reason that is none", FRAME("\x88", "\x83", "\x23\xc8\xdf"), "", NO_TEXT,
        STAT_CLOSED_MALFORMED),
    ROW("nothing counts behind a close", FRAME("\x88", "\x80", "") FRAME("\x81", "\x81", "A"), "",
        "\x88\x00", STAT_CLOSED_PEER),
    /* max-message */
    ROW("too long", "\x82\xfe\x03\xe9    A", "", TOO_BIG, STAT_CLOSED_TOO_LONG),
    ROW("much too long", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff    A", "", TOO_BIG,
        STAT_CLOSED_TOO_LONG),
    ROW("too long in fragments", FRAME("\x02", "\x81", "A") "\x80\xfe\x03\xe8    B", "", TOO_BIG,
        STAT_CLOSED_TOO_LONG),
};

/* However the network cuts. */
static void the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t step = 1; step < 40; step += step < 8 ? 1 : 30) {
            struct peer *p = open_ws();
            assert_int_equal(feed(p, rows[i].in, step), 0);
            if (!str_eq(buf_str(&p->in), rows[i].messages) ||
                !str_eq(buf_str(&p->out), rows[i].out) || why_over(p) != rows[i].why)
                fail_msg("%s, in steps of %zu: \"%.*s\", %zu bytes out, over: %d", rows[i].name,
                         step, STR_FMT(buf_str(&p->in)), p->out.len, (int)why_over(p));
            assert_false(rows[i].why == STAT_MAX && ws_is_waiting(p->ws));
            ws_free(p->ws);
        }
}

/* The longest that is let in, with the length in 16 bits; in one frame, and in 1000. */
static void the_longest_message(void **state)
{
    (void)state;
    static char bytes[16384];
    for (int k = 0; k < 2; k++)
        for (size_t step = 1; step < 4000; step = step * 3 + 1) {
            struct peer *p = open_ws();
            struct buf b = buf_over(bytes, sizeof bytes);
            if (k == 0)
                buf_add(&b, STR("\x82\xfe\x03\xe8" KEY));
            for (int i = 0; i < MAX; i++) {
                const char head[] = {(char)((i ? 0 : 2) | (i == MAX - 1 ? 0x80 : 0))};
                buf_add(&b, (struct str){head, k});
                buf_add(&b, k ? STR("\x81" KEY "A") : STR("A"));
            }
            assert_int_equal(feed(p, buf_str(&b), step), 0);
            assert_int_equal(p->in.len, MAX + 3);
            assert_int_equal(why_over(p), STAT_MAX);
            ws_free(p->ws);
        }
}

/* What has not come whole is seen as such, so that it can be timed. */
static void it_waits(void **state)
{
    (void)state;
    struct peer *p = begin();
    assert_true(ws_is_waiting(p->ws));
    assert_int_equal(feed(p, STR("GET"), 1), 0);
    assert_true(ws_is_waiting(p->ws));
    ws_free(p->ws);
    struct str parts[] = {STR("\x81"), STR("\x83 "),    STR("   A"),
                          STR("B"),    STR("C"),        STR(FRAME("\x01", "\x81", "A")),
                          STR("\x89"), STR("\x80" KEY), STR(FRAME("\x80", "\x80", ""))};
    p = open_ws();
    assert_false(ws_is_waiting(p->ws));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        assert_int_equal(feed(p, parts[i], 1), 0);
        assert_int_equal(ws_is_waiting(p->ws), i != 4 && i != 8);
    }
    ws_free(p->ws);
}

/* ---------------------------------------------------------------- the upgrade */

static void it_is_refused(void **state)
{
    (void)state;
    for (size_t step = 1; step < 10000; step *= 99) {
        struct peer *p = begin();
        assert_int_equal(feed(p, STR("PUT / HTTP/1.1\r\n\r\nwhatever"), step), 0);
        assert_true(str_has_prefix(buf_str(&p->out), STR("HTTP/1.1 405 ")));
        assert_int_equal(why_over(p), STAT_CLOSED_REFUSED);
        assert_int_equal(ws_send(p->ws, STR("late")), ERR_GONE);
        ws_free(p->ws);
        static char head[WSHAKE_HEAD_MAX + 10];
        memset(head, 'a', sizeof head);
        p = begin();
        assert_int_equal(feed(p, (struct str){head, WSHAKE_HEAD_MAX - 1}, step), 0);
        assert_int_equal(why_over(p), STAT_MAX);
        assert_int_equal(feed(p, (struct str){head, 10}, step), 0);
        assert_true(str_has_prefix(buf_str(&p->out), STR("HTTP/1.1 431 ")));
        assert_int_equal(why_over(p), STAT_CLOSED_REFUSED);
        ws_free(p->ws);
    }
}

/* Frames may come together with the request. */
static void in_one_go(void **state)
{
    (void)state;
    for (size_t step = 1; step < 10000; step *= 2) {
        struct peer *p = begin();
        assert_int_equal(feed(p, STR(UPGRADE FRAME("\x81", "\x83", "ABC")), step), 0);
        assert_str(buf_str(&p->in), "[1]abc");
        ws_free(p->ws);
    }
}

/* ---------------------------------------------------------------- what is sent */

static void the_kind_is_the_phones(void **state)
{
    (void)state;
    struct peer *p = begin();
    assert_int_equal(ws_send(p->ws, STR("early")), ERR_GONE);
    ws_free(p->ws);
    p = open_ws();
    assert_int_equal(ws_send(p->ws, STR("abc")), 0);
    assert_str(buf_str(&p->out), "\x81\x03"
                                 "abc");
    forget(p);
    assert_int_equal(ws_send(p->ws, STR("\xff")), 0); /* no text */
    assert_str(buf_str(&p->out), "\x82\x01\xff");
    assert_int_equal(feed(p, STR(FRAME("\x82", "\x81", "A")), 100), 0);
    forget(p);
    assert_int_equal(ws_send(p->ws, STR("abc")), 0);
    assert_str(buf_str(&p->out), "\x82\x03"
                                 "abc");
    forget(p);
    assert_int_equal(ws_send(p->ws, STR("\r\n\r\n")), 0);
    assert_str(buf_str(&p->out), "\x89\x00");
    ws_free(p->ws);
}

static void lengths(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        struct str head;
    } sizes[] = {{125, {"\x81\x7d", 2}},
                 {126, {"\x81\x7e\x00\x7e", 4}},
                 {65535, {"\x81\x7e\xff\xff", 4}},
                 {65536, {"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10}}};
    static char bytes[65536];
    memset(bytes, 'a', sizeof bytes);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct peer *p = open_ws();
        assert_int_equal(ws_send(p->ws, (struct str){bytes, sizes[i].n}), 0);
        assert_true(str_has_prefix(buf_str(&p->out), sizes[i].head));
        assert_int_equal(p->out.len, sizes[i].head.n + sizes[i].n);
        ws_free(p->ws);
    }
}

static void it_is_closed(void **state)
{
    (void)state;
    struct peer *p = open_ws();
    ws_close(p->ws, WS_GOING_AWAY);
    ws_close(p->ws, WS_POLICY);
    assert_str(buf_str(&p->out), "\x88\x02\x03\xe9");
    assert_int_equal(ws_send(p->ws, STR("late")), ERR_GONE);
    assert_int_equal(feed(p, STR(FRAME("\x81", "\x81", "A")), 100), 0);
    assert_int_equal(p->in.len, 0);
    ws_free(p->ws);
    p = begin();
    ws_close(p->ws, WS_GOING_AWAY); /* there are no frames yet */
    assert_int_equal(p->out.len, 0);
    assert_int_equal(feed(p, STR(UPGRADE), 100), 0);
    assert_int_equal(p->out.len, 0);
    ws_free(p->ws);
}

/* The connection goes away in the middle of things. */
static void it_breaks(void **state)
{
    (void)state;
    struct peer *p = open_ws();
    p->write_err = ERR_GONE;
    assert_int_equal(ws_send(p->ws, STR("abc")), ERR_GONE);
    assert_int_equal(why_over(p), STAT_CLOSED_ERROR);
    ws_free(p->ws);
    p = open_ws();
    p->is_deaf = true;
    assert_int_equal(feed(p, STR(FRAME("\x81", "\x81", "A") FRAME("\x81", "\x81", "B")), 100), 0);
    assert_str(buf_str(&p->in), "[1]a");
    ws_free(p->ws);
}

/* ---------------------------------------------------------------- memory */

static void body(void *arg)
{
    struct peer *p = &peer;
    (void)arg;
    p->write_err = 0;
    p->is_deaf = false;
    forget(p);
    if (ws_new(&conf, &fns, p, &p->ws))
        return;
    if (feed(p, STR(UPGRADE), 100) == 0)
        (void)feed(p, STR(FRAME("\x01", "\x81", "A") FRAME("\x80", "\x81", "B")), 3);
    ws_free(p->ws);
}

static void without_memory_it_says_so(void **state)
{
    (void)state;
    assert_true(oom_sweep(body, NULL) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table), cmocka_unit_test(the_longest_message),
        cmocka_unit_test(it_waits),  cmocka_unit_test(it_is_refused),
        cmocka_unit_test(in_one_go), cmocka_unit_test(the_kind_is_the_phones),
        cmocka_unit_test(lengths),   cmocka_unit_test(it_is_closed),
        cmocka_unit_test(it_breaks), cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
