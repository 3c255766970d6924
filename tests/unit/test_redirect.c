#include "unit.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "core/redirect.h"

static struct arena arena;

/* A 302 with these header lines. */
static const struct msg *response(const char *lines)
{
    struct msg *m;
    struct msg_fault fault;
    struct buf b = buf_in(&arena, 16384);
    buf_add(&b, STR("SIP/2.0 302 Moved\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
                    "From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>;tag=2\r\n"
                    "Call-ID: 1\r\nCSeq: 1 INVITE\r\n"));
    buf_add(&b, str_of(lines));
    buf_add(&b, STR("Content-Length: 0\r\n\r\n"));
    assert_false(b.has_overflown);
    assert_int_equal(msg_index(&arena, buf_str(&b), &msg_limits_default, &m, &fault), 0);
    return m;
}

/* user/q/seconds of each, in order, then what was left out: unusable, expired, cut. */
static const char *text(const struct redirect *r)
{
    static char out[1024];
    struct buf b = buf_over(out, sizeof out - 1);
    for (size_t i = 0; i < r->n; i++) {
        buf_add(&b, r->list[i].uri.user);
        buf_addf(&b, "/%d/%u ", r->list[i].q, r->list[i].left_s);
    }
    buf_addf(&b, "- %zu %zu %zu", r->n_unusable, r->n_expired, r->n_cut);
    out[b.len] = '\0';
    return out;
}

static const struct {
    const char *lines, *read;
} rows[] = {
    {"", "- 0 0 0"},
    {"Contact: sip:x@h\r\n", "x/1000/0 - 0 0 0"},
    {"m: <sip:x@h;method=BYE?a=b>\r\n", "x/1000/0 - 0 0 0"},
    /* q, in thousandths; equal ones stay as they came; over lines and commas */
    {"Contact: <sip:x@h>;q=0.2, <sip:y@h>;q=0.8\r\nContact: <sip:z@h>;q=0.5, <sip:w@h>;q=0.8\r\n",
     "y/800/0 w/800/0 z/500/0 x/200/0 - 0 0 0"},
    {"Contact: <sip:x@h>;q=0.9, <sip:y@h>\r\n", "y/1000/0 x/900/0 - 0 0 0"},
    {"Contact: <sip:x@h>;q=0, <sip:y@h>;q=0.001\r\n", "y/1/0 x/0/0 - 0 0 0"},
    /* expires: the parameter, else the header; what is malformed says nothing */
    {"Contact: <sip:x@h>;expires=0, <sip:y@h>;expires=7\r\n", "y/1000/7 - 0 1 0"},
    {"Contact: <sip:x@h>, <sip:y@h>;expires=7\r\nExpires: 0\r\n", "y/1000/7 - 0 1 0"},
    {"Contact: <sip:x@h>, <sip:y@h>;expires=7\r\nExpires: 30\r\n", "x/1000/30 y/1000/7 - 0 0 0"},
    {"Contact: <sip:x@h>;expires=soon\r\nExpires: never\r\n", "x/1000/0 - 0 0 0"},
    {"Contact: <sip:x@h>;expires=99999999999\r\n", "x/1000/4294967295 - 0 0 0"},
    {"Contact: <sip:x@h>;expires=\"0\"\r\n", "- 0 1 0"},
    /* neither a secure hop nor a number, and nothing that can be read behind what cannot */
    {"Contact: <sips:x@h>, <tel:+31>, <mailto:x@h>, <sip:y@h>\r\n", "y/1000/0 - 3 0 0"},
    {"Contact: *\r\n", "- 1 0 0"},
    {"Contact: <sip:x@h>;q=2, <sip:y@h>\r\nContact: <sip:z@h>\r\n", "z/1000/0 - 1 0 0"},
    {"Contact: <sip:x@h>, <sip:\r\nContact: sip:a b@h\r\n", "x/1000/0 - 2 0 0"},
    {"Contact: <sip:a%ZZ@h>, <sip:@h>\r\n", "- 1 0 0"},
    {"Contact:\r\n", "- 0 0 0"},
};

static void contacts_in_their_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct redirect r;
        redirect_parse(response(rows[i].lines), &r);
        if (strcmp(text(&r), rows[i].read) != 0)
            fail_msg("%s\nread: %s\nnot: %s", rows[i].lines, text(&r), rows[i].read);
        arena_reset(&arena, 0);
    }
}

/* So many of q 0.5, and then one. */
static const char *read_many(size_t n, const char *last)
{
    static struct redirect r;
    struct buf b = buf_in(&arena, 8192);
    for (size_t i = 0; i < n; i++)
        buf_addf(&b, "Contact: <sip:%zu@h>;q=0.5\r\n", i);
    buf_addf(&b, "Contact: %s\r\n", last);
    buf_add_char(&b, '\0');
    assert_false(b.has_overflown);
    redirect_parse(response(b.p), &r);
    return text(&r);
}

static void the_best_of_many(void **state)
{
    (void)state;
    const char *got = read_many(REDIRECT_CONTACTS_MAX - 1, "<sip:x@h>;q=0.1");
    assert_non_null(strstr(got, "14/500/0 x/100/0 - 0 0 0"));
    got = read_many(REDIRECT_CONTACTS_MAX, "<sip:x@h>;q=0.5");
    assert_non_null(strstr(got, "15/500/0 - 0 0 1"));
    assert_null(strchr(got, 'x'));
    got = read_many(REDIRECT_CONTACTS_MAX, "<sip:x@h>;q=0.6");
    assert_non_null(strstr(got, "x/600/0 0/500/0 "));
    assert_non_null(strstr(got, "14/500/0 - 0 0 1"));
    got = read_many(60, "<sip:x@h>");
    assert_non_null(strstr(got, "x/1000/0 0/500/0 "));
    assert_non_null(strstr(got, "14/500/0 - 0 0 45"));
}

/* 305 names a proxy, 380 says what it means in its body; of others nothing is known. */
static void which_are_followed(void **state)
{
    (void)state;
    for (unsigned status = 100; status < 700; status++)
        assert_int_equal(redirect_is_to_targets(status), status >= 300 && status <= 302);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contacts_in_their_order),
        cmocka_unit_test(the_best_of_many),
        cmocka_unit_test(which_are_followed),
    };
    arena_init(&arena, 1024 * 1024);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_fini(&arena);
    return failed;
}
