#include "unit.h"

#include "base/arena.h"
#include "base/err.h"
#include "sim/callmsg.h"
#include "sip/glue.h"

struct fixture {
    struct arena arena;
    char text[4096];
    struct msg *msg;
};

static int read(struct fixture *f, struct str bytes)
{
    struct msg_fault fault;
    arena_init(&f->arena, 1 << 20);
    return msg_index(&f->arena, bytes, &msg_limits_default, &f->msg, &fault);
}

/* The message of these further lines. */
static void read_answer(struct fixture *f, const char *lines)
{
    struct buf out = buf_over(f->text, sizeof f->text);
    buf_addf(&out,
             "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n"
             "To: <sip:b@h>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n%s\r\n",
             lines);
    assert_int_equal(read(f, buf_str(&out)), 0);
}

static void an_invite_can_be_read(void **state)
{
    (void)state;
    struct fixture f;
    const struct callmsg m = {
        .method = STR("INVITE"),
        .cseq = 1,
        .uri = STR("sip:a@192.0.2.1;bw=x"),
        .branch = STR("z9hG4bK7"),
        .routes = STR("<sip:192.0.2.3;lr>"),
        .to = STR("<sip:a@h>"),
        .call_id = STR("c"),
        .from_tag = STR("t"),
        .local = {.ip = {[15] = 1}, .port = 5070, .family = 6},
        .is_offer = true,
    };
    struct buf out = buf_over(f.text, sizeof f.text);
    callmsg_print(&m, &out);
    assert_int_equal(read(&f, buf_str(&out)), 0);
    assert_int_equal(f.msg->method, METHOD_INVITE);
    assert_str(f.msg->uri, "sip:a@192.0.2.1;bw=x");
    assert_str(f.msg->via.branch, "z9hG4bK7");
    assert_str(f.msg->from_tag, "t");
    assert_str(msg_value(f.msg, HDR_TO), "<sip:a@h>");
    assert_str(msg_value(f.msg, HDR_ROUTE), "<sip:192.0.2.3;lr>");
    assert_str(msg_value(f.msg, HDR_CONTACT), "<sip:caller@[::1]:5070>");
    assert_str(f.msg->body, "v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nc=IN IP6 ::1\r\nt=0 0\r\n"
                            "m=audio 9 RTP/AVP 0\r\n");
    arena_fini(&f.arena);
}

static const struct {
    const char *lines, *routes;
    int err;
} rows[] = {
    {"", "", 0},
    {"Record-Route: <sip:a;lr>\r\n", "<sip:a;lr>", 0},
    {"Record-Route: <sip:a;lr>, <sip:b;lr>;x=\",\"\r\nRecord-Route: <sip:c;lr>\r\n",
     "<sip:c;lr>, <sip:b;lr>;x=\",\", <sip:a;lr>", 0},
    {"Record-Route: <sip:a\r\n", "", ERR_PARSE},
};

static void a_route_set_is_turned_round(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture f;
        char text[512];
        struct buf out = buf_over(text, sizeof text);
        read_answer(&f, rows[i].lines);
        assert_int_equal(callmsg_print_routes(f.msg, &out), rows[i].err);
        if (!rows[i].err && !str_eq(buf_str(&out), str_of(rows[i].routes)))
            fail_msg("%.*s", STR_FMT(buf_str(&out)));
        arena_fini(&f.arena);
    }
}

static void a_route_set_is_bounded(void **state)
{
    (void)state;
    struct fixture f;
    char lines_text[1024], text[1024];
    struct buf lines = buf_over(lines_text, sizeof lines_text - 1);
    struct buf out = buf_over(text, sizeof text);
    buf_add(&lines, STR("Record-Route: <sip:a>"));
    for (int i = 1; i < 33; i++)
        buf_add(&lines, STR(",<sip:a>"));
    buf_add(&lines, STR("\r\n"));
    lines_text[lines.len] = '\0';
    read_answer(&f, lines_text);
    assert_int_equal(callmsg_print_routes(f.msg, &out), ERR_FULL);
    arena_fini(&f.arena);
}

static void the_next_hop_is_the_first_route_s(void **state)
{
    (void)state;
    struct addr a;
    char text[ADDR_TEXT];
    assert_int_equal(callmsg_next_hop(STR(""), STR("sip:u@192.0.2.1"), &a), 0);
    assert_string_equal(addr_text(&a, text), "192.0.2.1:5060");
    assert_int_equal(
        callmsg_next_hop(STR("<sip:192.0.2.2:5080;lr>, <sip:x>"), STR("sip:u@192.0.2.1"), &a), 0);
    assert_string_equal(addr_text(&a, text), "192.0.2.2:5080");
    assert_int_equal(callmsg_next_hop(STR("<sip:x;lr>"), STR("sip:u@192.0.2.1"), &a), ERR_PARSE);
    assert_int_equal(callmsg_next_hop(STR_NONE, STR("tel:1"), &a), ERR_PARSE);
    assert_int_equal(callmsg_next_hop(STR("<sip:x"), STR("sip:u@192.0.2.1"), &a), ERR_PARSE);
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
        cmocka_unit_test(an_invite_can_be_read),
        cmocka_unit_test(a_route_set_is_turned_round),
        cmocka_unit_test(a_route_set_is_bounded),
        cmocka_unit_test(the_next_hop_is_the_first_route_s),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
