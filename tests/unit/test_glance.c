#include "unit.h"

#include <stdlib.h>

#include "base/arena.h"
#include "mutate.h"
#include "sip/build.h"
#include "sip/glance.h"
#include "sip/msg.h"

static const char plain[] =
    "REGISTER sip:example.test SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 192.168.17.20:5060;branch=z9hG4bK-1;rport\r\n"
    "Max-Forwards: 70\r\n"
    "From: \"A > B\" <sip:u1@example.test>;tag=f1\r\n"
    "To: <sip:u1@example.test>\r\n"
    "Call-ID: c1@192.168.17.20\r\n"
    "CSeq: 17 REGISTER\r\n"
    "Contact: <sip:u1@192.168.17.20:5060>;+sip.instance=\"<urn:uuid:1>\";expires=600\r\n"
    "Expires: 600\r\n"
    "Content-Length: 0\r\n\r\n";

static void the_places_and_lines_are_found(void **state)
{
    struct glance g;
    (void)state;
    assert_true(glance_parse((struct str){plain, sizeof plain - 1}, &g));
    assert_str(g.via.branch, "z9hG4bK-1");
    assert_str(g.via.rport, ";rport");
    assert_str(g.via.text, "SIP/2.0/UDP 192.168.17.20:5060;branch=z9hG4bK-1;rport");
    assert_str(g.from_tag, "f1");
    assert_str(g.number, "17");
    assert_int_equal(g.cseq, 17);
    assert_str(g.to, "To: <sip:u1@example.test>");
    assert_str(g.from, "From: \"A > B\" <sip:u1@example.test>;tag=f1\r\n");
    assert_str(g.call_id, "c1@192.168.17.20");
    assert_str(g.cseq_line, "CSeq: 17 REGISTER\r\n");
    assert_str(g.contact, "<sip:u1@192.168.17.20:5060>;+sip.instance=\"<urn:uuid:1>\"");
}

/* The message with one text in place of another. */
static bool is_plain_with(const char *old, const char *with)
{
    char text[2048];
    struct glance g;
    const char *at = strstr(plain, old);
    assert_non_null(at);
    int n =
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - plain), plain, with, at + strlen(old));
    assert_true(n > 0 && (size_t)n < sizeof text);
    return glance_parse((struct str){text, (size_t)n}, &g);
}

static void what_is_not_plain_is_not_understood(void **state)
{
    static const char *const rows[][2] = {
        {";rport", ""},
        {";rport", ";rport=5"},
        {"branch=z9hG4bK-1", "branch=z9hG4bK 1"},
        {"branch=z9hG4bK-1", "branch=\"z9hG4bK\""},
        {"branch=z9hG4bK-1", "branch=z9hG4bK-1,SIP/2.0/UDP x"},
        {"branch=z9hG4bK-1", "branch="},
        {"branch=z9hG4bK-1", "Branch=z9hG4bK-1"},
        {"tag=f1", "tag=\"f1\""},
        {"tag=f1", "tag="},
        {">;tag=f1", ">;x=1;tag=f1"},
        {">;tag=f1", "> ;tag=f1"},
        {"CSeq: 17 ", "CSeq: 17  "},
        {"CSeq: 17 ", "CSeq: 2147483648 "},
        {"CSeq: 17 ", "CSeq: 00000000017 "},
        {"CSeq: 17 ", "CSeq:  17 "},
        {"CSeq: 17 REGISTER", "CSeq: 17 INVITE"},
        {"CSeq: 17 REGISTER\r\n", ""},
        {"Call-ID: ", "i: "},
        {"Call-ID: c1@192.168.17.20\r\n", "Call-ID: \r\n"},
        {"Contact: <sip:u1@192.168.17.20:5060>", "Contact: sip:u1@192.168.17.20:5060"},
        {"Contact: <", "Contact: \"A\" <"},
        {"Contact: <", "Contact: *\r\nContact: <"},
        {"To: <", "To: <sip:other@example.test>\r\nTo: <"},
        {"Max-Forwards: 70\r\n", "Max-Forwards: 70\n"},
        {"Max-Forwards: 70\r\n", "Max-Forwards:\r\n 70\r\n"},
        {"Max-Forwards: 70\r\n", "\r\nMax-Forwards: 70\r\n"},
        {"Max-Forwards: 70\r\n", "Via: SIP/2.0/UDP x;branch=z9hG4bK-2;rport\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (is_plain_with(rows[i][0], rows[i][1]))
            fail_msg("row %zu: %s", i, rows[i][1]);
    assert_true(is_plain_with("Max-Forwards: 70", "X-Other: 70"));
    assert_true(is_plain_with("branch=z9hG4bK-1", "branch=z9hG4bK-2.3"));
}

/* One byte that no token has, at each place of a token of each length. */
static void no_other_byte_passes_for_a_token(void **state)
{
    static const char head[] = "REGISTER sip:x SIP/2.0\r\n"
                               "Via: SIP/2.0/UDP x;branch=z9hG4bK1;rport\r\n"
                               "From: <sip:u@x>;tag=";
    static const char rest[] = "\r\nTo: <sip:u@x>\r\nCall-ID: c\r\nCSeq: 17 REGISTER\r\n"
                               "Contact: <sip:u@y>\r\nContent-Length: 0\r\n\r\n";
    static const char others[] = "\0\1\t\r\n \"(),/:<=>?@[\\]{}\x7f\x80\xff";
    char text[512];
    struct glance g;
    (void)state;
    memcpy(text, head, sizeof head - 1);
    char *tag = text + sizeof head - 1;
    for (size_t n = 1; n <= 70; n++) {
        size_t all = sizeof head - 1 + n + sizeof rest - 1;
        memset(tag, 'a', n);
        memcpy(tag + n, rest, sizeof rest - 1);
        assert_true(glance_parse((struct str){text, all}, &g));
        for (size_t i = 0; i < n * (sizeof others - 1); i++) {
            tag[i % n] = others[i / n];
            if (glance_parse((struct str){text, all}, &g))
                fail_msg("byte %u at %zu of %zu", (unsigned char)tag[i % n], i % n, n);
            tag[i % n] = 'a';
        }
    }
}

/* ---------------------------------------------------------------- beside the real reading */

static uint64_t seed = 20260131;

static struct arena arena;

static bool is_at(struct str a, struct str b)
{
    return a.p == b.p && a.n == b.n;
}

/* NULL: the glance does not show what the message has. */
static struct msg *read_both(struct str bytes, struct glance *g)
{
    struct msg *m;
    struct msg_fault fault;
    if (!glance_parse(bytes, g) || msg_index(&arena, bytes, &msg_limits_default, &m, &fault))
        return NULL;
    bool is_right = is_at(g->via.branch, m->via.branch) && is_at(g->from_tag, m->from_tag) &&
                    is_at(g->call_id, m->call_id) && g->cseq == m->cseq && is_at(m->bytes, bytes);
    return is_right ? m : NULL;
}

static struct str token(void)
{
    static const char chars[] = "abcXYZ0123456789-.!%*_+`'~";
    size_t n = 1 + mutate_random(&seed) % 40;
    char *p = arena_alloc(&arena, n);
    for (size_t i = 0; i < n; i++)
        p[i] = chars[mutate_random(&seed) % (sizeof chars - 1)];
    return (struct str){p, n};
}

static struct str number(void)
{
    struct buf b = buf_in(&arena, 16);
    buf_add_u64(&b, mutate_random(&seed) % INT32_MAX);
    return buf_str(&b);
}

/* The message as the same phone would send it next. */
static struct str next_of(struct str bytes, const struct glance *g)
{
    struct buf b = buf_in(&arena, bytes.n + 256);
    buf_add(&b, str_span(bytes.p, g->via.branch.p));
    buf_add(&b, token());
    buf_add(&b, str_span(str_end(g->via.branch), g->from_tag.p));
    buf_add(&b, token());
    buf_add(&b, str_span(str_end(g->from_tag), g->number.p));
    buf_add(&b, number());
    buf_add(&b, str_span(str_end(g->number), str_end(bytes)));
    return buf_str(&b);
}

static void same_lines(const struct msg *a, const struct msg *b)
{
    assert_int_equal(a->n_lines, b->n_lines);
    for (size_t i = 0; i < a->n_lines; i++) {
        enum hdr_id id = a->lines[i].id;
        assert_int_equal(id, b->lines[i].id);
        if (id != HDR_VIA && id != HDR_FROM && id != HDR_CSEQ)
            assert_true(str_eq(a->lines[i].raw, b->lines[i].raw));
    }
    assert_true(str_eq(a->body, b->body) && str_eq(a->uri, b->uri));
    assert_true(str_eq(a->from.uri, b->from.uri) && str_eq(a->via.host, b->via.host));
    assert_true(str_eq(a->to_tag, b->to_tag) && a->via.port == b->via.port);
}

static bool check(struct str bytes)
{
    struct glance g, g2;
    struct msg *m = read_both(bytes, &g);
    if (!m)
        return false;
    struct str next = next_of(bytes, &g);
    struct msg *m2 = read_both(next, &g2);
    assert_non_null(m2);
    same_lines(m, m2);
    assert_true(str_eq(g.contact, g2.contact) && str_eq(g.to, g2.to));
    return true;
}

/* What stands in the three places changes nothing else, whatever the rest is. */
static void other_tokens_change_nothing_else(void **state)
{
    size_t n = 0;
    (void)state;
    arena_init(&arena, 1 << 22);
    for (int i = 0; i < 100000; i++) {
        struct str bytes = mutate((struct str){plain, sizeof plain - 1}, &seed);
        n += check(bytes);
        free((char *)(uintptr_t)bytes.p);
        arena_reset(&arena, 1 << 16);
    }
    assert_true(n > 5000);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_places_and_lines_are_found),
        cmocka_unit_test(what_is_not_plain_is_not_understood),
        cmocka_unit_test(no_other_byte_passes_for_a_token),
        cmocka_unit_test(other_tokens_change_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
