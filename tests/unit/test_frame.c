#include "unit.h"

#include <time.h>

#include "sip/frame.h"

enum { MAX = 4096 };

#define HEAD "OPTIONS sip:a SIP/2.0\r\nTo: b\r\n"

struct row {
    const char *in;
    enum frame_verdict verdict;
    const char *tail; /* what stays behind a message, ping or stray line end */
};

static const struct row rows[] = {
    {"", FRAME_MORE, NULL},
    {"\r", FRAME_MORE, NULL},
    {"\r\n", FRAME_MORE, NULL},
    {"\r\n\r", FRAME_MORE, NULL},
    {"\r\n\r\n", FRAME_PING, ""},
    {"\r\n\r\nOPTIONS", FRAME_PING, "OPTIONS"},
    {"\r\nOPTIONS", FRAME_SKIP, "OPTIONS"},
    {"\r\n\rO", FRAME_SKIP, "\rO"},
    {"\rO", FRAME_SKIP, "O"},
    {"\n", FRAME_SKIP, ""},
    {HEAD, FRAME_MORE, NULL},
    {HEAD "Content-Length: 0\r\n", FRAME_MORE, NULL},
    {HEAD "Content-Length: 0\r\n\r", FRAME_MORE, NULL},
    {HEAD "Content-Length: 0\r\n\r\n", FRAME_MESSAGE, ""},
    {HEAD "Content-Length: 0\r\n\r\nOPTIONS", FRAME_MESSAGE, "OPTIONS"},
    {HEAD "l:3\r\n\r\nabc", FRAME_MESSAGE, ""},
    {HEAD "L : 0003\r\n\r\nabcd", FRAME_MESSAGE, "d"},
    {HEAD "l:3\r\n\r\nab", FRAME_MORE, NULL},
    {HEAD "cOnTeNt-LeNgTh:\r\n\t2\r\n\r\nab", FRAME_MESSAGE, ""},
    {HEAD "X: y\r\n l: 7\r\nl: 0\r\n\r\n", FRAME_MESSAGE, ""},
    {HEAD "l:0\n\n", FRAME_MESSAGE, ""},
    {HEAD "l:0\r\n\n", FRAME_MESSAGE, ""},
    {HEAD "l:0\n\r\n", FRAME_MESSAGE, ""},
    {HEAD "l:0\r\r\n\r\n", FRAME_MESSAGE, ""},
    {HEAD "\r\n", FRAME_BAD, NULL},
    {HEAD "l:\r\n\r\n", FRAME_BAD, NULL},
    {HEAD "l: -1\r\n\r\n", FRAME_BAD, NULL},
    {HEAD "l: +1\r\n\r\n", FRAME_BAD, NULL},
    {HEAD "l: 0x\r\n\r\n", FRAME_BAD, NULL},
    {HEAD "l: 1 1\r\n\r\n", FRAME_BAD, NULL},
    {HEAD "l: 1\r\nContent-Length: 1\r\n\r\na", FRAME_BAD, NULL},
    {HEAD "Content-Length 1\r\n\r\na", FRAME_BAD, NULL},
    {HEAD "l: 4096\r\n\r\n", FRAME_TOOBIG, NULL},
    {HEAD "l: 18446744073709551615\r\n\r\n", FRAME_TOOBIG, NULL},
    {HEAD "l: 18446744073709551616\r\n\r\n", FRAME_TOOBIG, NULL},
    {"nonsense without an end", FRAME_MORE, NULL},
    {"a\n\n", FRAME_BAD, NULL},
};

static size_t expected_len(const struct row *r)
{
    return r->tail ? strlen(r->in) - strlen(r->tail) : 0;
}

static void at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct frame f;
        frame_init(&f);
        size_t len = 77;
        enum frame_verdict v = frame_step(&f, str_of(rows[i].in), MAX, &len);
        if (v != rows[i].verdict || len != expected_len(&rows[i]))
            fail_msg("row %zu \"%s\": %d, %zu", i, rows[i].in, (int)v, len);
    }
}

static void byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct frame f;
        frame_init(&f);
        struct str all = str_of(rows[i].in);
        enum frame_verdict v = FRAME_MORE;
        size_t len = 0, n = 0;
        while (v == FRAME_MORE && n <= all.n)
            v = frame_step(&f, (struct str){all.p, n++}, MAX, &len);
        assert_int_equal(v, rows[i].verdict);
        assert_int_equal(len, expected_len(&rows[i]));
    }
}

static void the_maximum_counts_the_head(void **state)
{
    (void)state;
    const struct str message = STR(HEAD "l: 10\r\n\r\n0123456789");
    struct str in = STR(HEAD "l: 10\r\n\r\n0123456789tail");
    for (size_t max = 0; max < 60; max++) {
        struct frame f;
        frame_init(&f);
        size_t len;
        enum frame_verdict v = frame_step(&f, in, max, &len);
        assert_int_equal(v, max < message.n ? FRAME_TOOBIG : FRAME_MESSAGE);
    }
}

/* Nanoseconds for a long header line that comes in steps of so many bytes. */
static double time_steps(struct str in, size_t step)
{
    struct timespec t0, t1;
    struct frame f;
    frame_init(&f);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t0);
    for (size_t n = step; n <= in.n; n += step) {
        size_t len;
        assert_int_equal(frame_step(&f, (struct str){in.p, n}, in.n + 1, &len), FRAME_MORE);
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t1);
    return (double)(t1.tv_sec - t0.tv_sec) * 1e9 + (double)(t1.tv_nsec - t0.tv_nsec);
}

static void single_bytes_cost_no_more_than_their_number(void **state)
{
    (void)state;
    static char bytes[1 << 20];
    memset(bytes, 'a', sizeof bytes);
    /* A scanner that begins anew at each byte would take minutes. */
    assert_true(time_steps((struct str){bytes, sizeof bytes}, 1) < 2e9);
    for (size_t i = 1; i < sizeof bytes; i += 2)
        bytes[i] = '\n';
    assert_true(time_steps((struct str){bytes, sizeof bytes}, 1) < 2e9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_once),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(the_maximum_counts_the_head),
        cmocka_unit_test(single_bytes_cost_no_more_than_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
