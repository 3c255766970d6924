#include "unit.h"

#include "sip/htdigest.h"

#define MD5    "0123456789abcdef0123456789ABCDEF"
#define SHA    MD5 MD5
#define EIGHTY "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
    const char *line, *user, *realm, *ha1;
    enum digest_algorithm algorithm;
} good[] = {
    {"alice:example.com:" MD5, "alice", "example.com", MD5, DIGEST_MD5},
    {"alice:example.com:" MD5 ":MD5", "alice", "example.com", MD5, DIGEST_MD5},
    {"alice:example.com:" SHA ":SHA-256", "alice", "example.com", SHA, DIGEST_SHA_256},
    {"alice:example.com:" SHA ":sha-512-256", "alice", "example.com", SHA, DIGEST_SHA_512_256},
    {"alice:example.com:" MD5 "\r", "alice", "example.com", MD5, DIGEST_MD5},
    {"+31 20:a realm with blanks:" MD5, "+31 20", "a realm with blanks", MD5, DIGEST_MD5},
    {"alice@example.com:r:" MD5, "alice@example.com", "r", MD5, DIGEST_MD5},
    {"a:[2001:db8::1]:" MD5, "a", "[2001:db8::1]", MD5, DIGEST_MD5},
    {"a:[2001:db8::1]:" SHA ":SHA-256", "a", "[2001:db8::1]", SHA, DIGEST_SHA_256},
    {"a:MD5:" MD5, "a", "MD5", MD5, DIGEST_MD5},
    {"J\xc3\xa4s\xc3\xb8n Doe:r:" MD5, "J\xc3\xa4s\xc3\xb8n Doe", "r", MD5, DIGEST_MD5},
};

static void good_lines_are_taken_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct htdigest h;
        const char *fault = htdigest_parse(str_of(good[i].line), &h);
        if (fault)
            fail_msg("%s: %s", good[i].line, fault);
        assert_true(str_eq(h.user, str_of(good[i].user)));
        assert_true(str_eq(h.realm, str_of(good[i].realm)));
        assert_true(str_eq(h.ha1, str_of(good[i].ha1)));
        assert_int_equal(h.algorithm, good[i].algorithm);
    }
}

static const struct {
    const char *line, *fault;
} bad[] = {
    {"alice", "expected user:realm:hash"},
    {"alice:" MD5, "expected user:realm:hash"},
    {"alice:" MD5 ":MD5", "expected user:realm:hash"},
    {":example.com:" MD5, "the user is empty"},
    {"alice::" MD5, "the realm is empty"},
    {"alice:example.com:", "expected 32 hexadecimal digits"},
    {"alice:example.com:secret", "something else than hexadecimal digits"},
    {"alice:example.com:abc", "expected 32 hexadecimal digits"},
    {"alice:example.com:" MD5 "0", "expected 32 hexadecimal digits"},
    {"alice:example.com:" SHA, "expected 32 hexadecimal digits"},
    {"alice:example.com:" MD5 ":SHA-256", "expected 64 hexadecimal digits"},
    {"alice:example.com:" SHA ":MD5", "expected 32 hexadecimal digits"},
    {"alice:example.com:" SHA ":SHA-1", "the algorithm is not known, expected MD5, SHA-256"},
    {"alice:example.com:" MD5 ":", "the algorithm is not known"},
    {"alice:example.com:" MD5 ":MD5-sess", "the algorithm is not known"},
    {"al\x01ice:example.com:" MD5, "the user has a control character"},
    {"alice:example\t.com:" MD5, "the realm has a control character"},
    {"alice:ex\"ample:" MD5, "the realm has a quote"},
    {"alice:ex\\ample:" MD5, "the realm has a quote or a backslash"},
    {" alice:example.com:" MD5, "begins with # or a blank"},
    {EIGHTY EIGHTY EIGHTY EIGHTY ":example.com:" MD5, "expected 1 to 255 characters"},
    {"alice:" EIGHTY EIGHTY EIGHTY EIGHTY ":" MD5, "expected 1 to 255 characters"},
};

/* The hash, or what somebody wrote in its place, is not repeated. */
static void bad_lines_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct htdigest h;
        const char *fault = htdigest_parse(str_of(bad[i].line), &h);
        if (!fault || !strstr(fault, bad[i].fault))
            fail_msg("%s: %s, wanted %s", bad[i].line, fault ? fault : "good", bad[i].fault);
        assert_null(strstr(fault, "secret"));
    }
}

static void a_nul_is_a_control_character(void **state)
{
    (void)state;
    struct htdigest h;
    const char *fault = htdigest_parse(STR("al\0ice:example.com:" MD5), &h);
    assert_non_null(fault);
    assert_non_null(strstr(fault, "control"));
}

static void comments_say_nothing(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "", " ", "\t\r", "\r", "# a comment", "  # one more", "#alice:example.com:" MD5};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct htdigest h;
        assert_null(htdigest_parse(str_of(lines[i]), &h));
        assert_true(str_is_none(h.user));
    }
}

static void what_is_printed_is_read_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct htdigest h, again;
        char text[512];
        struct buf out = buf_over(text, sizeof text);
        assert_null(htdigest_parse(str_of(good[i].line), &h));
        htdigest_print(&h, &out);
        assert_true(!out.has_overflown && out.p[out.len - 1] == '\n');
        assert_null(htdigest_parse((struct str){out.p, out.len - 1}, &again));
        assert_true(str_eq(h.user, again.user) && str_eq(h.realm, again.realm));
        assert_true(str_eq(h.ha1, again.ha1) && h.algorithm == again.algorithm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines_are_taken_apart),    cmocka_unit_test(bad_lines_are_told),
        cmocka_unit_test(a_nul_is_a_control_character),  cmocka_unit_test(comments_say_nothing),
        cmocka_unit_test(what_is_printed_is_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
