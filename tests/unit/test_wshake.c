#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "net/wshake.h"

/* The key and the answer to it are those of RFC 6455 1.3. */
#define START   "GET /sip HTTP/1.1\r\n"
#define HOST    "Host: sip.example.com\r\n"
#define UPGRADE "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define SIP     "Sec-WebSocket-Protocol: sip\r\n"
#define END     "\r\n"

static const struct str origins[] = {{"https://phone.example.com", 25}, {"null", 4}};
static const struct wshake_conf listed = {origins, 2}, all = {NULL, 0};

static const struct {
    const char *request;
    unsigned status, listed; /* without and with a list of origins */
} rows[] = {
    {START HOST UPGRADE KEY VERSION SIP END, 101, 101},
    {"\r\n" START HOST UPGRADE KEY VERSION SIP END, 101, 101},
    {START "host:x\r\nUPGRADE: h2c, WebSocket\r\nconnection: keep-alive,\tupgrade\r\n" KEY VERSION
           "Sec-WebSocket-Protocol: chat, SIP\r\n" END,
     101, 101},
    {START HOST UPGRADE KEY VERSION "Sec-WebSocket-Protocol: chat\r\n" SIP END, 101, 101},
    {"GET wss://x/y HTTP/1.1\r\n" HOST UPGRADE KEY VERSION SIP END, 101, 101},
    {"GET / HTTP/1.1\n" HOST UPGRADE KEY VERSION SIP "\n", 101, 101},
    {START HOST UPGRADE KEY VERSION SIP "Content-Length: 0\r\n" END, 101, 101},
    /* the origin */
    {START HOST UPGRADE KEY VERSION SIP "Origin: https://phone.example.com\r\n" END, 101, 101},
    {START HOST UPGRADE KEY VERSION SIP "Origin: https://Phone.Example.com\r\n" END, 101, 101},
    {START HOST UPGRADE KEY VERSION SIP "Origin: null\r\n" END, 101, 101},
    {START HOST UPGRADE KEY VERSION SIP "Origin: https://evil.example\r\n" END, 101, 403},
    {START HOST UPGRADE KEY VERSION SIP "Origin: http://phone.example.com\r\n" END, 101, 403},
    {START HOST UPGRADE KEY VERSION SIP "Origin: https://phone.example.com.evil\r\n" END, 101, 403},
    {START HOST UPGRADE KEY VERSION SIP "Origin:\r\n" END, 101, 403},
    {START HOST UPGRADE KEY VERSION SIP "Origin: null\r\nOrigin: null\r\n" END, 400, 400},
    /* the start line */
    {"POST / HTTP/1.1\r\n" HOST UPGRADE KEY VERSION SIP END, 405, 405},
    {"get / HTTP/1.1\r\n" HOST UPGRADE KEY VERSION SIP END, 405, 405},
    {"GET / HTTP/1.0\r\n" HOST UPGRADE KEY VERSION SIP END, 426, 426},
    {"GET / HTTP/2.0\r\n" HOST UPGRADE KEY VERSION SIP END, 505, 505},
    {"GET / HTTP/1.1 \r\n" HOST UPGRADE KEY VERSION SIP END, 400, 400},
    {"GET  / HTTP/1.1\r\n" HOST UPGRADE KEY VERSION SIP END, 400, 400},
    {"GET x HTTP/1.1\r\n" HOST UPGRADE KEY VERSION SIP END, 400, 400},
    {"GET /\x01 HTTP/1.1\r\n" HOST UPGRADE KEY VERSION SIP END, 400, 400},
    {"GET / http/1.1\r\n" HOST UPGRADE KEY VERSION SIP END, 400, 400},
    {"G(T / HTTP/1.1\r\n" HOST UPGRADE KEY VERSION SIP END, 400, 400},
    {"GET /\r\n" END, 400, 400},
    {"OPTIONS sip:x SIP/2.0\r\n" END, 400, 400},
    {"\r\n\r\n", 400, 400},
    /* Host, a body, fields that are none */
    {START UPGRADE KEY VERSION SIP END, 400, 400},
    {START "Host:\r\n" UPGRADE KEY VERSION SIP END, 400, 400},
    {START HOST HOST UPGRADE KEY VERSION SIP END, 400, 400},
    {START HOST UPGRADE KEY VERSION SIP "Content-Length: 3\r\n" END, 400, 400},
    {START HOST UPGRADE KEY VERSION SIP "Transfer-Encoding: chunked\r\n" END, 400, 400},
    {START HOST UPGRADE KEY VERSION SIP "X: y\r\n z\r\n" END, 400, 400},
    {START HOST UPGRADE KEY VERSION SIP "X : y\r\n" END, 400, 400},
    {START " X: y\r\n" HOST UPGRADE KEY VERSION SIP END, 400, 400},
    {START HOST UPGRADE KEY VERSION SIP "nonsense\r\n" END, 400, 400},
    {START HOST UPGRADE KEY VERSION SIP "X: \x01\r\n" END, 400, 400},
    {START HOST UPGRADE KEY VERSION SIP "X: a\rb\r\n" END, 400, 400},
    /* the upgrade */
    {START HOST KEY VERSION SIP END, 426, 426},
    {START HOST "Upgrade: websocket\r\n" KEY VERSION SIP END, 426, 426},
    {START HOST "Connection: Upgrade\r\n" KEY VERSION SIP END, 426, 426},
    {START HOST "Upgrade: websockets\r\nConnection: Upgrade\r\n" KEY VERSION SIP END, 426, 426},
    {START HOST UPGRADE KEY SIP END, 426, 426},
    {START HOST UPGRADE KEY "Sec-WebSocket-Version: 8\r\n" SIP END, 426, 426},
    {START HOST UPGRADE KEY "Sec-WebSocket-Version: 013\r\n" SIP END, 426, 426},
    {START HOST UPGRADE KEY VERSION VERSION SIP END, 400, 400},
    {START HOST UPGRADE VERSION SIP END, 400, 400},
    {START HOST UPGRADE KEY KEY VERSION SIP END, 400, 400},
    {START HOST UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n" VERSION SIP END, 400, 400},
    {START HOST UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTEy\r\n" VERSION SIP END, 400,
     400},
    {START HOST UPGRADE "Sec-WebSocket-Key: dGhlIHNh!XBsZSBub25jZQ==\r\n" VERSION SIP END, 400,
     400},
    {START HOST UPGRADE "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j====\r\n" VERSION SIP END, 400,
     400},
    /* RFC 7118 4: the subprotocol */
    {START HOST UPGRADE KEY VERSION END, 400, 400},
    {START HOST UPGRADE KEY VERSION "Sec-WebSocket-Protocol: sips, xsip\r\n" END, 400, 400},
};

static unsigned judge(const char *request, const struct wshake_conf *conf, struct buf *out)
{
    struct str s = str_of(request);
    char *copy = malloc(s.n); /* so that a sanitizer sees its end */
    assert_non_null(copy);
    memcpy(copy, s.p, s.n);
    unsigned status = wshake_judge((struct str){copy, s.n}, conf, out);
    free(copy);
    return status;
}

static void the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int k = 0; k < 2; k++) {
            char text[WSHAKE_ANSWER_MAX], start[32];
            struct buf out = buf_over(text, sizeof text);
            unsigned want = k ? rows[i].listed : rows[i].status;
            unsigned got = judge(rows[i].request, k ? &listed : &all, &out);
            if (got != want)
                fail_msg("row %zu: %u, not %u: %s", i, got, want, rows[i].request);
            snprintf(start, sizeof start, "HTTP/1.1 %u ", want);
            assert_true(str_has_prefix(buf_str(&out), str_of(start)));
            assert_false(out.has_overflown);
            assert_int_equal(wshake_find_end(buf_str(&out), 0), out.len);
        }
}

static void answers(void **state)
{
    (void)state;
    char text[WSHAKE_ANSWER_MAX];
    struct buf out = buf_over(text, sizeof text);
    (void)judge(START HOST UPGRADE KEY VERSION SIP END, &all, &out);
    assert_str(buf_str(&out), "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Protocol: sip\r\n"
                              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    out = buf_over(text, sizeof text);
    (void)judge("PUT / HTTP/1.1\r\n\r\n", &all, &out);
    assert_str(buf_str(&out), "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n"
                              "Connection: close\r\nContent-Length: 0\r\n\r\n");
    out = buf_over(text, sizeof text);
    (void)judge(START HOST END, &all, &out);
    assert_str(buf_str(&out), "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n"
                              "Sec-WebSocket-Version: 13\r\nConnection: Upgrade, close\r\n"
                              "Content-Length: 0\r\n\r\n");
    out = buf_over(text, sizeof text);
    wshake_refuse(431, &out);
    assert_true(str_has_prefix(buf_str(&out), STR("HTTP/1.1 431 Request Header Fields Too Large")));
}

static void many_fields(void **state)
{
    (void)state;
    static char text[4096];
    char answer[WSHAKE_ANSWER_MAX];
    for (int n = WSHAKE_FIELDS_MAX; n <= WSHAKE_FIELDS_MAX + 1; n++) {
        struct buf b = buf_over(text, sizeof text), out = buf_over(answer, sizeof answer);
        buf_add(&b, STR(START HOST UPGRADE KEY VERSION SIP));
        for (int i = 6; i < n; i++)
            buf_add(&b, STR("X: y\r\n"));
        buf_add(&b, STR(END));
        assert_int_equal(wshake_judge(buf_str(&b), &all, &out), n > WSHAKE_FIELDS_MAX ? 431 : 101);
    }
}

/* However the request comes, its end is found. */
static void the_end(void **state)
{
    (void)state;
    static const char *const texts[] = {"GET / HTTP/1.1\r\nA: b\r\n\r\n", "GET /\nA: b\n\n",
                                        "GET /\r\nA: b\r\n\n", "GET /\nA: b\n\r\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t step = 1; step < 30; step++) {
            size_t n = strlen(texts[i]), seen = 0, found = 0;
            for (size_t len = step; !found; len += step) {
                len = len < n ? len : n;
                found = wshake_find_end((struct str){texts[i], len}, seen);
                assert_true(found || len < n);
                seen = len;
            }
            assert_int_equal(found, n);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_table), cmocka_unit_test(answers),
                                       cmocka_unit_test(many_fields), cmocka_unit_test(the_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
