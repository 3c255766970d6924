/* The worst datagrams that the limits let through, and some that they do not, each read by every
 * parser of messages and values: none may take longer than reading 64 kB should. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/err.h"
#include "sip/build.h"
#include "sip/contact.h"
#include "sip/digest.h"
#include "sip/frame.h"
#include "sip/glue.h"
#include "sip/param.h"
#include "sip/peek.h"
#include "sip/uri.h"

enum { DATAGRAM_MAX = 65507, ROUNDS = 5, SEGMENT = 1400 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SLOW_BUILD 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SLOW_BUILD 1
#endif
#endif
#ifndef __OPTIMIZE__
#define IS_SLOW_BUILD 1
#endif
#ifdef IS_SLOW_BUILD
static const double limit_ms = 400;
#else
static const double limit_ms = 2;
#endif

static struct arena arena;
static const struct addr source = {.ip = {192, 0, 2, 9}, .port = 5099, .family = 4};

/* ---------------------------------------------------------------- the datagrams */

#define START  "INVITE sip:b@example.com SIP/2.0\r\n"
#define VIA    "Via: SIP/2.0/UDP h;branch=z9hG4bKa;rport\r\n"
#define FROM   "From: <sip:a@example.com>;tag=f\r\n"
#define TO     "To: <sip:b@example.com>\r\n"
#define ID     "Call-ID: c\r\n"
#define CSEQ   "CSeq: 7 INVITE\r\n"
#define HEAD   START VIA FROM TO ID CSEQ
#define BESIDE "\r\n" ID CSEQ "\r\n" /* behind a From, To or Via that fills the datagram */

/* As many lines as fit, each `name` with `n` times `piece` and then `tail`; between `head` and
 * `end`. */
struct shape {
    const char *title;
    const char *head, *name, *piece, *tail, *end;
    size_t n;       /* pieces in a line; 0: as many as fit */
    size_t n_lines; /* 0: as many as fit, within the limit */
    bool is_refused;
};

#define BLANKS50 "                                                  "

static const struct shape shapes[] = {
    {"header lines", HEAD, "X-Header", "v", "\r\n", "\r\n", 244, 249, false},
    {"commas", HEAD, "Supported", "a,", "a\r\n", "\r\n", 124, 0, false},
    {"commas, only", HEAD, "Require", ",", "\r\n", "\r\n", 256, 0, false},
    {"semicolons", HEAD, "Contact", ";", "\r\n", "\r\n", 256, 0, false},
    {"Via lines", HEAD, "Via", "SIP/2.0/UDP host.example.com;branch=z9hG4bK123456", "\r\n", "\r\n",
     1, 0, false},
    {"Via lists", HEAD, "v", "SIP/2.0/UDP h,", "SIP/2.0/UDP h\r\n", "\r\n", 256, 0, false},
    {"Via parameters", HEAD, "v", ";rport;received=::1", "\r\n", "\r\n", 1, 0, false},
    {"Via of received", START, "v", "SIP/2.0/UDP h;received=1;rport;branch=a;branch=b,",
     "SIP/2.0/UDP h\r\n", FROM TO ID CSEQ "\r\n", 60, 0, false},
    {"top Via's parameters", START, "v: SIP/2.0/UDP h", ";received=1", "\r\n",
     FROM TO ID CSEQ "\r\n", 256, 1, false},
    {"top Via's long value", START, "v: SIP/2.0/UDP h;x=\"", "\\\"", "\"\r\n",
     FROM TO ID CSEQ "\r\n", 0, 1, false},
    {"top Via's open string", START, "v: SIP/2.0/UDP h;x=\"", "\\\"", "\r\n",
     FROM TO ID CSEQ "\r\n", 0, 1, true},
    {"top Via's quotes", START, "v: SIP/2.0/UDP h;x=", "\"\"", "\r\n", FROM TO ID CSEQ "\r\n", 0, 1,
     true},
    {"contacts", HEAD, "m", "<sip:a>,", "<sip:a>\r\n", "\r\n", 256, 0, false},
    {"contacts with parameters", HEAD, "m", "<sip:a>;q=0.1;expires=1,", "<sip:a>\r\n", "\r\n", 128,
     0, false},
    {"contact's parameters", HEAD, "m", "<sip:a>;a;+sip.instance=\"<u>\";expires=1;q=0.1;reg-id=1,",
     "<sip:a>\r\n", "\r\n", 51, 0, false},
    {"displays open", HEAD, "m", "\"a\\\"<,", "\r\n", "\r\n", 256, 0, false},
    {"brackets open", HEAD, "Route", "<,", "\r\n", "\r\n", 256, 0, false},
    {"display names", HEAD, "Path: ", "a b \t c ", "<sip:a>\r\n", "\r\n", 0, 1, false},
    {"routes", HEAD, "Record-Route", "<sip:p.example.com;lr>,", "<sip:a>\r\n", "\r\n", 256, 0,
     false},
    {"display quoted", START VIA TO, "From: \"", "\\\\\\\"", "\" <sip:a@b>\r\n", ID CSEQ "\r\n", 0,
     1, false},
    {"folds", HEAD, "Subject:", "\r\n" BLANKS50 BLANKS50 BLANKS50 BLANKS50 BLANKS50 " x", "\r\n",
     "\r\n", 248, 1, false},
    {"folds of blanks", HEAD, "Via: SIP/2.0/UDP h\r\n\t;x", BLANKS50, "\r\n =a\r\n", "\r\n", 0, 1,
     false},
    {"folds of blanks at the end", HEAD, "X: y", " \t", "\r\n", "\r\n", 0, 1, false},
    {"blanks in a list", HEAD, "Contact: <sip:a@b>;q", "\t ", "\r\n", "\r\n", 0, 1, false},
    {"blanks in lists", HEAD, "Contact: <sip:a@b>", " ;q \t      =     0.1", "\r\n", "\r\n", 256, 0,
     false},
    {"folded lists", HEAD, "Contact:\r\n <sip:a@b>", ";a=b", "\r\n", "\r\n", 128, 120, false},
    {"escapes in To", START VIA FROM, "To: <sip:", "%41", "@h>\r\n", ID CSEQ "\r\n", 0, 1, false},
    {"URI's long parameters", START VIA FROM, "To: <sip:a@h", ";p%41=1", ">\r\n", ID CSEQ "\r\n",
     32, 1, false},
    {"URI's longest parameter", START VIA FROM, "To: <sip:a@h;p=", "%41", ">\r\n", ID CSEQ "\r\n",
     0, 1, false},
    {"URI's headers", START VIA FROM, "To: <sip:a@h?h=", "%41", "&i=1>\r\n", ID CSEQ "\r\n", 0, 1,
     false},
    {"number's separators", START VIA FROM, "To: <tel:+1", "-.()", ">\r\n", ID CSEQ "\r\n", 0, 1,
     false},
    {"host of labels", START VIA FROM, "To: <sip:a@", "a.", "b>\r\n", ID CSEQ "\r\n", 0, 1, false},
    {"zeros of a number", START VIA FROM TO ID, "CSeq: ", "0", "7 INVITE\r\n", "\r\n", 0, 1, false},
    {"long name", HEAD, "X", "x", ": y\r\n", "\r\n", 0, 1, false},
    {"long method", "", "M", "x", " sip:a SIP/2.0\r\n", VIA FROM TO ID CSEQ "\r\n", 0, 1, true},
    {"long Request-URI", "", "INVITE sip:a@h;x=", "%61", " SIP/2.0\r\n", VIA FROM TO ID CSEQ "\r\n",
     0, 1, false},
    {"Call-ID", START VIA FROM TO CSEQ, "i: ", "a@", "\r\n", "\r\n", 0, 1, false},
    {"credentials", HEAD, "Authorization", "a=b,", "c=d\r\n", "\r\n", 250, 0, false},
    {"credentials quoted", HEAD, "Authorization: Digest realm=\"r\",nonce=\"", "\\\"", "\"\r\n",
     "\r\n", 2000, 0, false},
    {"credentials known", HEAD, "Authorization: Digest realm=\"r\",nonce=\"n\"", ",x=\"\"", "\r\n",
     "\r\n", 250, 0, false},
    {"escaped NULs", HEAD, "X: \"", "\\\0", "\"\r\n", "\r\n", 0, 1, false},
    {"line ends", "", "", "\r\n", "", "", 0, 1, true},
    {"bare line ends", START, "", "a\n", "", "", 0, 1, true},
    {"names without value", START, "", "v:\n", "", "", 0, 1, true},
    {"names without colon", START, "", "via \n", "", "", 0, 1, true},
    {"folds without end", START, "v:", "\n ", "", "", 0, 1, true},
    {"quotes", START "v: ", "", "\"", "", "\r\n", 0, 1, true},
    {"quoted strings", START "v: ;a=", "", "\"a\";", "", "\r\n", 0, 1, true},
};

/* Two bytes where the piece holds an escaped NUL. */
static struct str piece_of(const struct shape *s)
{
    return strcmp(s->piece, "\\") == 0 ? (struct str){s->piece, 2} : str_of(s->piece);
}

static void add_line(struct buf *out, const struct shape *s, size_t n)
{
    struct str piece = piece_of(s);
    buf_add(out, str_of(s->name));
    if (s->n_lines != 1 && !strchr(s->name, ':'))
        buf_add(out, STR(": "));
    for (size_t i = 0; i < n; i++)
        buf_add(out, piece);
    buf_add(out, str_of(s->tail));
}

static struct str datagram(const struct shape *s)
{
    static char bytes[DATAGRAM_MAX];
    struct buf out = buf_over(bytes, sizeof bytes);
    size_t fixed = strlen(s->head) + strlen(s->end);
    size_t around = strlen(s->name) + 2 + strlen(s->tail), piece = piece_of(s).n;
    size_t n = s->n ? s->n : (sizeof bytes - fixed - around) / piece;
    size_t n_fit = (sizeof bytes - fixed) / (around + n * piece);
    size_t n_lines = s->n_lines ? s->n_lines : n_fit < 248 ? n_fit : 248;
    buf_add(&out, str_of(s->head));
    for (size_t i = 0; i < n_lines; i++)
        add_line(&out, s, n);
    buf_add(&out, str_of(s->end));
    BUG_ON(out.has_overflown);
    return buf_str(&out);
}

/* ---------------------------------------------------------------- what is measured */

/* What one round works on. */
struct subject {
    struct str bytes;
    struct peek peek;
    const struct msg *msg; /* NULL: the index refuses it */
};

static void do_frame(const struct subject *s)
{
    struct frame f;
    size_t n = 0, len;
    frame_init(&f);
    do {
        n = s->bytes.n - n < SEGMENT ? s->bytes.n : n + SEGMENT;
    } while (frame_step(&f, (struct str){s->bytes.p, n}, SIZE_MAX, &len) == FRAME_MORE &&
             n < s->bytes.n);
}

static void do_peek(const struct subject *s)
{
    struct peek p;
    (void)peek_parse(s->bytes, &p);
}

static void do_index(const struct subject *s)
{
    struct msg *m;
    struct msg_fault fault;
    (void)msg_index(&arena, s->bytes, &msg_limits_default, &m, &fault);
}

static void do_split(const struct subject *s)
{
    for (size_t i = 0; i < s->msg->n_lines; i++) {
        struct str element, rest = s->msg->lines[i].value;
        while (param_split(&rest, &element))
            ;
    }
    (void)msg_has_token(s->msg, HDR_SUPPORTED, STR("x"));
}

static void do_vias(const struct subject *s)
{
    static char text[2 * DATAGRAM_MAX];
    for (const struct msg_line *l = msg_first(s->msg, HDR_VIA); l; l = msg_next(s->msg, l)) {
        struct str rest = l->value;
        struct via v;
        struct addr to;
        while (via_next(&rest, &v) == 1) {
            struct buf out = buf_over(text, sizeof text);
            via_print_received(&v, &source, &out);
            (void)via_reply_addr(&v, &to);
        }
    }
}

static void do_addresses(const struct subject *s)
{
    static const uint8_t ids[] = {HDR_CONTACT, HDR_ROUTE, HDR_RECORD_ROUTE, HDR_PATH};
    for (size_t i = 0; i < sizeof ids; i++)
        for (const struct msg_line *l = msg_first(s->msg, ids[i]); l; l = msg_next(s->msg, l)) {
            struct str rest = l->value;
            struct contact c;
            while (contact_next(&rest, &c) == 1)
                ;
        }
}

static void do_uris(const struct subject *s)
{
    static char text[DATAGRAM_MAX];
    const struct str all[] = {s->msg->to.uri, s->msg->from.uri, s->msg->uri};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct buf out = buf_over(text, sizeof text);
        struct uri u;
        if (uri_parse(all[i], &u) == 0)
            (void)uri_to_aor(&u, false, &out);
    }
}

/* Parameters whose names differ at their ends only, in the other order in the other URI. */
static struct str hostile_uri(char *text, bool is_reversed)
{
    enum { NAME = 2040 };
    static const char ends[URI_PARTS_MAX + 1] = "0123456789abcdefghijklmnopqrstuv";
    struct buf out = buf_over(text, DATAGRAM_MAX);
    buf_add(&out, STR("sip:a@h"));
    for (int i = 0; i < URI_PARTS_MAX; i++) {
        buf_add_char(&out, ';');
        for (int k = 0; k < NAME; k++)
            buf_add_char(&out, 'p');
        buf_add_char(&out, ends[is_reversed ? URI_PARTS_MAX - 1 - i : i]);
    }
    BUG_ON(out.has_overflown);
    return buf_str(&out);
}

static void do_compare(const struct subject *s)
{
    static char text[2][DATAGRAM_MAX];
    static struct uri a, b;
    (void)s;
    if (str_is_none(a.text) && (uri_parse(hostile_uri(text[0], false), &a) != 0 ||
                                uri_parse(hostile_uri(text[1], true), &b) != 0))
        abort();
    (void)uri_is_equal(&a, &b);
}

static void do_digest(const struct subject *s)
{
    const struct msg_line *l = msg_first(s->msg, HDR_AUTHORIZATION);
    struct digest_credentials c;
    struct digest_challenge d;
    for (; l; l = msg_next(s->msg, l)) {
        (void)digest_parse_credentials(&arena, l->value, &c);
        (void)digest_parse_challenge(&arena, l->value, &d);
    }
}

static void do_forward(const struct subject *s)
{
    struct build b;
    struct str out;
    build_init(&b, &arena, s->msg);
    build_replace_via(&b, STR("SIP/2.0/UDP h"));
    build_add_first(&b, HDR_VIA, STR("SIP/2.0/UDP h"));
    build_remove_all(&b, HDR_CONTACT);
    build_remove_top(&b, HDR_ROUTE);
    build_remove_top(&b, HDR_SUPPORTED);
    (void)build_finish(&b, &out);
}

static void do_copy(const struct subject *s)
{
    (void)msg_copy(&arena, s->msg);
}

static void do_response(const struct subject *s)
{
    const struct build_reply reply = {.status = 400, .to_tag = STR("t")};
    struct str out;
    (void)build_response(&arena, s->msg, &source, &reply, &out);
}

static void do_refusal(const struct subject *s)
{
    const struct build_reply reply = {.status = 400, .to_tag = STR("t")};
    struct str out;
    (void)build_refusal(&arena, &s->peek, &source, &reply, &out);
}

static const struct {
    const char *title;
    void (*run)(const struct subject *s);
    bool needs_index;
} works[] = {
    {"frame in segments", do_frame, false},
    {"peek", do_peek, false},
    {"index", do_index, false},
    {"split all lists", do_split, true},
    {"all Vias, printed", do_vias, true},
    {"all contacts and routes", do_addresses, true},
    {"To, From, Request-URI", do_uris, true},
    {"compare two URIs", do_compare, true},
    {"all credentials", do_digest, true},
    {"copy", do_copy, true},
    {"forward", do_forward, true},
    {"response", do_response, true},
    {"refusal", do_refusal, false},
};

enum { N_WORKS = sizeof works / sizeof *works };

/* ---------------------------------------------------------------- measuring */

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double best_of(void (*run)(const struct subject *s), const struct subject *s)
{
    double best = 1e9;
    for (int i = 0; i < ROUNDS; i++) {
        double from = now_ms();
        run(s);
        double took = now_ms() - from;
        best = took < best ? took : best;
    }
    return best;
}

struct record {
    double ms;
    const char *title;
};

/* False: it took too long. */
static bool measure(const struct shape *shape, size_t work, const struct subject *s,
                    struct record *worst)
{
    double ms = best_of(works[work].run, s);
    if (ms > worst->ms)
        *worst = (struct record){ms, shape->title};
    if (ms <= limit_ms)
        return true;
    printf("failed: %s, %s: %.3f ms\n", works[work].title, shape->title, ms);
    return false;
}

/* The number of works that took too long; *n counts all. */
static unsigned run_shape(const struct shape *shape, struct record worst[N_WORKS], unsigned *n)
{
    unsigned n_failed = 0;
    struct subject s = {.bytes = datagram(shape)};
    struct msg *m = NULL;
    struct msg_fault fault;
    bool is_sip = peek_parse(s.bytes, &s.peek) == 0;
    arena_reset(&arena, SIZE_MAX);
    int err = msg_index(&arena, s.bytes, &msg_limits_default, &m, &fault);
    s.msg = m;
    if ((err != 0) != shape->is_refused) {
        printf("failed: %s, index: %d %s\n", shape->title, err, fault.text);
        n_failed++;
    }
    for (size_t i = 0; i < N_WORKS; i++) {
        if ((works[i].needs_index && !m) || (works[i].run == do_refusal && !is_sip))
            continue;
        ++*n;
        n_failed += !measure(shape, i, &s, &worst[i]);
    }
    return n_failed;
}

int main(void)
{
    struct record worst[N_WORKS] = {{0}};
    unsigned n = 0, n_failed = 0;
    glue_init();
    arena_init(&arena, (size_t)64 << 20);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        n_failed += run_shape(&shapes[i], worst, &n);
    for (size_t i = 0; i < N_WORKS; i++)
        printf("%-24s %7.3f ms  %s\n", works[i].title, worst[i].ms, worst[i].title);
    printf("%u passed, %u failed\n", n - n_failed, n_failed);
    arena_fini(&arena);
    return n_failed != 0;
}
