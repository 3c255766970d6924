/* What looks at many characters at once must see what a look at each of them sees. */
#include "unit.h"

#include <arpa/inet.h>

#include "base/addr.h"
#include "mutate.h"
#include "sip/lex.h"
#include "sip/line.h"

enum { ROUNDS = 60000, LEN_MAX = 70 };

static char *copy_of(const char *p, size_t n)
{
    char *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, p, n);
    return copy;
}

/* Mostly of one kind, so that there are long runs; in a heap block of just its size. */
static struct str random_text(uint64_t *seed)
{
    static const char plain[] = "abcxyzABCXYZ0189-.";
    char text[LEN_MAX];
    size_t n = mutate_random(seed) % LEN_MAX;
    for (size_t i = 0; i < n; i++) {
        uint32_t r = mutate_random(seed);
        text[i] = r % 16 ? plain[(r >> 4) % (sizeof plain - 1)] : mutate_byte(seed);
    }
    return (struct str){copy_of(text, n), n};
}

static size_t naive_run(struct str s, unsigned classes, bool is_in)
{
    size_t n = 0;
    while (n < s.n && lex_is(s.p[n], classes) == is_in)
        n++;
    return n;
}

static void runs_end_where_they_end(void **state)
{
    (void)state;
    static const struct {
        unsigned classes;
        bool is_in;
    } runs[] = {
        {LEX_TOKEN, true},
        {LEX_HOST, true},
        {LEX_VALUE, true},
        {LEX_USER, true},
        {LEX_SCHEME, true},
        {LEX_PASSWORD, true},
        {LEX_PARAM, true},
        {LEX_HEADER, true},
        {LEX_URIC, true},
        {LEX_BARE, true},
        {LEX_VISUAL, true},
        {LEX_TOKEN | LEX_SPACE, true},
        {LEX_BREAK, false},
        {LEX_QUOTE, false},
        {LEX_LIST, false},
        {LEX_BLIND, false},
        {LEX_SPACE, false},
        {LEX_PHONE, true},
        {LEX_BREAK | LEX_LIST, false},
    };
    uint64_t seed = 0x5eed0101;
    for (size_t i = 0; i < ROUNDS; i++) {
        struct str s = random_text(&seed);
        for (size_t k = 0; k < sizeof runs / sizeof *runs; k++) {
            const char *end = lex_run(s.p, str_end(s), runs[k].classes, runs[k].is_in);
            assert_int_equal(end - s.p, naive_run(s, runs[k].classes, runs[k].is_in));
        }
        free((char *)(uintptr_t)s.p);
    }
}

/* Each character alone, at each place of a block. */
static void each_character_has_its_classes(void **state)
{
    (void)state;
    static const unsigned outside[] = {LEX_BREAK, LEX_QUOTE, LEX_LIST, LEX_BLIND};
    for (int c = 0; c < 256; c++) {
        for (size_t at = 0; at < 33; at++) {
            char text[33];
            memset(text, 'a', sizeof text);
            text[at] = (char)c;
            const struct str s = {text, sizeof text};
            assert_int_equal(lex_run(text, str_end(s), LEX_TOKEN, true) - text,
                             naive_run(s, LEX_TOKEN, true));
            for (size_t k = 0; k < 4; k++)
                assert_int_equal(lex_run(text, str_end(s), outside[k], false) - text,
                                 naive_run(s, outside[k], false));
        }
    }
}

static void assert_same_line(const char *p, const char *end)
{
    struct msg_line quick = {0}, general = {0};
    const char *next = line_read(p, end, &quick);
    assert_ptr_equal(next, line_read_unclean(p, end, &general));
    if (!next)
        return;
    assert_int_equal(quick.id, general.id);
    assert_int_equal(quick.n_ends, general.n_ends);
    assert_int_equal(quick.has_bare_lf, general.has_bare_lf);
    assert_ptr_equal(quick.name.p, general.name.p);
    assert_int_equal(quick.name.n, general.name.n);
    assert_ptr_equal(quick.value.p, general.value.p);
    assert_int_equal(quick.value.n, general.value.n);
    assert_ptr_equal(quick.raw.p, general.raw.p);
    assert_int_equal(quick.raw.n, general.raw.n);
    for (size_t i = 0; quick.is_clean && i < quick.raw.n - 2; i++)
        assert_true((unsigned char)quick.raw.p[i] > '\r');
}

static void a_line_is_read_as_in_general(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-1;rport\r\nTo: a\r\n\r\n",
        "call-id:abc@192.0.2.7\r\nCSeq: 1 REGISTER\r\n\r\n",
        "P-Asserted-Identity : <sip:a@b>\r\n\r\n",
        "Subject: first\r\n second\r\nv: SIP/2.0/TCP a\r\n\r\n",
        "Content-Length:\t \r\n\r\nbody: x\r\n",
        "X-Something-Longer-Than-That: y \r\n\r\n",
        "To: a\nFrom: b\r\n\r\n",
    };
    uint64_t seed = 0x5eed0102;
    for (size_t i = 0; i < ROUNDS; i++) {
        struct str s = mutate(str_of(lines[i % (sizeof lines / sizeof *lines)]), &seed);
        struct msg_line l;
        for (const char *p = s.p; p; p = line_read(p, str_end(s), &l))
            assert_same_line(p, str_end(s));
        free((char *)(uintptr_t)s.p);
    }
}

static void every_name_is_known_in_any_case(void **state)
{
    (void)state;
    char text[64];
    for (int id = HDR_OTHER + 1; id < HDR_MAX; id++) {
        struct str name = hdr_name((enum hdr_id)id);
        for (int is_upper = 0; is_upper < 2; is_upper++) {
            struct buf out = buf_over(text, sizeof text);
            buf_add(&out, name);
            for (size_t i = 0; i < name.n; i++)
                text[i] = is_upper && ascii_is_alpha(text[i]) ? (char)(text[i] & ~0x20) : text[i];
            buf_add(&out, STR(": a long enough value\r\n\r\n"));
            struct msg_line l;
            assert_non_null(line_read(text, text + out.len, &l));
            assert_int_equal(l.id, id);
            text[0] ^= 3; /* another letter */
            assert_non_null(line_read(text, text + out.len, &l));
            assert_int_not_equal(l.id, id);
        }
    }
}

static void addresses_are_read_as_by_inet_pton(void **state)
{
    (void)state;
    static const char *const texts[] = {"192.168.17.20", "0.0.0.0", "255.255.255.255", "10.1.02.3"};
    uint64_t seed = 0x5eed0103;
    for (size_t i = 0; i < ROUNDS; i++) {
        struct str s = mutate(str_of(texts[i % 4]), &seed);
        char text[64] = "";
        struct addr a = {0};
        struct in_addr in;
        if (s.n >= sizeof text || str_find(s, '\0') || str_find(s, ':') || str_find(s, '[')) {
            free((char *)(uintptr_t)s.p);
            continue;
        }
        memcpy(text, s.p, s.n);
        bool is_one = inet_pton(AF_INET, text, &in) == 1;
        assert_int_equal(addr_parse_host(s, &a) == 0, is_one);
        if (is_one) {
            char again[ADDR_TEXT];
            struct buf out = buf_over(again, sizeof again);
            assert_memory_equal(a.ip, &in, 4);
            addr_print_bare(&a, &out);
            assert_true(str_eq(buf_str(&out), s));
        }
        free((char *)(uintptr_t)s.p);
    }
}

static void letters_become_lower(void **state)
{
    (void)state;
    uint64_t seed = 0x5eed0104;
    for (size_t i = 0; i < ROUNDS; i++) {
        struct str s = random_text(&seed);
        char *lower = copy_of(s.p, s.n);
        str_lower(lower, s.n);
        for (size_t k = 0; k < s.n; k++)
            assert_int_equal(lower[k], ascii_lower(s.p[k]));
        free(lower);
        free((char *)(uintptr_t)s.p);
    }
    for (int c = 0; c < 256; c++) {
        char text[8];
        memset(text, c, sizeof text);
        str_lower(text, sizeof text);
        for (size_t k = 0; k < sizeof text; k++)
            assert_int_equal(text[k], ascii_lower((char)c));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_end_where_they_end),
        cmocka_unit_test(each_character_has_its_classes),
        cmocka_unit_test(a_line_is_read_as_in_general),
        cmocka_unit_test(every_name_is_known_in_any_case),
        cmocka_unit_test(addresses_are_read_as_by_inet_pton),
        cmocka_unit_test(letters_become_lower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
