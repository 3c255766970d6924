#include "unit.h"

#include "sip/stun.h"

/* ---- RFC 5769, sections 2.1 to 2.4 */

#define ID              "\xb7\xe7\xa7\x01\xbc\x34\xd6\x86\xfa\x87\xdf\xae"
#define HEAD(type, len) type "\0" len "\x21\x12\xa4\x42" ID

static const char request[] =
    HEAD("\0\x01", "\x58") "\x80\x22\0\x10STUN test client"
                           "\0\x24\0\x04\x6e\0\x01\xff"
                           "\x80\x29\0\x08\x93\x2f\xf9\xb1\x51\x26\x3b\x36"
                           "\0\x06\0\x09\x65\x76\x74\x6a\x3a\x68\x36\x76\x59\x20\x20\x20"
                           "\0\x08\0\x14\x9a\xea\xa7\x0c\xbf\xd8\xcb\x56\x78\x1e\xf2\xb5\xb2\xd3"
                           "\xf2\x49\xc1\xb5\x71\xa2"
                           "\x80\x28\0\x04\xe5\x7a\x3b\xcf";

static const char response_v4[] =
    HEAD("\x01\x01", "\x3c") "\x80\x22\0\x0btest vector\x20"
                             "\0\x20\0\x08\0\x01\xa1\x47\xe1\x12\xa6\x43"
                             "\0\x08\0\x14\x2b\x91\xf5\x99\xfd\x9e\x90\xc3\x8c\x74\x89\xf9\x2a\xf9"
                             "\xba\x53\xf0\x6b\xe7\xd7"
                             "\x80\x28\0\x04\xc0\x7d\x4c\x96";

static const char response_v6[] =
    HEAD("\x01\x01", "\x48") "\x80\x22\0\x0btest vector\x20"
                             "\0\x20\0\x14\0\x02\xa1\x47\x01\x13\xa9\xfa\xa5\xd3\xf1\x79\xbc\x25"
                             "\xf4\xb5\xbe\xd2\xb9\xd9"
                             "\0\x08\0\x14\xa3\x82\x95\x4e\x4b\xe6\x7b\xf1\x17\x84\xc9\x7c\x82\x92"
                             "\xc2\x75\xbf\xe3\xed\x41"
                             "\x80\x28\0\x04\xc8\xfb\x0b\x4c";

static const char request_long_term[] =
    "\0\x01\0\x60\x21\x12\xa4\x42\x78\xad\x34\x33\xc6\xad\x72\xc0\x29\xda\x41\x2e"
    "\0\x06\0\x12\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9\0\0"
    "\0\x15\0\x1c\x66\x2f\x2f\x34\x39\x39\x6b\x39\x35\x34\x64\x36\x4f\x4c\x33\x34\x6f\x4c\x39\x46"
    "\x53\x54\x76\x79\x36\x34\x73\x41"
    "\0\x14\0\x0b\x65\x78\x61\x6d\x70\x6c\x65\x2e\x6f\x72\x67\0"
    "\0\x08\0\x14\xf6\x70\x24\x65\x6d\xd6\x4a\x3e\x02\xb8\xe0\x71\x2e\x85\xc9\xa2\x8c\xa8\x96\x66";

#define BYTES(literal) ((struct str){literal, sizeof literal - 1})

static struct addr device(const char *text)
{
    struct addr a = {0};
    assert_int_equal(addr_parse(str_of(text), 0, &a), 0);
    return a;
}

static void the_rfc_s_own(void **state)
{
    (void)state;
    struct stun_request r;
    assert_true(stun_is(BYTES(request)));
    assert_int_equal(stun_parse(BYTES(request), &r), STUN_BINDING);
    assert_true(r.has_fingerprint);
    assert_memory_equal(r.id, ID, sizeof r.id);
    assert_int_equal(r.n_unknown, 1); /* PRIORITY, of ICE */
    assert_int_equal(r.unknown[0], 0x0024);
    assert_int_equal(stun_parse(BYTES(response_v4), &r), STUN_OTHER);
    assert_true(r.has_fingerprint);
    assert_int_equal(stun_parse(BYTES(response_v6), &r), STUN_OTHER);
    assert_true(r.has_fingerprint);
    assert_int_equal(stun_parse(BYTES(request_long_term), &r), STUN_BINDING);
    assert_false(r.has_fingerprint);
    assert_int_equal(r.n_unknown, 0);
}

/* Of the vectors the header, but for its length, and XOR-MAPPED-ADDRESS are what we say, too. */
static void answers_have_the_address_of_the_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        struct str vector;
        size_t mapped_len;
    } rows[] = {
        {"192.0.2.1:32853", BYTES(response_v4), 12},
        {"[2001:db8:1234:5678:11:2233:4455:6677]:32853", BYTES(response_v6), 24},
    };
    enum { MAPPED_AT = STUN_HEADER + 16 }; /* behind SOFTWARE */
    for (size_t i = 0; i < 2; i++) {
        struct stun_request r = {0}, again;
        char out[STUN_ANSWER_MAX];
        const struct addr source = device(rows[i].source);
        memcpy(r.id, ID, sizeof r.id);
        size_t n = stun_answer(&r, &source, out);
        assert_int_equal(n, STUN_HEADER + rows[i].mapped_len);
        assert_memory_equal(out, rows[i].vector.p, 2);
        assert_memory_equal(out + 4, rows[i].vector.p + 4, STUN_HEADER - 4);
        assert_memory_equal(out + STUN_HEADER, rows[i].vector.p + MAPPED_AT, rows[i].mapped_len);
        assert_int_equal(stun_parse((struct str){out, n}, &again), STUN_OTHER);
        assert_false(again.has_fingerprint);
        r.has_fingerprint = true;
        n = stun_answer(&r, &source, out);
        assert_int_equal(n, STUN_HEADER + rows[i].mapped_len + 8);
        assert_int_equal(stun_parse((struct str){out, n}, &again), STUN_OTHER);
        assert_true(again.has_fingerprint);
    }
}

static void what_must_be_understood_and_is_not_is_refused(void **state)
{
    (void)state;
    struct stun_request r;
    char out[STUN_ANSWER_MAX];
    const struct addr source = device("192.0.2.1:1");
    assert_int_equal(stun_parse(BYTES(request), &r), STUN_BINDING);
    size_t n = stun_answer(&r, &source, out);
    static const char expected[] = HEAD("\x01\x11", "\x18") "\0\x09\0\x04\0\0\x04\x14"
                                                            "\0\x0a\0\x02\0\x24\0\0";
    assert_int_equal(n, sizeof expected - 1 + 8);
    assert_memory_equal(out, expected, sizeof expected - 1);
    assert_int_equal(stun_parse((struct str){out, n}, &r), STUN_OTHER);
    assert_true(r.has_fingerprint);
    /* more than can be named */
    static const char many[] =
        HEAD("\0\x01", "\x18") "\0\x40\0\0\0\x41\0\0\0\x42\0\0\0\x43\0\0\0\x44\0\0\0\x45\0\0";
    assert_int_equal(stun_parse(BYTES(many), &r), STUN_BINDING);
    assert_int_equal(r.n_unknown, STUN_UNKNOWN_MAX);
    r.has_fingerprint = true;
    assert_true(stun_answer(&r, &source, out) <= STUN_ANSWER_MAX);
}

#define PLAIN HEAD("\0\x01", "\0")

static void what_is_broken_is_known(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        bool is_stun;
        enum stun_verdict verdict;
    } rows[] = {
        {BYTES(PLAIN), true, STUN_BINDING},
        {BYTES(HEAD("\0\x11", "\0")), true, STUN_OTHER},    /* an indication */
        {BYTES(HEAD("\x01\x11", "\0")), true, STUN_OTHER},  /* an error */
        {BYTES(HEAD("\0\x03", "\0")), true, STUN_OTHER},    /* TURN: Allocate */
        {BYTES(HEAD("\x40\x01", "\0")), false, STUN_OTHER}, /* TURN: a channel */
        {{PLAIN, STUN_HEADER - 1}, false, STUN_OTHER},
        {BYTES("\0\x01\0\0\x21\x12\xa4\x43" ID), false, STUN_OTHER}, /* RFC 3489 */
        {BYTES("OPTIONS sip:a@b SIP/2.0\r\n\r\n"), false, STUN_OTHER},
        {BYTES("\r\n\r\n!\x12\xa4\x42 sip:a@b SIP/2.0\r\n\r\n"), true, STUN_BROKEN},
        {BYTES(HEAD("\0\x01", "\x04")), true, STUN_BROKEN},
        {BYTES(PLAIN "\0\0\0\0"), true, STUN_BROKEN},
        {BYTES(HEAD("\0\x01", "\x02") "\0\0"), true, STUN_BROKEN},
        {BYTES(HEAD("\0\x01", "\x04") "\x80\x22\0\x01"), true, STUN_BROKEN},
        {BYTES(HEAD("\0\x01", "\x08") "\x80\x22\xff\xff"
                                      "abcd"),
         true, STUN_BROKEN},
        {BYTES(HEAD("\0\x01", "\x08") "\x80\x22\0\x01"
                                      "abcd"),
         true, STUN_BINDING},
        {BYTES(HEAD("\0\x01", "\x08") "\x80\x28\0\x04"
                                      "abcd"),
         true, STUN_BROKEN}, /* a wrong fingerprint */
        {BYTES(HEAD("\0\x01", "\x04") "\x80\x28\0\0"), true, STUN_BROKEN},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stun_request r;
        if (stun_is(rows[i].bytes) != rows[i].is_stun)
            fail_msg("row %zu", i);
        if (rows[i].is_stun && stun_parse(rows[i].bytes, &r) != rows[i].verdict)
            fail_msg("row %zu: another verdict", i);
    }
}

static void no_changed_bit_passes_the_fingerprint(void **state)
{
    (void)state;
    char bytes[sizeof request];
    struct stun_request r;
    for (size_t i = 0; i < 8 * (sizeof request - 1); i++) {
        memcpy(bytes, request, sizeof request);
        bytes[i / 8] = (char)(bytes[i / 8] ^ 1 << i % 8);
        const struct str s = {bytes, sizeof request - 1};
        bool is_taken = stun_is(s) && stun_parse(s, &r) == STUN_BINDING && r.has_fingerprint;
        if (is_taken)
            fail_msg("bit %zu", i);
    }
}

static void too_long_is_broken(void **state)
{
    (void)state;
    static char bytes[STUN_MAX + 8];
    struct stun_request r;
    memcpy(bytes, PLAIN, STUN_HEADER);
    for (size_t n = STUN_MAX; n <= STUN_MAX + 4; n += 4) {
        size_t body = n - STUN_HEADER;
        bytes[2] = (char)(body >> 8);
        bytes[3] = (char)body;
        memcpy(bytes + STUN_HEADER, "\x80\x22", 2);
        bytes[STUN_HEADER + 2] = (char)((body - 4) >> 8);
        bytes[STUN_HEADER + 3] = (char)(body - 4);
        assert_int_equal(stun_parse((struct str){bytes, n}, &r),
                         n == STUN_MAX ? STUN_BINDING : STUN_BROKEN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfc_s_own),
        cmocka_unit_test(answers_have_the_address_of_the_vectors),
        cmocka_unit_test(what_must_be_understood_and_is_not_is_refused),
        cmocka_unit_test(what_is_broken_is_known),
        cmocka_unit_test(no_changed_bit_passes_the_fingerprint),
        cmocka_unit_test(too_long_is_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
