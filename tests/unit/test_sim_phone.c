#include "unit.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "sim/phone.h"
#include "sip/glue.h"

#define Z(literal)                                                                                 \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
#define OWN       "<sip:u0007@127.1.0.8:5062;line=00000007>"
#define CHALLENGE "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=MD5"

static const struct addr local = {.ip = {127, 1, 0, 8}, .port = 5062, .family = 4};

struct fixture {
    struct phone_style style;
    struct phone phone;
    struct arena arena;
    char text[PHONE_MESSAGE_MAX];
    struct msg *sent;
};

static void send_next(struct fixture *f)
{
    struct msg_fault fault;
    struct buf out = buf_over(f->text, sizeof f->text);
    phone_advance(&f->phone);
    phone_print(&f->phone, &f->style, &local, &out);
    assert_false(out.has_overflown);
    if (msg_index(&f->arena, buf_str(&out), &msg_limits_default, &f->sent, &fault))
        fail_msg("%s: %.*s", fault.text, STR_FMT(buf_str(&out)));
}

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    f->style = (struct phone_style){
        .domain = Z("example.com"),
        .password = Z("pw"),
        .devices_per_line = 2,
        .first_user = 4,
        .expires_s = 60,
        .run = 0x0123456789abcdefULL,
    };
    assert_int_equal(phone_set_user_format(&f->style, "u%04d"), 0);
    assert_int_equal(digest_answer_new(&f->style.digest), 0);
    arena_init(&f->arena, 1 << 20);
    phone_init(&f->phone, &f->style, 7);
    phone_start(&f->phone, &f->style, false);
    send_next(f);
}

static void end_it(struct fixture *f)
{
    phone_fini(&f->phone);
    digest_answer_free(f->style.digest);
    arena_fini(&f->arena);
}

/* The phone gets this status with these further lines. */
static struct phone_answer answer(struct fixture *f, unsigned status, const char *lines)
{
    struct msg *m;
    struct msg_fault fault;
    struct buf out = buf_in(&f->arena, 8192);
    buf_addf(&out, "SIP/2.0 %u X\r\nVia: %.*s\r\nFrom: %.*s\r\nTo: %.*s;tag=x\r\n", status,
             STR_FMT(f->sent->via.text), STR_FMT(f->sent->from.text), STR_FMT(f->sent->to.text));
    buf_addf(&out, "Call-ID: %.*s\r\nCSeq: %u REGISTER\r\n%s%s\r\n", STR_FMT(f->sent->call_id),
             f->sent->cseq, lines, *lines ? "\r\n" : "");
    assert_int_equal(msg_index(&f->arena, buf_str(&out), &msg_limits_default, &m, &fault), 0);
    return phone_take(&f->phone, &f->style, &local, m);
}

static void a_register_says_who_and_where(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    assert_str(f.sent->uri, "sip:example.com");
    assert_str(f.sent->to.uri, "sip:u0007@example.com");
    assert_str(f.sent->from.uri, "sip:u0007@example.com");
    assert_str(f.sent->from_tag, "da2f9e38");
    assert_str(f.sent->call_id, "0123456789abcdef00000007");
    assert_str(f.sent->via.branch, "z9hG4bK0123456789abcdef0000000700000001");
    assert_true(f.sent->via.has_rport);
    assert_str(msg_value(f.sent, HDR_CONTACT), OWN);
    assert_str(msg_value(f.sent, HDR_EXPIRES), "60");
    uint32_t number, cseq;
    assert_true(phone_find(&f.style, f.sent->via.branch, &number, &cseq));
    assert_int_equal(number, 7);
    assert_int_equal(cseq, 1);
    end_it(&f);
}

static void a_retransmission_is_the_same(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    assert_int_equal(answer(&f, 401, CHALLENGE).event, PHONE_AGAIN);
    send_next(&f);
    char text[PHONE_MESSAGE_MAX];
    struct buf again = buf_over(text, sizeof text);
    phone_print(&f.phone, &f.style, &local, &again);
    assert_true(str_eq(buf_str(&again), f.sent->bytes));
    end_it(&f);
}

static void other_branches_are_not_ours(void **state)
{
    (void)state;
    static const struct str branches[] = {
        Z(""),
        Z("z9hG4bK"),
        Z("z9hG4bK0123456789abcdef000000070000000"),
        Z("z9hG4bK0123456789abcdef00000007000000011"),
        Z("z9hG4bK0123456789abcdee0000000700000001"),
        Z("z9hG4bK0123456789abcdef0000000g00000001"),
        Z("z9hG4bX0123456789abcdef0000000700000001"),
    };
    const struct phone_style style = {.run = 0x0123456789abcdefULL};
    uint32_t number, cseq;
    for (size_t i = 0; i < sizeof branches / sizeof *branches; i++)
        assert_false(phone_find(&style, branches[i], &number, &cseq));
    assert_false(phone_find(&style, STR_NONE, &number, &cseq));
}

/* Each row is the answer to a phone's first REGISTER. */
static const struct {
    unsigned status;
    const char *lines;
    struct phone_answer want;
} rows[] = {
    {100, "", {.event = PHONE_PROVISIONAL}},
    {200, "Contact: " OWN ";expires=55", {.event = PHONE_REGISTERED, .granted_s = 55}},
    {200,
     "Contact: <sip:u0007@127.1.0.7:5062>;expires=9, " OWN ";expires=\"50\"",
     {.event = PHONE_REGISTERED, .granted_s = 50}},
    {200, "Contact: " OWN "\r\nExpires: 44", {.event = PHONE_REGISTERED, .granted_s = 44}},
    {200,
     "Contact: <sip:u0007@127.1.0.8:5062;LINE=00000007>;expires=5",
     {.event = PHONE_REGISTERED, .granted_s = 5}},
    {200, "Contact: " OWN, {.event = PHONE_WRONG, .fault = FAULT_NO_EXPIRY}},
    {200, "Contact: " OWN ";expires=0", {.event = PHONE_WRONG, .fault = FAULT_NO_EXPIRY}},
    {200, "", {.event = PHONE_WRONG, .fault = FAULT_NOT_LISTED}},
    {200,
     "Contact: <sip:u0007@127.1.0.8:5062;line=00000006>;expires=60",
     {.event = PHONE_WRONG, .fault = FAULT_NOT_LISTED}},
    {200,
     "Contact: " OWN ";expires=60, <sip:token@192.0.2.1>;expires=3600",
     {.event = PHONE_WRONG, .fault = FAULT_FOREIGN}},
    {200, "Contact: <<", {.event = PHONE_WRONG, .fault = FAULT_MALFORMED}},
    {401, CHALLENGE, {.event = PHONE_AGAIN}},
    {401,
     "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=X\r\n" CHALLENGE,
     {.event = PHONE_AGAIN}},
    {401,
     "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"",
     {.event = PHONE_REFUSED}},
    {401, "", {.event = PHONE_REFUSED}},
    {423, "Min-Expires: 90", {.event = PHONE_AGAIN}},
    {423, "Min-Expires: 60", {.event = PHONE_REFUSED}},
    {423, "", {.event = PHONE_REFUSED}},
    {503, "Retry-After: 17 (later)", {.event = PHONE_REFUSED, .retry_after_s = 17}},
    {503, "Retry-After: soon", {.event = PHONE_REFUSED}},
    {302, "Contact: <sip:elsewhere>", {.event = PHONE_REFUSED}},
};

static void answers_are_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture f;
        begin(&f);
        const struct phone_answer got = answer(&f, rows[i].status, rows[i].lines);
        if (got.event != rows[i].want.event || got.fault != rows[i].want.fault ||
            got.granted_s != rows[i].want.granted_s ||
            got.retry_after_s != rows[i].want.retry_after_s)
            fail_msg("%u %s: %d %d %u %u", rows[i].status, rows[i].lines, got.event, got.fault,
                     got.granted_s, got.retry_after_s);
        end_it(&f);
    }
}

static void too_brief_asks_for_more(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    (void)answer(&f, 423, "Min-Expires: 90");
    send_next(&f);
    assert_str(msg_value(f.sent, HDR_EXPIRES), "90");
    phone_start(&f.phone, &f.style, false);
    send_next(&f);
    assert_str(msg_value(f.sent, HDR_EXPIRES), "90");
    end_it(&f);
}

static uint32_t sent_count(struct fixture *f)
{
    struct digest_credentials c;
    assert_int_equal(digest_parse_credentials(&f->arena, msg_value(f->sent, HDR_AUTHORIZATION), &c),
                     0);
    assert_str(c.username, "u0007");
    assert_str(c.realm, "r");
    assert_str(c.uri, "sip:example.com");
    return c.nonce_count;
}

static void a_nonce_is_used_until_it_is_stale(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    assert_true(str_is_none(msg_value(f.sent, HDR_AUTHORIZATION)));
    (void)answer(&f, 401, CHALLENGE);
    send_next(&f);
    assert_int_equal(sent_count(&f), 1);
    assert_int_equal(answer(&f, 200, "Contact: " OWN ";expires=60").event, PHONE_REGISTERED);
    phone_start(&f.phone, &f.style, false);
    send_next(&f);
    assert_int_equal(sent_count(&f), 2);
    assert_int_equal(answer(&f, 401, CHALLENGE "\r\nX: y").event, PHONE_AGAIN);
    send_next(&f);
    assert_int_equal(sent_count(&f), 1);
    assert_int_equal(answer(&f, 401, CHALLENGE ", stale=true").event, PHONE_AGAIN);
    send_next(&f);
    end_it(&f);
}

static void a_wrong_password_is_not_tried_again(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    assert_int_equal(answer(&f, 401, CHALLENGE).event, PHONE_AGAIN);
    send_next(&f);
    assert_int_equal(answer(&f, 401, CHALLENGE).event, PHONE_REFUSED);
    end_it(&f);
}

static void removal_must_remove(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    phone_start(&f.phone, &f.style, true);
    send_next(&f);
    assert_str(msg_value(f.sent, HDR_EXPIRES), "0");
    assert_int_equal(answer(&f, 200, "Contact: " OWN ";expires=9").fault, FAULT_STILL_LISTED);
    assert_int_equal(answer(&f, 200, "").event, PHONE_REMOVED);
    end_it(&f);
}

static void another_dialog_s_answer_is_wrong(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    f.sent->cseq++;
    assert_int_equal(answer(&f, 503, "").fault, FAULT_OTHER_DIALOG);
    f.sent->cseq--;
    f.sent->call_id = STR("other");
    const struct phone_answer got = answer(&f, 503, "");
    assert_int_equal(got.event, PHONE_WRONG);
    assert_int_equal(got.fault, FAULT_OTHER_DIALOG);
    end_it(&f);
}

static void user_formats(void **state)
{
    (void)state;
    static const char *const bad[] = {"",    "alice", "%",     "%s",   "%4d",   "%00d", "%0",
                                      "%d%", "%d%d",  "a b%d", "%d@x", "%010d", "<%d"};
    struct phone_style s = {0};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (phone_set_user_format(&s, bad[i]) != ERR_PARSE)
            fail_msg("\"%s\"", bad[i]);
    assert_int_equal(phone_set_user_format(&s, "+3120%07d"), 0);
    assert_str(s.user_prefix, "+3120");
    assert_int_equal(s.user_digits, 7);
    assert_int_equal(phone_set_user_format(&s, "%d.a"), 0);
    assert_str(s.user_suffix, ".a");
}

static void a_call_finds_its_phone(void **state)
{
    (void)state;
    static const struct {
        struct str uri;
        int number; /* -1: nobody's */
    } called[] = {
        {Z("sip:u0007@127.1.0.8:5062;line=00000007"), 7},
        {Z("sip:u0007@other;line=00000006"), 6},
        {Z("sip:u0007@127.1.0.8:5062;line=00000008"), -1},
        {Z("sip:u0007@127.1.0.8:5062;line=000000070"), -1},
        {Z("sip:u0007@127.1.0.8:5062;line"), -1},
        {Z("sip:u0007@127.1.0.8:5062"), -1},
        {Z("sip:u@127.1.0.8;line=00000007"), -1},
        {Z("sip:v0007@127.1.0.8;line=00000007"), -1},
        {Z("sip:u0003@127.1.0.8;line=00000007"), -1},
        {Z("sip:127.1.0.8;line=00000007"), -1},
        {Z("nonsense"), -1},
    };
    struct fixture f;
    begin(&f);
    for (size_t i = 0; i < sizeof called / sizeof *called; i++) {
        uint32_t number = 0;
        const bool is_found = phone_find_called(&f.style, called[i].uri, &number);
        if (is_found != (called[i].number >= 0) || (is_found && (int)number != called[i].number))
            fail_msg("row %zu: %u", i, number);
    }
    f.style.devices_per_line = 1;
    uint32_t number;
    assert_true(phone_find_called(&f.style, STR("sip:u0007@127.1.0.8"), &number));
    assert_int_equal(number, 3);
    end_it(&f);
}

static void a_restarted_phone_is_another_call(void **state)
{
    (void)state;
    struct fixture f;
    uint32_t number, cseq;
    begin(&f);
    const char *challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n";
    assert_int_equal(answer(&f, 401, challenge).event, PHONE_AGAIN);
    send_next(&f);
    assert_non_null(msg_first(f.sent, HDR_AUTHORIZATION));
    phone_reboot(&f.phone);
    phone_start(&f.phone, &f.style, false);
    send_next(&f);
    assert_null(msg_first(f.sent, HDR_AUTHORIZATION));
    assert_str(f.sent->call_id, "0123456789abcdef000000070001");
    assert_str(msg_value(f.sent, HDR_CONTACT), OWN);
    assert_true(phone_find(&f.style, f.sent->via.branch, &number, &cseq));
    assert_true(number == 7 && cseq == 3);
    assert_int_equal(answer(&f, 200, "Contact: " OWN ";expires=60\r\n").event, PHONE_REGISTERED);
    end_it(&f);
}

static int start(void **state)
{
    (void)state;
    glue_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_register_says_who_and_where),
        cmocka_unit_test(a_retransmission_is_the_same),
        cmocka_unit_test(other_branches_are_not_ours),
        cmocka_unit_test(answers_are_judged),
        cmocka_unit_test(too_brief_asks_for_more),
        cmocka_unit_test(a_nonce_is_used_until_it_is_stale),
        cmocka_unit_test(a_wrong_password_is_not_tried_again),
        cmocka_unit_test(removal_must_remove),
        cmocka_unit_test(another_dialog_s_answer_is_wrong),
        cmocka_unit_test(user_formats),
        cmocka_unit_test(a_call_finds_its_phone),
        cmocka_unit_test(a_restarted_phone_is_another_call),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
