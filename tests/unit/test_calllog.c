#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/stats.h"
#include "service/calllog.h"
#include "sip/msg.h"

/* ---------------------------------------------------------------- how it ended */

enum { CANCELLED = 1, DRAINED = 2, GIVEN_UP = 4, FALLBACK = 8 };

/* What the branches said (FALLBACK: the last of them is the last resort; GIVEN_UP: the first has
 * rung its time), the status that went back, and the word. */
static const struct {
    unsigned flags, statuses[3], status;
    const char *word;
} ends[] = {
    {0, {200}, 200, "answered"},
    {0, {486, 200}, 200, "answered"},
    {0, {202}, 202, "answered"},
    {CANCELLED, {200}, 200, "answered"}, /* it crossed the CANCEL */
    {FALLBACK, {486, 200}, 200, "fallback"},
    {FALLBACK | GIVEN_UP, {487, 200}, 200, "fallback"},
    {FALLBACK, {200}, 200, "fallback"}, /* the line is away */
    {0, {200}, 502, "failed"},          /* an answer that could not be sent on */
    {CANCELLED, {487}, 487, "cancelled"},
    {CANCELLED, {486, 487}, 487, "cancelled"},
    {CANCELLED, {603, 487}, 603, "declined"},
    {0, {408}, 408, "no-answer"},
    {0, {487}, 487, "no-answer"}, /* Timer C */
    {GIVEN_UP, {487}, 480, "no-answer"},
    {GIVEN_UP | FALLBACK, {487, 404}, 480, "no-answer"},
    {GIVEN_UP, {486}, 486, "busy"}, /* it was rejected when its time was over */
    {0, {480}, 480, "failed"},
    {0, {603}, 603, "declined"},
    {0, {600, 487}, 600, "declined"},
    {0, {486}, 486, "busy"},
    {FALLBACK, {486, 404}, 486, "busy"},
    {FALLBACK, {486, 603}, 486, "busy"},
    {0, {302}, 302, "redirected"},
    {0, {408, 302}, 302, "redirected"},
    {FALLBACK, {486, 302}, 302, "redirected"},
    {0, {404}, 404, "failed"},
    {0, {503}, 500, "failed"},
    {0, {0}, 503, "failed"}, /* no memory for the branches */
    {0, {0}, 0, "failed"},   /* nor for an answer */
    {DRAINED | CANCELLED, {0}, 503, "drained"},
    {DRAINED, {0}, 0, "drained"},
};

static struct fork fork_of(size_t row)
{
    struct fork f;
    const unsigned *statuses = ends[row].statuses;
    fork_init(&f, true, &(struct fork_policy){0});
    for (size_t i = 0; i < 3 && statuses[i]; i++)
        assert_int_equal(fork_add(&f), i);
    if (f.n)
        f.branches[0].is_given_up = ends[row].flags & GIVEN_UP;
    if (f.n)
        f.branches[f.n - 1].is_last_resort = ends[row].flags & FALLBACK;
    if (ends[row].flags & CANCELLED)
        (void)fork_on_cancel(&f);
    for (size_t i = 0; i < f.n; i++)
        (void)fork_on_response(&f, i, statuses[i]);
    return f;
}

static void each_end_has_its_word(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct fork f = fork_of(i);
        enum calllog_outcome o = calllog_decide(&f, ends[i].status, ends[i].flags & DRAINED);
        if (strcmp(calllog_word(o), ends[i].word))
            fail_msg("row %zu: %s", i, calllog_word(o));
    }
}

/* ---------------------------------------------------------------- the line */

static char path[] = "/tmp/test_calllog.XXXXXX";
static struct arena arena;

static int open_log(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    const struct log_conf conf = {.level = LEVEL_INFO, .target = path};
    arena_init(&arena, 1 << 20);
    return fd < 0 || close(fd) || log_open(&conf) ? -1 : 0;
}

static int close_log(void **state)
{
    (void)state;
    log_close();
    arena_fini(&arena);
    return unlink(path);
}

static char lines[16384];

/* What was logged since the last time, from behind the thread's name on. */
static const char *new_text(void)
{
    static long at;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    size_t n = fread(lines, 1, sizeof lines - 1, f);
    lines[n] = '\0';
    at += (long)n;
    assert_int_equal(fclose(f), 0);
    char *text = strstr(lines, "main: ");
    return text ? text + 6 : "";
}

static const struct msg *invite(const char *uri, const char *call_id, const char *to_params)
{
    char text[2048];
    struct msg *m;
    struct msg_fault fault;
    int n = snprintf(text, sizeof text,
                     "INVITE %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1\r\n"
                     "From: <sip:a@example.com>;tag=f\r\nTo: <sip:b@example.com>%s\r\n"
                     "Call-ID: %s\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
                     uri, to_params, call_id);
    struct str bytes = str_dup(&arena, (struct str){text, (size_t)n});
    assert_int_equal(msg_index(&arena, bytes, &msg_limits_default, &m, &fault), 0);
    return m;
}

static const struct addr caller = {.ip = {198, 51, 100, 10}, .port = 5060, .family = 4};
static const struct addr device = {.ip = {192, 0, 2, 8}, .port = 5070, .family = 4};

static void begin(struct calllog *l, const struct msg *m, struct str to)
{
    *l = (struct calllog){0};
    calllog_start(l, &arena, m, &(struct calllog_origin){to, &caller, 1000});
}

static void a_call_has_one_line(void **state)
{
    (void)state;
    struct calllog l;
    struct fork f = fork_of(1);
    int64_t answered = stats_sum(STAT_CALL_ANSWERED), branches = stats_sum(STAT_CALL_BRANCHES);
    int64_t sum = stats_sum(STAT_CALL_SETUP + STATS_AT_SUM);
    begin(&l, invite("sip:b@192.0.2.1;bw=x", "one", ""), STR("b@example.com"));
    assert_int_equal(stats_sum(STAT_CALLS_PENDING), 1);
    calllog_add_branch(&l, 0, &caller);
    calllog_add_branch(&l, 1, &device);
    calllog_on_response(&l, 100, 1010);
    calllog_on_response(&l, 183, 1250);
    calllog_on_response(&l, 180, 1300);
    calllog_on_response(&l, 200, 3000);
    calllog_on_response(&l, 200, 3100); /* of another device */
    calllog_end(&l, &f, 9000);
    calllog_end(&l, &f, 9000);
    assert_string_equal(new_text(), "call to=b@example.com outcome=answered status=200 "
                                    "by=192.0.2.8:5070 from=198.51.100.10:5060 branches=2 "
                                    "ringing-ms=250 setup-ms=2000 call-id=one\n");
    assert_int_equal(stats_sum(STAT_CALLS_PENDING), 0);
    assert_int_equal(stats_sum(STAT_CALL_ANSWERED) - answered, 1);
    assert_int_equal(stats_sum(STAT_CALL_BRANCHES) - branches, 2);
    assert_int_equal(stats_sum(STAT_CALL_SETUP + STATS_AT_SUM) - sum, 2000);
}

static void who_ended_the_ringing(void **state)
{
    (void)state;
    static const struct {
        size_t row;
        const char *by;
    } rows[] = {{0, "by=192.0.2.8:5070"},  {8, " by=caller "},          {11, " by=timer "},
                {17, "by=192.0.2.8:5070"}, {25, " by=192.0.2.8:5070 "}, {27, " by=us "},
                {28, " status=0 by=us "},  {30, " status=0 by=us "}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct calllog l;
        struct fork f = fork_of(rows[i].row);
        begin(&l, invite("sip:b@192.0.2.1", "one", ""), STR_NONE);
        l.is_drained = ends[rows[i].row].flags & DRAINED;
        calllog_add_branch(&l, 0, &device);
        calllog_on_response(&l, ends[rows[i].row].status, 2000);
        calllog_end(&l, &f, 3000);
        const char *text = new_text();
        if (!strstr(text, rows[i].by))
            fail_msg("row %zu: %s", i, text);
        assert_non_null(strstr(text, " ringing-ms=- "));
    }
}

static void what_is_no_call_has_none(void **state)
{
    (void)state;
    struct calllog l;
    struct fork f = fork_of(0);
    int64_t branches = stats_sum(STAT_CALL_BRANCHES);
    begin(&l, invite("sip:b@192.0.2.1", "one", ";tag=t"), STR_NONE);
    calllog_add_branch(&l, 0, &device);
    calllog_on_response(&l, 200, 2000);
    calllog_end(&l, &f, 3000);
    assert_string_equal(new_text(), "");
    assert_int_equal(stats_sum(STAT_CALL_BRANCHES), branches);
}

static void foreign_text_stays_one_short_word(void **state)
{
    (void)state;
    struct calllog l;
    struct fork f = fork_of(0);
    char call_id[301];
    memset(call_id, '"', 300);
    call_id[300] = '\0';
    begin(&l, invite("sip:b@192.0.2.1", call_id, ""), STR("a b\t\n\x7f\xff\x01@h outcome=busy"));
    calllog_add_branch(&l, 0, &device);
    calllog_end(&l, &f, 3000);
    const char *text = new_text();
    assert_non_null(strstr(text, "call to=a%20b%09%0a%7f%ff%01@h%20outcome=busy outcome="));
    call_id[128] = '\0';
    const char *shown = strstr(text, " call-id=");
    assert_non_null(shown);
    assert_int_equal(strncmp(shown + 9, call_id, 128), 0);
    assert_string_equal(shown + 9 + 128, "...\n");
}

/* The longest of everything has room; without memory for the texts the line has none. */
static void the_longest_line_is_whole(void **state)
{
    (void)state;
    struct calllog l;
    struct fork f = fork_of(0);
    char text[301];
    memset(text, '\1', 300);
    text[300] = '\0';
    begin(&l, invite("sip:b@192.0.2.1", "x", ""), (struct str){text, 300});
    l.call_id = (struct str){text, 128};
    l.status = 699;
    l.rang_ms = l.final_ms = UINT64_MAX;
    f.n = FORK_BRANCHES_MAX;
    const struct addr far = {.ip = {[0 ... 15] = 0xff}, .port = 65535, .family = 6};
    l.from = l.peers[0] = far;
    calllog_end(&l, &f, 3000);
    const char *line = new_text();
    size_t n = strlen(line);
    assert_true(n > 7 && strcmp(line + n - 7, "%01...\n") == 0);
    struct arena none;
    arena_init(&none, 0);
    const struct msg *m = invite("sip:b@192.0.2.1", "x", "");
    l = (struct calllog){0};
    calllog_start(&l, &none, m, &(struct calllog_origin){STR_NONE, &caller, 1000});
    calllog_end(&l, &f, 3000);
    line = new_text();
    assert_non_null(strstr(line, "call to=- "));
    assert_non_null(strstr(line, " call-id=-\n"));
    arena_fini(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_end_has_its_word),
        cmocka_unit_test(a_call_has_one_line),
        cmocka_unit_test(who_ended_the_ringing),
        cmocka_unit_test(what_is_no_call_has_none),
        cmocka_unit_test(foreign_text_stays_one_short_word),
        cmocka_unit_test(the_longest_line_is_whole),
    };
    return cmocka_run_group_tests(tests, open_log, close_log);
}
