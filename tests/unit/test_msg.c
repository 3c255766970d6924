#include "unit.h"

#include <time.h>

#include "base/arena.h"
#include "base/err.h"
#include "mutate.h"
#include "sip/msg.h"
#include "sip/peek.h"

#define VIA    "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKabc;rport\r\n"
#define FROM   "From: \"A, \\\"B\\\"\" <sip:a@example.com>;tag=f1\r\n"
#define TO     "To: <sip:b@example.com>\r\n"
#define ID     "Call-ID: call@192.0.2.1\r\n"
#define CSEQ   "CSeq: 7 INVITE\r\n"
#define START  "INVITE sip:b@example.com SIP/2.0\r\n"
#define FIELDS VIA FROM TO ID CSEQ

static struct arena arena;

static int open_arena(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static struct msg *index_of(struct str bytes)
{
    struct msg *m = NULL;
    struct msg_fault fault;
    if (msg_index(&arena, bytes, &msg_limits_default, &m, &fault) != 0)
        fail_msg("%.*s: %s", STR_FMT(bytes), fault.text);
    return m;
}

static void a_request(void **state)
{
    (void)state;
    struct str bytes = STR("\r\n" START FIELDS "Max-Forwards: 0070\r\n"
                           "Via: SIP/2.0/TCP [2001:db8::1];branch=z9hG4bKdef\r\n"
                           "X-Own : y\r\nl: 4\r\n\r\nbodytail");
    const struct msg *m = index_of(bytes);
    assert_true(m->is_request);
    assert_int_equal(m->method, METHOD_INVITE);
    assert_str(m->method_name, "INVITE");
    assert_str(m->uri, "sip:b@example.com");
    assert_int_equal(m->n_lines, 9);
    assert_str(m->body, "body");
    assert_ptr_equal(m->bytes.p, bytes.p + 2);
    assert_ptr_equal(str_end(m->bytes), str_end(m->body));
    assert_memory_equal(m->end_of_headers, "\r\n\r\nbody" + 2, 6);
    assert_str(m->via.branch, "z9hG4bKabc");
    assert_true(m->via.has_rport);
    assert_str(m->from.uri, "sip:a@example.com");
    assert_str(m->from_tag, "f1");
    assert_true(str_is_none(m->to_tag));
    assert_str(m->call_id, "call@192.0.2.1");
    assert_int_equal(m->cseq, 7);
    assert_int_equal(m->max_forwards, 70);

    const struct msg_line *via = msg_first(m, HDR_VIA);
    assert_str(via->raw, VIA);
    via = msg_next(m, via);
    assert_str(via->value, "SIP/2.0/TCP [2001:db8::1];branch=z9hG4bKdef");
    assert_null(msg_next(m, via));
    assert_null(msg_first(m, HDR_CONTACT));
    assert_true(str_is_none(msg_value(m, HDR_CONTACT)));
    assert_str(msg_find(m, STR("x-OWN"))->value, "y");
    assert_null(msg_find(m, STR("X-Other")));
}

static void a_response(void **state)
{
    (void)state;
    const struct msg *m = index_of(STR("SIP/2.0 200 = 2**3 \xd0\xbd\xd0\xbe\r\n" VIA FROM
                                       "t: <sip:b@example.com>;tag=t1\r\n" ID
                                       "CSeq: 2147483647 NEWMETHOD\r\n\r\nall of this"));
    assert_false(m->is_request);
    assert_int_equal(m->status, 200);
    assert_str(m->reason, "= 2**3 \xd0\xbd\xd0\xbe");
    assert_int_equal(m->method, METHOD_OTHER);
    assert_str(m->method_name, "NEWMETHOD");
    assert_int_equal(m->cseq, INT32_MAX);
    assert_int_equal(m->max_forwards, -1);
    assert_str(m->to_tag, "t1");
    assert_str(m->body, "all of this");
    m = index_of(STR("SIP/2.0 100 \r\n" FIELDS "\r\n"));
    assert_int_equal(m->reason.n, 0);
    m = index_of(STR("SIP/2.0 100\r\n" FIELDS "\r\n"));
    assert_int_equal(m->status, 100);
    assert_int_equal(m->method, METHOD_INVITE);
}

static void folds_become_one_space(void **state)
{
    (void)state;
    const struct msg *m =
        index_of(STR(START "v :\r\n SIP / 2.0\r\n\t/UDP\r\n  h \r\n ;branch=z9hG4bKa  , \r\n"
                           "  SIP/2.0/UDP i\r\n" FROM TO "i:\r\n  x@y\r\n"
                           "cseq: 0009 \t\r\n\t \r\n\tINVITE\r\nSubject:\r\n \r\n\r\n"));
    assert_str(msg_value(m, HDR_VIA), "SIP / 2.0 /UDP h ;branch=z9hG4bKa  , SIP/2.0/UDP i");
    assert_str(m->via.branch, "z9hG4bKa");
    assert_str(m->call_id, "x@y");
    assert_int_equal(m->cseq, 9);
    assert_str(msg_value(m, HDR_CSEQ), "0009 INVITE");
    assert_str(msg_first(m, HDR_CSEQ)->raw, "cseq: 0009 \t\r\n\t \r\n\tINVITE\r\n");
    assert_int_equal(msg_find(m, STR("subject"))->value.n, 0);
}

#define WITH(field)    START FIELDS field "\r\n\r\n"
#define LINE(line)     line "\r\n" FIELDS "\r\n"
#define CSEQ_IS(value) START VIA FROM TO ID "CSeq: " value "\r\n\r\n"
#define TO_IS(value)   START VIA FROM "To: " value "\r\n" ID CSEQ "\r\n"

static const struct {
    struct str bytes;
    unsigned status; /* 0: taken */
    const char *text;
} rows[] = {
    {STR(WITH("X: y")), 0, ""},
    {STR(""), 400, "Bad Start Line"},
    {STR("\r\n\r\n"), 400, "Bad Start Line"},
    {STR(START), 400, "Missing End Of Header Fields"},
    {STR(START "\r\n"), 400, "Missing Via"},
    {STR(START FIELDS), 400, "Missing End Of Header Fields"},
    {STR(START FIELDS "\n"), 400, "Missing End Of Header Fields"},
    {STR(START FIELDS "X: y\r\n\r"), 400, "Missing End Of Header Fields"},

    {STR(LINE("INVITE sip:b@example.com sip/2.0")), 0, ""},
    {STR(LINE("INVITE sip:b@example.com SIP/7.0")), 505, "Version Not Supported"},
    {STR(LINE("INVITE sip:b@example.com SIP/2.00")), 505, "Version Not Supported"},
    {STR(LINE("INVITE sip:b@example.com HTTP/1.1")), 400, "Bad Start Line"},
    {STR(LINE("INVITE sip:b@example.com SIP/2.0 ")), 400, "Bad Start Line"},
    {STR(LINE("INVITE SIP/2.0")), 400, "Bad Start Line"},
    {STR(LINE("INVITE")), 400, "Bad Start Line"},
    {STR(LINE("INVITE  SIP/2.0")), 400, "Bad Request-URI"},
    {STR(LINE("INVITE  sip:b@example.com  SIP/2.0")), 400, "Bad Request-URI"},
    {STR(LINE("INVITE sip:b@example.com; lr SIP/2.0")), 400, "Bad Request-URI"},
    {STR(LINE("INVITE <sip:b@example.com> SIP/2.0")), 400, "Bad Request-URI"},
    {STR(LINE("INVITE sip:b\t@example.com SIP/2.0")), 400, "Bad Request-URI"},
    {STR(LINE("INVITE sip:b\0@example.com SIP/2.0")), 400, "Bad Request-URI"},
    {STR(LINE("INV(TE sip:b@example.com SIP/2.0")), 400, "Bad Method"},
    {STR(LINE("INVITE\r sip:b@example.com SIP/2.0")), 400, "Bad Method"},
    {STR("INVITE sip:b@example.com SIP/2.0\n" FIELDS "\r\n"), 400, "Bad Start Line"},
    {STR(LINE("SIP/2.0 699 Last")), 0, ""},
    {STR(LINE("SIP/2.0 700 Beyond")), 400, "Bad Start Line"},
    {STR(LINE("SIP/2.0 099 Below")), 400, "Bad Start Line"},
    {STR(LINE("SIP/2.0 4294967301 Big")), 400, "Bad Start Line"},
    {STR(LINE("SIP/2.0 20")), 400, "Bad Start Line"},
    {STR(LINE("SIP/2.0")), 400, "Bad Start Line"},
    {STR(LINE("SIP/3.0 200 OK")), 505, "Version Not Supported"},
    {STR(LINE("SIP/2.0 200 O\0K")), 400, "Bad Start Line"},
    {STR(LINE("SIP/2.0 200 O\rK")), 400, "Bad Line End"},

    {STR(START FROM TO ID CSEQ "\r\n"), 400, "Missing Via"},
    {STR(START VIA TO ID CSEQ "\r\n"), 400, "Missing From"},
    {STR(START VIA FROM ID CSEQ "\r\n"), 400, "Missing To"},
    {STR(START VIA FROM TO CSEQ "\r\n"), 400, "Missing Call-ID"},
    {STR(START VIA FROM TO ID "\r\n"), 400, "Missing CSeq"},
    {STR(START FIELDS "t: <sip:c@d>\r\n\r\n"), 400, "Duplicate To"},
    {STR(START FIELDS FROM "\r\n"), 400, "Duplicate From"},
    {STR(START FIELDS ID "\r\n"), 400, "Duplicate Call-ID"},
    {STR(START FIELDS CSEQ "\r\n"), 400, "Duplicate CSeq"},
    {STR(WITH("Max-Forwards: 7\r\nmax-forwards: 7")), 400, "Duplicate Max-Forwards"},
    {STR(WITH("l: 0\r\nContent-Length: 0")), 400, "Duplicate Content-Length"},
    {STR(WITH("c: a/b\r\nc: a/b")), 400, "Duplicate Content-Type"},
    {STR(START FIELDS VIA "\r\n"), 0, ""},

    {STR(CSEQ_IS("0 INVITE")), 0, ""},
    {STR(CSEQ_IS("2147483648 INVITE")), 400, "Bad CSeq"},
    {STR(CSEQ_IS("36893488147419103232 INVITE")), 400, "Bad CSeq"},
    {STR(CSEQ_IS("INVITE")), 400, "Bad CSeq"},
    {STR(CSEQ_IS("1")), 400, "Bad CSeq"},
    {STR(CSEQ_IS("-1 INVITE")), 400, "Bad CSeq"},
    {STR(CSEQ_IS("1INVITE")), 400, "Bad CSeq"},
    {STR(CSEQ_IS("")), 400, "Bad CSeq"},
    {STR(CSEQ_IS("1 INVITE x")), 400, "CSeq Method Mismatch"},
    {STR(CSEQ_IS("1 invite")), 400, "CSeq Method Mismatch"},
    {STR("SIP/2.0 200 OK\r\n" VIA FROM TO ID "CSeq: 1 A B\r\n\r\n"), 400, "Bad CSeq"},

    {STR(WITH("Max-Forwards: 0")), 0, ""},
    {STR(WITH("Max-Forwards: 255")), 0, ""},
    {STR(WITH("Max-Forwards: 256")), 400, "Bad Max-Forwards"},
    {STR(WITH("Max-Forwards: ")), 400, "Bad Max-Forwards"},
    {STR(WITH("Max-Forwards: 7x")), 400, "Bad Max-Forwards"},
    {STR(WITH("Content-Length: 1")), 400, "Content-Length Beyond The End"},
    {STR(WITH("Content-Length: 18446744073709551617")), 400, "Content-Length Beyond The End"},
    {STR(WITH("Content-Length: -9")), 400, "Bad Content-Length"},
    {STR(WITH("Content-Length: 0x")), 400, "Bad Content-Length"},
    {STR(WITH("Content-Length:")), 400, "Bad Content-Length"},

    {STR(TO_IS("sip:b@example.com;user=phone")), 0, ""},
    {STR(TO_IS("caller<sip:b@example.com>")), 0, ""},
    {STR(TO_IS("*")), 400, "Bad To"},
    {STR(TO_IS("")), 400, "Bad To"},
    {STR(TO_IS("<sip:b@example.com>, <sip:c@example.com>")), 400, "Bad To"},
    {STR(TO_IS("\"Mr. B <sip:b@example.com>")), 400, "Bad To"},
    {STR(START VIA "From: <sip:a@example.com>\r\n" TO ID CSEQ "\r\n"), 0, ""},
    {STR(START VIA "From: Bell, A <sip:a@example.com>\r\n" TO ID CSEQ "\r\n"), 400, "Bad From"},
    {STR(START "Via: SIP/2.0/UDP h;;,;,,\r\n" FROM TO ID CSEQ "\r\n"), 400, "Bad Via"},
    {STR(START "Via:\r\n" VIA FROM TO ID CSEQ "\r\n"), 400, "Bad Via"},
    {STR(START "Via: SIP/7.0/UDP h\r\n" FROM TO ID CSEQ "\r\n"), 400, "Bad Via"},
    {STR(START VIA FROM TO "Call-ID:\r\n" CSEQ "\r\n"), 400, "Bad Call-ID"},
    {STR(START VIA FROM TO "Call-ID: a b\r\n" CSEQ "\r\n"), 400, "Bad Call-ID"},
    {STR(START VIA FROM TO "Call-ID: a\x01\r\n" CSEQ "\r\n"), 400, "Bad Call-ID"},
    {STR(START VIA FROM TO "Call-ID: a\x7f\r\n" CSEQ "\r\n"), 400, "Bad Call-ID"},
    {STR(START VIA FROM TO "Call-ID: \xc3\xa4\r\n" CSEQ "\r\n"), 400, "Bad Call-ID"},

    {STR(WITH("no colon")), 400, "Bad Header Field"},
    {STR(WITH(": no name")), 400, "Bad Header Field"},
    {STR(WITH("Two Words: x")), 400, "Bad Header Field"},
    {STR(START " X: y\r\n" FIELDS "\r\n"), 400, "Bad Header Field"},
    {STR(WITH("X\0: y")), 400, "Bad Header Field"},
    {STR(WITH("X: \0")), 400, "Bad Header Field"},
    {STR(WITH("X: \\\0")), 400, "Bad Header Field"},
    {STR(WITH("X: \"\0\"")), 400, "Bad Header Field"},
    {STR(WITH("X: \"\\\\\0\"")), 400, "Bad Header Field"},
    {STR(WITH("X: \"a\" \\\0\"")), 400, "Bad Header Field"},
    {STR(WITH("X: \"\\\0\"")), 0, ""},
    {STR(TO_IS("\"BEL:\\\x07 NUL:\\\0 DEL:\\\x7f\" <sip:b@example.com>")), 0, ""},
    {STR(WITH("X: a\rb")), 400, "Bad Line End"},
    {STR(WITH("X: a\r")), 400, "Bad Line End"},
    {STR(WITH("X: a\nY: b")), 400, "Bad Line End"},
    {STR(WITH("X: a\n b")), 400, "Bad Line End"},
    {STR(START "\n" FIELDS "\r\n"), 400, "Missing End Of Header Fields"},
    {STR(WITH(";;,,;;=,;: x")), 400, "Bad Header Field"},
    {STR(WITH("Weird: ;;,,;;,;")), 0, ""},
    {STR("!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/"
         "crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0\r\n" VIA FROM
             TO ID "CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~\r\n\r\n"),
     0, ""},
};

static void verdicts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct msg *m = NULL;
        struct msg_fault fault;
        int err = msg_index(&arena, rows[i].bytes, &msg_limits_default, &m, &fault);
        if (err != (rows[i].status ? ERR_PARSE : 0) || fault.status != rows[i].status ||
            strcmp(fault.text, rows[i].text) != 0)
            fail_msg("row %zu\n%.*s\n%d: %u %s", i, STR_FMT(rows[i].bytes), err, fault.status,
                     fault.text);
        assert_int_equal(!m, err != 0);
    }
}

static void the_limits_are_exact(void **state)
{
    (void)state;
    const struct str bytes = STR(START FIELDS "S: a,b,c;d,e\r\n f;g\r\n\r\n");
    const uint32_t n = (uint32_t)bytes.n;
    const struct {
        struct msg_limits limits;
        int err;
        unsigned status;
    } cases[] = {
        {{n, 7, 4}, 0, 0},
        {{n - 1, 7, 4}, ERR_TOOBIG, 513},
        {{n, 6, 4}, ERR_PARSE, 400},
        {{n, 7, 2}, ERR_PARSE, 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct msg *m;
        struct msg_fault fault;
        assert_int_equal(msg_index(&arena, bytes, &cases[i].limits, &m, &fault), cases[i].err);
        assert_int_equal(fault.status, cases[i].status);
    }
}

static void tokens_in_lists(void **state)
{
    (void)state;
    const struct msg *m =
        index_of(STR(WITH("k: path , Outbound\r\nX: gruu\r\nSupported: a,100rel")));
    assert_true(msg_has_token(m, HDR_SUPPORTED, STR("outbound")));
    assert_true(msg_has_token(m, HDR_SUPPORTED, STR("PATH")));
    assert_true(msg_has_token(m, HDR_SUPPORTED, STR("100rel")));
    assert_false(msg_has_token(m, HDR_SUPPORTED, STR("gruu")));
    assert_false(msg_has_token(m, HDR_SUPPORTED, STR("100")));
    assert_false(msg_has_token(m, HDR_REQUIRE, STR("path")));
    const struct str tokens[] = {STR("gruu"), STR("path"), STR("Outbound"), STR("100")};
    assert_int_equal(msg_tokens(m, HDR_SUPPORTED, tokens, 4), 2 | 4);
    assert_int_equal(msg_tokens(m, HDR_REQUIRE, tokens, 4), 0);
}

static void methods_in_a_list(void **state)
{
    (void)state;
    const struct msg *m =
        index_of(STR(WITH("Allow: INVITE,ACK , HELP\r\nX: BYE\r\nAllow: MESSAGE, message")));
    assert_int_equal(msg_methods(m, HDR_ALLOW),
                     1 << METHOD_INVITE | 1 << METHOD_ACK | 1 << METHOD_MESSAGE);
    assert_int_equal(msg_methods(m, HDR_SUPPORTED), 0);
}

static const struct str folded =
    STR(START "Via:\r\n SIP/2.0/UDP h;branch=z9hG4bKa\r\n" FROM TO ID CSEQ "l: 2\r\n\r\nab");

static void a_copy_stands_alone(void **state)
{
    (void)state;
    struct arena other;
    arena_init(&other, 1 << 16);
    char bytes[512];
    memcpy(bytes, folded.p, folded.n);
    const struct msg *copy = msg_copy(&other, index_of((struct str){bytes, folded.n}));
    memset(bytes, 'x', sizeof bytes);
    assert_non_null(copy);
    arena_reset(&arena, 0);
    assert_true(str_eq(copy->bytes, folded));
    assert_str(copy->via.branch, "z9hG4bKa");
    assert_str(copy->body, "ab");
    arena_fini(&other);
}

/* Every limit of the arena up to what is needed: refused for memory, or taken. */
static void a_small_arena_refuses(void **state)
{
    (void)state;
    char bytes[8192];
    size_t n = 0;
    for (int i = 0; i < 200; i++)
        n += (size_t)snprintf(bytes + n, sizeof bytes - n, "X-%d: a\r\n\tb\r\n", i);
    static char whole[9000];
    int len = snprintf(whole, sizeof whole, "%s%.*s\r\n", START FIELDS, (int)n, bytes);
    const struct msg_limits wide = {UINT32_MAX, UINT16_MAX, UINT16_MAX};
    int n_refused = 0, err = ERR_NOMEM;
    for (size_t limit = 0; err; limit += 512, n_refused++) {
        struct arena small;
        struct msg *m = NULL;
        struct msg_fault fault;
        arena_init(&small, limit);
        err = msg_index(&small, (struct str){whole, (size_t)len}, &wide, &m, &fault);
        assert_true(err == 0 || err == ERR_NOMEM);
        assert_int_equal(!m, err != 0);
        if (m && !msg_copy(&small, m))
            err = ERR_NOMEM;
        arena_fini(&small);
    }
    assert_true(n_refused > 50);
}

static void index_and_copy(void *arg)
{
    (void)arg;
    struct arena a;
    struct msg *m;
    struct msg_fault fault;
    arena_init(&a, 1 << 20);
    if (msg_index(&a, folded, &msg_limits_default, &m, &fault) == 0 && arena_alloc(&a, 4096))
        msg_copy(&a, m);
    arena_fini(&a);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_true(oom_sweep(index_and_copy, NULL) >= 3);
}

static void check_slices(const struct msg *m)
{
    const char *at = m->lines[0].raw.p;
    for (size_t i = 0; i < m->n_lines; i++) {
        assert_ptr_equal(m->lines[i].raw.p, at);
        at = str_end(m->lines[i].raw);
        assert_true(mutate_is_inside(m->lines[i].name, m->lines[i].raw));
        assert_null(str_find(m->lines[i].value, '\n'));
    }
    assert_ptr_equal(at, m->end_of_headers);
    assert_ptr_equal(m->body.p, at + 2);
}

static void mutated_messages(void **state)
{
    (void)state;
    const struct str samples[] = {
        folded,
        STR(START FIELDS "Max-Forwards: 70\r\nContact: <sip:a@192.0.2.1;transport=tcp>;"
                         "+sip.instance=\"<urn:uuid:1>\";reg-id=1\r\nk: path,\r\n gruu\r\n\r\n"),
        STR("SIP/2.0 180 Ringing\r\n" FIELDS "Record-Route: <sip:p;lr>, <sip:q;lr>\r\nl:0\r\n\r\n"),
        STR(TO_IS("\"BEL:\\\x07 NUL:\\\0\" <sip:b@example.com>")),
    };
    uint64_t random = 4475;
    int n_taken = 0;
    for (int i = 0; i < 8000; i++) {
        struct str bytes = mutate(samples[i % 4], &random);
        struct msg *m = NULL;
        struct msg_fault fault;
        struct peek p;
        int err = msg_index(&arena, bytes, &msg_limits_default, &m, &fault);
        assert_true(err == 0 || (err == ERR_PARSE && fault.status && *fault.text));
        int peek_err = peek_parse(bytes, &p);
        if (!err) {
            n_taken++;
            check_slices(m);
            assert_int_equal(peek_err, 0);
            assert_true(str_is_none(p.branch) == str_is_none(m->via.branch));
            assert_non_null(msg_copy(&arena, m));
        }
        arena_reset(&arena, 1 << 16);
        free((void *)(uintptr_t)bytes.p);
    }
    assert_true(n_taken > 1000 && n_taken < 7900);
}

/* The greatest datagram of one sort: a head, then a piece again and again. */
static struct str flood(const char *head, const char *piece, const char *tail)
{
    static char bytes[65507];
    size_t n_head = strlen(head), n_piece = strlen(piece), n_tail = strlen(tail);
    memcpy(bytes, head, n_head);
    size_t n = n_head;
    for (; n + n_piece + n_tail <= sizeof bytes; n += n_piece)
        memcpy(bytes + n, piece, n_piece);
    memcpy(bytes + n, tail, n_tail);
    return (struct str){bytes, n + n_tail};
}

static void no_datagram_is_slow(void **state)
{
    (void)state;
    static const char *const floods[][3] = {
        {START FIELDS, "a:\r\n", "\r\n"},
        {START FIELDS, "x\r\n", "\r\n"},
        {START FIELDS "X: y", "\r\n ", "\r\n\r\n"},
        {START "X: y", "\r\n ", "\r\n" FIELDS "\r\n"},
        {START FIELDS "k: a", ",a", "\r\n\r\n"},
        {START FIELDS, "k: a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a\r\n", "\r\n"},
        {START "Via: SIP/2.0/UDP h", ";a", "\r\n" FROM TO ID CSEQ "\r\n"},
        {START "Via: SIP/2.0/UDP h;x=\"", "\\\"", "\"\r\n" FROM TO ID CSEQ "\r\n"},
        {START VIA "From: <sip:a@b>", ";a", "\r\n" TO ID CSEQ "\r\n"},
        {START VIA "From: \"", "\\\"", "\" <sip:a@b>;tag=x\r\n" TO ID CSEQ "\r\n"},
        {START VIA "From: ", "a ", "<sip:a@b>;tag=x\r\n" TO ID CSEQ "\r\n"},
        {START VIA "From: <sip:", "a", "@b>;tag=x\r\n" TO ID CSEQ "\r\n"},
        {START FIELDS "X: \"", "\\\0", "\"\r\n\r\n"},
        {START VIA FROM TO CSEQ "Call-ID: ", "a", "\r\n\r\n"},
        {START VIA FROM TO ID "CSeq: ", "0", "1 INVITE\r\n\r\n"},
        {"INVITE sip:", "a", " SIP/2.0\r\n" FIELDS "\r\n"},
        {"INVITE sip:", " ", " SIP/2.0\r\n" FIELDS "\r\n"},
        {"\r\n", "\r\n", START FIELDS "\r\n"},
        {START, "a", ": x\r\n" FIELDS "\r\n"},
        {START FIELDS, VIA, "\r\n"},
    };
    for (size_t i = 0; i < sizeof floods / sizeof *floods; i++) {
        struct str bytes = flood(floods[i][0], floods[i][1], floods[i][2]);
        struct timespec t0, t1;
        struct msg *m;
        struct msg_fault fault;
        struct peek p;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t0);
        peek_parse(bytes, &p);
        msg_index(&arena, bytes, &msg_limits_default, &m, &fault);
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t1);
        double ms = (double)(t1.tv_sec - t0.tv_sec) * 1e3 + (double)(t1.tv_nsec - t0.tv_nsec) / 1e6;
        if (ms > 20)
            fail_msg("flood %zu takes %.1f ms", i, ms);
        arena_reset(&arena, 0);
    }
}

/* Wherever it stands: room for lines is made in steps. */
static void a_duplicate_is_found_on_each_line(void **state)
{
    static const char head[] = START FIELDS, filler[] = "X: y\r\n", end[] = FROM "\r\n";
    char text[4096];
    struct msg *m;
    (void)state;
    memcpy(text, head, sizeof head - 1);
    for (size_t n = sizeof head - 1; n + sizeof filler + sizeof end < 1600;
         n += sizeof filler - 1) {
        struct msg_fault fault;
        memcpy(text + n, end, sizeof end - 1);
        int err = msg_index(&arena, (struct str){text, n + sizeof end - 1}, &msg_limits_default, &m,
                            &fault);
        if (err != ERR_PARSE || strcmp(fault.text, "Duplicate From") != 0)
            fail_msg("%zu bytes: %d", n, err);
        memcpy(text + n, filler, sizeof filler - 1);
        arena_reset(&arena, 1 << 16);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request),
        cmocka_unit_test(a_response),
        cmocka_unit_test(folds_become_one_space),
        cmocka_unit_test(verdicts),
        cmocka_unit_test(a_duplicate_is_found_on_each_line),
        cmocka_unit_test(the_limits_are_exact),
        cmocka_unit_test(tokens_in_lists),
        cmocka_unit_test(methods_in_a_list),
        cmocka_unit_test(a_copy_stands_alone),
        cmocka_unit_test(a_small_arena_refuses),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(mutated_messages),
        cmocka_unit_test(no_datagram_is_slow),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
