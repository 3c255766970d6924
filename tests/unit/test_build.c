#include "unit.h"

#include <time.h>

#include "base/arena.h"
#include "base/err.h"
#include "mutate.h"
#include "sip/build.h"

#define START "INVITE sip:b@example.com SIP/2.0\r\n"
#define VIA   "Via: SIP/2.0/UDP h;branch=z9hG4bKa;rport\r\n"
#define FROM  "From: <sip:a@example.com>;tag=f\r\n"
#define TO    "To: <sip:b@example.com>\r\n"
#define ID    "Call-ID: c\r\n"
#define CSEQ  "CSeq: 7 INVITE\r\n"

static struct arena arena;
static const struct addr source = {.ip = {192, 0, 2, 9}, .port = 5099, .family = 4};

static int open_arena(void **state)
{
    (void)state;
    arena_init(&arena, 8 << 20);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static int empty_arena(void **state)
{
    (void)state;
    arena_reset(&arena, 0);
    return 0;
}

static const struct msg *index_of(struct str bytes)
{
    struct msg *m = NULL;
    struct msg_fault fault;
    if (msg_index(&arena, bytes, &msg_limits_default, &m, &fault) != 0)
        fail_msg("%.*s: %s", STR_FMT(bytes), fault.text);
    return m;
}

static struct build begin(struct str bytes)
{
    struct build b;
    build_init(&b, &arena, index_of(bytes));
    return b;
}

static struct str finish(struct build *b)
{
    struct str out = STR_NONE;
    assert_int_equal(build_finish(b, &out), 0);
    return out;
}

static void nothing_edited_is_nothing_changed(void **state)
{
    (void)state;
    struct str bytes = STR(START "vIA :SIP/2.0/UDP  h\r\n ;branch=x\r\n" FROM TO ID CSEQ
                                 "X: \r\n  y \r\nl: 3\r\n\r\na\0b");
    struct build b = begin(bytes);
    assert_true(str_eq(finish(&b), bytes));
}

static void a_request_on_its_way(void **state)
{
    (void)state;
    struct build b = begin(
        STR(START VIA "Max-Forwards:\r\n 70\r\nRoute: <sip:us;lr> , <sip:next>\r\n" FROM TO ID CSEQ
                      "X-Own: y\r\n\r\nbody"));
    build_replace(&b, msg_value(b.msg, HDR_MAX_FORWARDS), STR("69"));
    build_add_first(&b, HDR_VIA, STR("ours"));
    build_replace_via(&b, STR("theirs"));
    build_replace(&b, b.msg->uri, STR("sip:c@d"));
    build_remove_top(&b, HDR_ROUTE);
    build_add_first(&b, HDR_RECORD_ROUTE, STR("<sip:one>"));
    build_add_first(&b, HDR_RECORD_ROUTE, STR("<sip:two>"));
    build_add_last(&b, STR("Content-Length"), STR("4"));
    assert_str(finish(&b),
               "INVITE sip:c@d SIP/2.0\r\nVia: ours\r\nVia: theirs\r\nMax-Forwards:\r\n 69\r\n"
               "Route: <sip:next>\r\n" FROM TO ID CSEQ
               "X-Own: y\r\nRecord-Route: <sip:one>\r\nRecord-Route: <sip:two>\r\n"
               "Content-Length: 4\r\n\r\nbody");
}

static void insertions_come_in_their_order_and_before_replacements(void **state)
{
    (void)state;
    struct build b = begin(STR(START VIA FROM TO ID CSEQ "\r\n"));
    const struct msg_line *to = msg_first(b.msg, HDR_TO);
    build_replace(&b, (struct str){to->value.p, 1}, STR("["));
    build_replace(&b, (struct str){to->value.p, 0}, STR("1"));
    build_replace(&b, (struct str){to->value.p + 1, 0}, STR("|"));
    build_replace(&b, (struct str){to->value.p, 0}, STR("2"));
    build_remove_all(&b, HDR_FROM);
    build_add_first(&b, HDR_FROM, STR("x"));
    build_replace(&b, b.msg->body, STR("the body"));
    assert_str(finish(&b),
               START VIA "From: x\r\nTo: 12[|sip:b@example.com>\r\n" ID CSEQ "\r\nthe body");
}

static void tops_of_lists(void **state)
{
    (void)state;
    static const struct {
        struct str before, after;
    } rows[] = {
        {STR("Route: <sip:a,b>;x=\",\" , <sip:c>\r\n"), STR("Route: <sip:c>\r\n")},
        {STR("Route: <sip:a>\r\nRoute: <sip:b>\r\n"), STR("Route: <sip:b>\r\n")},
        {STR("Route: <sip:a>,\r\nRoute: <sip:b>\r\n"), STR("Route: <sip:b>\r\n")},
        {STR("rOUTE :<sip:a>,<sip:b>,<sip:c>\r\n"), STR("rOUTE :<sip:b>,<sip:c>\r\n")},
        {STR("Route: <sip:a>,\r\n <sip:b>\r\n ,<sip:c>\r\n"), STR("Route: <sip:b> ,<sip:c>\r\n")},
        {STR("Route:\r\n <sip:a>\r\nX: y\r\n"), STR("X: y\r\n")},
        {STR("Route:\r\n <sip:a>\r\n ;lr\r\nX: y\r\n"), STR("X: y\r\n")},
        {STR("Route:\r\nX: y\r\n"), STR("X: y\r\n")},
        {STR("X: y\r\n"), STR("X: y\r\n")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char before[400], after[400];
        int n = snprintf(before, sizeof before, "%s%.*s\r\nbody", START VIA FROM TO ID CSEQ,
                         STR_FMT(rows[i].before));
        snprintf(after, sizeof after, "%s%.*s\r\nbody", START VIA FROM TO ID CSEQ,
                 STR_FMT(rows[i].after));
        struct build b = begin((struct str){before, (size_t)n});
        build_remove_top(&b, HDR_ROUTE);
        struct str out = finish(&b);
        if (!str_eq(out, str_of(after)))
            fail_msg("row %zu: %.*s", i, STR_FMT(out));
    }
}

static void edits_in_a_folded_value(void **state)
{
    (void)state;
    struct build b = begin(STR(START "Via: SIP/2.0/UDP\r\n h;branch=a,\r\n SIP/2.0/UDP i\r\n" FROM
                                     "To:\r\n <sip:b@example.com>\r\n ;x\r\n" ID CSEQ "\r\n"));
    const struct msg *m = b.msg;
    build_replace(&b, m->to.params, STR(";y"));
    build_replace_via(&b, STR("theirs"));
    build_replace(&b, (struct str){m->to.text.p, 0}, STR("first "));
    build_replace(&b, m->to.uri, STR("sip:c"));
    build_add_first(&b, HDR_VIA, STR("ours"));
    assert_str(finish(&b), START "Via: ours\r\nVia: theirs, SIP/2.0/UDP i\r\n" FROM
                                 "To:\r\n first <sip:c> ;y\r\n" ID CSEQ "\r\n");
}

static void every_line_of_a_header_goes(void **state)
{
    (void)state;
    struct build b = begin(
        STR(START VIA "k: a\r\n" FROM TO "Supported:\r\n b\r\nsupported: c\r\n" ID CSEQ "\r\n"));
    build_remove_all(&b, HDR_SUPPORTED);
    build_remove_all(&b, HDR_REQUIRE);
    assert_str(finish(&b), START VIA FROM TO ID CSEQ "\r\n");
}

/* ---------------------------------------------------------------- random edits */

enum { EDITS_MAX = 12, TEXT_MAX = 2048 };

struct cut {
    size_t at, n;
    char with[8];
};

/* The plainest model: the edits applied from behind to a text that is moved each time. */
static size_t model(char *text, size_t len, const struct cut *cuts, int n_cuts)
{
    for (int i = n_cuts - 1; i >= 0; i--) {
        size_t with_len = strlen(cuts[i].with), tail = cuts[i].at + cuts[i].n;
        memmove(text + cuts[i].at + with_len, text + tail, len - tail);
        memcpy(text + cuts[i].at, cuts[i].with, with_len);
        len = len + with_len - cuts[i].n;
    }
    return len;
}

/* Cuts in order, apart from each other by at least a byte. */
static int make_cuts(struct cut *cuts, size_t len, uint64_t *random)
{
    int n = 0;
    for (size_t at = mutate_random(random) % 40; at < len && n < EDITS_MAX; n++) {
        size_t cut_len = mutate_random(random) % 20;
        cut_len = cut_len > len - at ? len - at : cut_len;
        cuts[n] = (struct cut){.at = at, .n = cut_len};
        snprintf(cuts[n].with, sizeof cuts[n].with, "%.*s", (int)(mutate_random(random) % 8),
                 "0123456");
        at += cut_len + 1 + mutate_random(random) % 60;
    }
    return n;
}

static void random_edits_match_the_model(void **state)
{
    (void)state;
    const struct str bytes =
        STR(START VIA "v: SIP/2.0/TCP i\r\n" FROM TO ID CSEQ "X-Unknown:\t kept  as\r\n  it is\r\n"
                      "Supported: a , b,c\r\nl: 8\r\n\r\n\0\r\n\r\nxyz");
    const struct msg *m = index_of(bytes);
    uint64_t random = 3261;
    for (int round = 0; round < 3000; round++) {
        struct cut cuts[EDITS_MAX];
        int n = make_cuts(cuts, bytes.n, &random), order[EDITS_MAX];
        struct arena a;
        arena_init(&a, 1 << 20);
        struct build b;
        build_init(&b, &a, m);
        for (int i = 0; i < n; i++) { /* in any order: a shuffle */
            int j = (int)(mutate_random(&random) % (uint32_t)(i + 1));
            order[i] = order[j];
            order[j] = i;
        }
        for (int i = 0; i < n; i++) {
            const struct cut *c = &cuts[order[i]];
            build_replace(&b, (struct str){m->bytes.p + c->at, c->n}, str_of(c->with));
        }
        char expected[TEXT_MAX];
        memcpy(expected, bytes.p, bytes.n);
        size_t len = model(expected, bytes.n, cuts, n);
        struct str out;
        assert_int_equal(build_finish(&b, &out), 0);
        assert_int_equal(out.n, len);
        assert_memory_equal(out.p, expected, len);
        arena_fini(&a);
    }
}

/* ---------------------------------------------------------------- responses */

static struct str respond(struct str request, const struct build_reply *r)
{
    struct str out = STR_NONE;
    assert_int_equal(build_response(&arena, index_of(request), &source, r, &out), 0);
    return out;
}

static void a_response(void **state)
{
    (void)state;
    const struct build_reply reply = {.status = 200,
                                      .to_tag = STR("t"),
                                      .headers = STR("Contact: <sip:x>\r\nContent-Type: a/b\r\n"),
                                      .body = STR("ab\0")};
    assert_str(respond(STR(START VIA "X: y\r\nRecord-Route: <sip:p>\r\n" FROM
                                     "t:<sip:b@c> \r\nv: SIP/2.0/TCP i , "
                                     "SIP/2.0/UDP j\r\nTimestamp: 5\r\n" ID CSEQ "\r\nbody"),
                       &reply),
               "SIP/2.0 200 OK\r\n"
               "Via: SIP/2.0/UDP h;branch=z9hG4bKa;rport=5099;received=192.0.2.9\r\n"
               "v: SIP/2.0/TCP i , SIP/2.0/UDP j\r\n" FROM "t:<sip:b@c>;tag=t\r\n" ID CSEQ
               "Contact: <sip:x>\r\nContent-Type: a/b\r\nContent-Length: 3\r\n\r\nab\0");
}

static void tags_and_timestamps(void **state)
{
    (void)state;
#define REQUEST(to) STR(START VIA FROM "To: <sip:b@c>" to "\r\n" ID CSEQ "timestamp: 5\r\n\r\n")
#define ANSWER(line, to, more)                                                                     \
    "SIP/2.0 " line                                                                                \
    "\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa;rport=5099;received=192.0.2.9\r\n" FROM                \
    "To: <sip:b@c>" to "\r\n" ID CSEQ more "Content-Length: 0\r\n\r\n"
    struct build_reply r = {.status = 100, .to_tag = STR("t")};
    assert_str(respond(REQUEST(""), &r), ANSWER("100 Trying", "", "timestamp: 5\r\n"));
    r.status = 499;
    assert_str(respond(REQUEST(""), &r), ANSWER("499 Unknown", ";tag=t", ""));
    r.reason = STR("Own Words");
    assert_str(respond(REQUEST(";tag=their"), &r), ANSWER("499 Own Words", ";tag=their", ""));
    r.to_tag = STR_NONE;
    assert_str(respond(REQUEST(""), &r), ANSWER("499 Own Words", "", ""));
}

static void a_folded_top_via(void **state)
{
    (void)state;
    const struct build_reply r = {.status = 404, .to_tag = STR("t")};
    assert_str(respond(STR(START "v:\r\n SIP/2.0/UDP\r\n h;branch=a\r\n , SIP/2.0/UDP j\r\n" FROM
                                 "To: <sip:b@c>\r\n ;x\r\n \r\n" ID CSEQ "\r\n"),
                       &r),
               "SIP/2.0 404 Not Found\r\n"
               "v: SIP/2.0/UDP h;branch=a;received=192.0.2.9 , SIP/2.0/UDP j\r\n" FROM
               "To: <sip:b@c>\r\n ;x;tag=t\r\n" ID CSEQ "Content-Length: 0\r\n\r\n");
}

/* ---------------------------------------------------------------- refusals */

static int refuse(struct str bytes, struct str *out)
{
    struct peek p;
    assert_int_equal(peek_parse(bytes, &p), 0);
    const struct build_reply r = {.status = 400, .reason = STR("Bad"), .to_tag = STR("t")};
    return build_refusal(&arena, &p, &source, &r, out);
}

static void refusals(void **state)
{
    (void)state;
    static const struct {
        struct str bytes, answer;
    } rows[] = {
        {STR("INVITE  a  SIP/7.0\r\n" VIA "v: SIP/2.0/TCP\r\n i\nVia:\r\n" FROM
             "no colon\r\n" TO ID CSEQ),
         STR("Via: SIP/2.0/UDP h;branch=z9hG4bKa;rport=5099;received=192.0.2.9\r\n"
             "Via: SIP/2.0/TCP   i\r\nVia: \r\n" FROM "To: <sip:b@example.com>;tag=t\r\n" ID CSEQ)},
        {STR(START "Via: SIP/2.0/UDP h;;,;\r\nt: \"open <sip:b>\r\nFrom: a\0\x1b[1m\rb\r\n"),
         STR("Via: SIP/2.0/UDP h;;,;\r\nFrom: a  [1m b\r\nTo: \"open <sip:b>\r\n")},
        {STR(START "Via: SIP/2.0/UDP h, SIP/2.0/UDP i\r\nt: <sip:b>;tag=x\r\n\r\n" VIA),
         STR("Via: SIP/2.0/UDP h;received=192.0.2.9, SIP/2.0/UDP i\r\nTo: <sip:b>;tag=x\r\n")},
        {STR(START "Via:\r\n"), STR("Via: \r\n")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char answer[500];
        snprintf(answer, sizeof answer, "SIP/2.0 400 Bad\r\n%.*sContent-Length: 0\r\n\r\n",
                 STR_FMT(rows[i].answer));
        struct str out = STR_NONE;
        assert_int_equal(refuse(rows[i].bytes, &out), 0);
        if (!str_eq(out, str_of(answer)))
            fail_msg("row %zu: %.*s", i, STR_FMT(out));
    }
    struct str out;
    assert_int_equal(refuse(STR(START FROM TO), &out), ERR_ABSENT);
    assert_int_equal(refuse(STR("ACK sip:a SIP/2.0\r\n" VIA), &out), ERR_ABSENT);
    assert_int_equal(refuse(STR("SIP/2.0 200 OK\r\n" VIA), &out), ERR_ABSENT);
}

/* A request as great as a datagram can be: a head, then a piece again and again. */
static struct str fill(struct str head, struct str piece)
{
    static char bytes[65507];
    memcpy(bytes, head.p, head.n);
    size_t n = head.n;
    for (; n + piece.n + 2 <= sizeof bytes; n += piece.n)
        memcpy(bytes + n, piece.p, piece.n);
    memcpy(bytes + n, "\r\n", 2);
    return (struct str){bytes, n + 2};
}

static void the_greatest_refusals_fit(void **state)
{
    (void)state;
    struct str out;
    assert_int_equal(refuse(fill(STR(START), STR("v:x\n")), &out), 0);
    assert_true(out.n < 256 * sizeof "Via: x\r\n" + 100); /* no more lines than are in earnest */
    assert_int_equal(refuse(fill(STR(START VIA "t: a"), STR("\n ")), &out), 0);
    struct str vias = fill(STR(START "Via: SIP/2.0/UDP h"), STR(";a"));
    assert_int_equal(refuse(vias, &out), 0);
    assert_null(memmem(out.p, out.n, "received", 8)); /* longer than it is worth */
    assert_non_null(memmem(vias.p, vias.n, out.p + sizeof "SIP/2.0 400 Bad\r\n" - 1, 60000));
}

/* ---------------------------------------------------------------- hostile input, no memory */

static const struct str sample =
    STR(START VIA "Route: <sip:us;lr>,\r\n <sip:next>\r\n" FROM TO ID CSEQ
                  "Max-Forwards: 9\r\nl: 1\r\n\r\nb");

/* All that a forwarding proxy does; 0 or ERR_NOMEM. */
static int forward(struct arena *a, const struct msg *m, struct str *out)
{
    struct build b;
    build_init(&b, a, m);
    build_replace_via(&b, STR("theirs"));
    build_add_first(&b, HDR_VIA, STR("ours"));
    if (m->max_forwards >= 0)
        build_replace(&b, msg_value(m, HDR_MAX_FORWARDS), STR("8"));
    if (m->is_request)
        build_replace(&b, m->uri, STR("sip:x"));
    build_replace(&b, m->to.uri, STR("sip:y"));
    build_remove_top(&b, HDR_ROUTE);
    build_add_last(&b, STR("X"), STR("y"));
    return build_finish(&b, out);
}

static void mutated_messages_are_forwarded_or_refused(void **state)
{
    (void)state;
    uint64_t random = 2543;
    const struct build_reply r = {.status = 500, .to_tag = STR("t")};
    const struct str samples[] = {
        sample, STR(START "v:\r\n SIP/2.0/UDP h\r\n ;branch=a, SIP/2.0/TCP i\r\n" FROM
                          "To:\r\n <sip:b@c>\r\n ;x\r\n" ID CSEQ "\r\n")};
    int n_forwarded = 0;
    for (int i = 0; i < 6000; i++) {
        struct str bytes = mutate(samples[i & 1], &random), out;
        struct msg *m;
        struct msg_fault fault;
        struct peek p;
        if (msg_index(&arena, bytes, &msg_limits_default, &m, &fault) == 0 && m->is_request) {
            struct msg *again;
            n_forwarded++;
            assert_int_equal(forward(&arena, m, &out), 0);
            assert_int_equal(build_response(&arena, m, &source, &r, &out), 0);
            assert_int_equal(msg_index(&arena, out, &msg_limits_default, &again, &fault), 0);
            assert_true(str_eq(again->call_id, m->call_id));
        }
        if (peek_parse(bytes, &p) == 0)
            assert_int_not_equal(build_refusal(&arena, &p, &source, &r, &out), ERR_NOMEM);
        arena_reset(&arena, 1 << 16);
        free((void *)(uintptr_t)bytes.p);
    }
    assert_true(n_forwarded > 1000);
}

static int build_all(struct arena *a)
{
    struct msg *m;
    struct msg_fault fault;
    struct peek p;
    struct str out;
    const struct build_reply r = {.status = 500, .to_tag = STR("t")};
    int err = msg_index(a, sample, &msg_limits_default, &m, &fault);
    if (!err)
        err = arena_alloc(a, 3000) ? forward(a, m, &out) : ERR_NOMEM;
    if (!err)
        err = arena_alloc(a, 3500) ? build_response(a, m, &source, &r, &out) : ERR_NOMEM;
    if (!err && peek_parse(sample, &p) == 0)
        err = arena_alloc(a, 3500) ? build_refusal(a, &p, &source, &r, &out) : ERR_NOMEM;
    return err;
}

static void build_in_fresh_arena(void *arg)
{
    (void)arg;
    struct arena a;
    arena_init(&a, 1 << 20);
    build_all(&a);
    arena_fini(&a);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_true(oom_sweep(build_in_fresh_arena, NULL) >= 4);
}

/* The arena's last chunk is filled up beforehand, so each allocation in turn is the first to
 * fail. */
static void every_refusal_of_the_arena_is_an_error(void **state)
{
    (void)state;
    int n_refused = 0, err = ERR_NOMEM;
    for (size_t filled = 40000; err && filled >= 16; filled -= 16, n_refused++) {
        struct arena a;
        arena_init(&a, 40000);
        arena_alloc(&a, 40000);
        arena_reset(&a, 40000);
        arena_alloc(&a, filled);
        err = build_all(&a);
        assert_true(err == 0 || err == ERR_NOMEM);
        assert_int_equal(a.has_failed, err != 0);
        arena_fini(&a);
    }
    assert_int_equal(err, 0);
    assert_true(n_refused > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(nothing_edited_is_nothing_changed, empty_arena),
        cmocka_unit_test_teardown(a_request_on_its_way, empty_arena),
        cmocka_unit_test_teardown(insertions_come_in_their_order_and_before_replacements,
                                  empty_arena),
        cmocka_unit_test_teardown(tops_of_lists, empty_arena),
        cmocka_unit_test_teardown(edits_in_a_folded_value, empty_arena),
        cmocka_unit_test_teardown(every_line_of_a_header_goes, empty_arena),
        cmocka_unit_test_teardown(random_edits_match_the_model, empty_arena),
        cmocka_unit_test_teardown(a_response, empty_arena),
        cmocka_unit_test_teardown(tags_and_timestamps, empty_arena),
        cmocka_unit_test_teardown(a_folded_top_via, empty_arena),
        cmocka_unit_test_teardown(refusals, empty_arena),
        cmocka_unit_test_teardown(the_greatest_refusals_fit, empty_arena),
        cmocka_unit_test_teardown(mutated_messages_are_forwarded_or_refused, empty_arena),
        cmocka_unit_test_teardown(every_failed_allocation_is_survived, empty_arena),
        cmocka_unit_test_teardown(every_refusal_of_the_arena_is_an_error, empty_arena),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
