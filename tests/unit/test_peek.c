#include "unit.h"

#include <stdlib.h>

#include "base/err.h"
#include "sip/peek.h"

static void a_request(void **state)
{
    (void)state;
    struct peek p;
    struct str bytes = STR(
        "\r\nREGISTER sip:example.com SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 192.0.2.1:5060;rport ; branch = z9hG4bKabc , SIP/2.0/UDP h;branch=no\r\n"
        "Via: SIP/2.0/UDP second;branch=z9hG4bKdef\r\n"
        "Max-Forwards: 70\r\n"
        "From: <sip:a@example.com>;tag=1\r\n"
        "t: <sip:a@example.com>\r\n"
        "I : call@host\r\n"
        "CSeq: 7\r\n REGISTER\r\n"
        "garbage\r\n");
    assert_int_equal(peek_parse(bytes, &p), 0);
    assert_true(p.is_request);
    assert_int_equal(p.method, METHOD_REGISTER);
    assert_ptr_equal(p.bytes.p, bytes.p + 2);
    assert_ptr_equal(str_end(p.bytes), str_end(bytes));
    assert_true(str_has_prefix(p.heads, STR("Via: SIP/2.0/UDP 192")));
    assert_str(p.via, "SIP/2.0/UDP 192.0.2.1:5060;rport ; branch = z9hG4bKabc , "
                      "SIP/2.0/UDP h;branch=no");
    assert_str(p.branch, "z9hG4bKabc");
    assert_str(p.from, "<sip:a@example.com>;tag=1");
    assert_str(p.to, "<sip:a@example.com>");
    assert_str(p.call_id, "call@host");
    assert_str(p.cseq, "7\r\n REGISTER");
}

static void a_response(void **state)
{
    (void)state;
    struct peek p;
    assert_int_equal(peek_parse(STR("SIP/2.0 486 Busy Here\r\n"
                                    "v: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"
                                    "Call-ID: x\r\nCSeq: 3 INVITE\r\n\r\n"
                                    "From: <sip:body@example.com>\r\n"),
                                &p),
                     0);
    assert_false(p.is_request);
    assert_int_equal(p.status, 486);
    assert_int_equal(p.method, METHOD_INVITE);
    assert_true(str_is_none(p.from));
    assert_str(p.branch, "z9hG4bK1");
}

static void start_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int err;
        unsigned status;
        enum sip_method method;
    } rows[] = {
        {"INVITE sip:a@b SIP/2.0", 0, 0, METHOD_INVITE},
        {"INVITE sip:a@b SIP/7.0", 0, 0, METHOD_INVITE},
        {"INVITE sip:a@b sip/2.0", 0, 0, METHOD_INVITE},
        {"INVITE  sip:a@b; lr  SIP/2.0  ", 0, 0, METHOD_INVITE},
        {"INVITE <sip:a@b> SIP/2.0", 0, 0, METHOD_INVITE},
        {"INVITE SIP/2.0", 0, 0, METHOD_INVITE},
        {"NEWMETHOD sip:a SIP/2.0", 0, 0, METHOD_OTHER},
        {"IN/VITE sip:a SIP/2.0", ERR_PARSE, 0, 0},
        {"INVITE", ERR_PARSE, 0, 0},
        {"INVITE sip:a", ERR_PARSE, 0, 0},
        {"INVITE ", ERR_PARSE, 0, 0},
        {" INVITE", ERR_PARSE, 0, 0},
        {"GET / HTTP/1.1", ERR_PARSE, 0, 0},
        {"GET /SIP/2.0 HTTP/1.1", ERR_PARSE, 0, 0},
        {"SIP/2.0 100 ", 0, 100, METHOD_OTHER},
        {"SIP/2.0 100", 0, 100, METHOD_OTHER},
        {"sip/2.0 999 x", 0, 999, METHOD_OTHER},
        {"SIP/7.0 200 OK", 0, 200, METHOD_OTHER},
        {"SIP/2.0 099 x", ERR_PARSE, 0, 0},
        {"SIP/2.0 20 x", ERR_PARSE, 0, 0},
        {"SIP/2.0 4294967301 x", ERR_PARSE, 0, 0},
        {"SIP/2.0 -10 x", ERR_PARSE, 0, 0},
        {"SIP/2.0", ERR_PARSE, 0, 0},
        {"SIP/2.0 ", ERR_PARSE, 0, 0},
    };
    struct peek p;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[100];
        int n = snprintf(text, sizeof text, "%s\r\n\r\n", rows[i].line);
        int err = peek_parse((struct str){text, (size_t)n}, &p);
        if (err != rows[i].err)
            fail_msg("%s: %d", rows[i].line, err);
        if (err)
            continue;
        assert_int_equal(p.status, rows[i].status);
        assert_int_equal(p.is_request, rows[i].status == 0);
        assert_int_equal(p.method, rows[i].method);
    }
    assert_int_equal(peek_parse(STR_NONE, &p), ERR_PARSE);
    assert_int_equal(peek_parse(STR("\r\n\r\n"), &p), ERR_PARSE);
    assert_int_equal(peek_parse(STR("INVITE sip:a SIP/2.0"), &p), ERR_PARSE);
}

static void branches(void **state)
{
    (void)state;
    static const struct {
        const char *via, *branch;
    } rows[] = {
        {"SIP/2.0/UDP h;branch=a", "a"},
        {"SIP/2.0/UDP h ;\r\n  BRANCH\r\n =\r\n a", "a"},
        {"SIP/2.0/UDP h;branch=\"q\"", "q"},
        {"SIP/2.0/UDP h;x=\";branch=no,\\\";branch=no\";branch=a", "a"},
        {"SIP/2.0/UDP h;;,;branch=a", NULL},
        {"SIP/2.0/UDP h;xbranch=a;branch", NULL},
        {"SIP/2.0/UDP h;branch=", ""},
        {"SIP/2.0/UDP h;x=\"open;branch=a", NULL},
        {"SIP/2.0/UDP h;branch=\"", "\""},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[200];
        int n = snprintf(text, sizeof text, "BYE sip:a SIP/2.0\r\nVia: %s\r\n", rows[i].via);
        struct peek p;
        assert_int_equal(peek_parse((struct str){text, (size_t)n}, &p), 0);
        if (str_is_none(p.branch) != !rows[i].branch || !str_eq(p.branch, str_of(rows[i].branch)))
            fail_msg("%s: \"%.*s\"", rows[i].via, STR_FMT(p.branch));
    }
}

static void cut_anywhere_nothing_is_read_beyond(void **state)
{
    (void)state;
    static const char whole[] = "INVITE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h;x=\"\\\";branch=a\r\n"
                                "From: a\r\n b\r\nTo: c\r\nCall-ID: d\r\nCSeq: 1 INVITE\r\n\r\n";
    for (size_t n = 0; n < sizeof whole; n++) {
        char *copy = malloc(n + 1); /* of the exact size, so that a sanitizer sees the end */
        assert_non_null(copy);
        memcpy(copy, whole, n);
        char *exact = realloc(copy, n ? n : 1);
        assert_non_null(exact);
        struct peek p;
        peek_parse((struct str){exact, n}, &p);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request),
        cmocka_unit_test(a_response),
        cmocka_unit_test(start_lines),
        cmocka_unit_test(branches),
        cmocka_unit_test(cut_anywhere_nothing_is_read_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
