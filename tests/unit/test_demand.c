#include "unit.h"

#include "base/arena.h"
#include "base/err.h"
#include "sip/demand.h"
#include "sip/glue.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static struct arena arena;

/* A 401 with these further lines. */
static const struct msg *response(const char *lines)
{
    char *text = arena_alloc(&arena, 65536);
    struct buf b = buf_over(text, 65536);
    buf_addf(&b,
             "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;"
             "tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n%s\r\n",
             lines);
    struct msg *m;
    struct msg_fault fault;
    assert_int_equal(msg_index(&arena, buf_str(&b), &msg_limits_default, &m, &fault), 0);
    return m;
}

static const struct {
    const char *lines;
    const char *read; /* "nonce algorithm-number session qop proxy" each */
} responses[] = {
    {"", ""},
    {"WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n", "n 0---;"},
    {"WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"\"\r\n", "n 0---;"},
    {"WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=auth, algorithm=md5\r\n", "n 0-q-;"},
    {"Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth-int, AUTH\", "
     "algorithm=SHA-512-256-SESS\r\n",
     "n 2sqp;"},
    {"Proxy-Authenticate: Digest realm=\"r\", nonce=\"p\", algorithm=SHA-256\r\n"
     "WWW-Authenticate: Digest realm=\"r\", nonce=\"w\", algorithm=SHA-256\r\n",
     "w 1---;p 1--p;"},
    {"WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"x,Auth-Int\", "
     "algorithm=MD5-sess\r\n",
     "n 0si-;"},
    /* what cannot be answered */
    {"WWW-Authenticate: Basic realm=\"r\"\r\n", ""},
    {"WWW-Authenticate: Digest realm=\"r\"\r\n", ""},
    {"WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-3\r\n", ""},
    {"WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=-sess\r\n", ""},
    {"WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"token\"\r\n", ""},
    {"WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=MD5-sess\r\n", ""},
    {"WWW-Authenticate: Digest realm=\"r\", nonce=\"bad\r\n"
     "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n",
     "n 0---;"},
};

static char qop_letter(struct str qop)
{
    if (str_is_none(qop))
        return '-';
    return str_eq(qop, STR("auth")) ? 'q' : 'i';
}

static void what_can_be_answered_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(responses); i++) {
        struct demand list[DEMAND_MAX];
        char text[512] = "";
        struct buf b = buf_over(text, sizeof text - 1);
        size_t n = demand_read(&arena, response(responses[i].lines), list);
        for (size_t k = 0; k < n; k++)
            buf_addf(&b, "%.*s %d%c%c%c;", STR_FMT(list[k].digest.nonce), (int)list[k].algorithm,
                     list[k].is_session ? 's' : '-', qop_letter(list[k].qop),
                     list[k].is_proxy ? 'p' : '-');
        assert_string_equal(text, responses[i].read);
    }
}

static void a_bounded_number_is_looked_at(void **state)
{
    (void)state;
    char *lines = arena_calloc(&arena, 1, 8192);
    struct buf b = buf_over(lines, 8191);
    struct demand list[DEMAND_MAX];
    for (int i = 0; i < DEMAND_MAX + 5; i++)
        buf_addf(&b, "WWW-Authenticate: Digest realm=\"r%d\", nonce=\"n\"\r\n", i);
    assert_int_equal(demand_read(&arena, response(lines), list), DEMAND_MAX);
}

static const struct {
    const char *name;
    struct demand challenge;
    struct demand_account account;
    struct demand_request request;
    const char *response;
} vectors[] = {
    /* RFC 7616 3.9.1 */
    {"MD5",
     {{.realm = STR("http-auth@example.org"),
       .nonce = STR("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"),
       .algorithm = STR("MD5")},
      .algorithm = DIGEST_MD5,
      .qop = STR("auth")},
     {STR("Mufasa"), STR("Circle of Life"), STR_NONE},
     {STR("GET"), STR("/dir/index.html"), STR("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"), 1,
      STR_NONE},
     "8ca523f5e9506fed4657c9700eebdbec"},
    {"SHA-256",
     {{.realm = STR("http-auth@example.org"),
       .nonce = STR("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"),
       .algorithm = STR("SHA-256")},
      .algorithm = DIGEST_SHA_256,
      .qop = STR("auth")},
     {STR("Mufasa"), STR("Circle of Life"), STR_NONE},
     {STR("GET"), STR("/dir/index.html"), STR("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"), 1,
      STR_NONE},
     "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
/* The same arithmetic by another library. */
#define REGISTER(name, number, session, ha, want)                                                  \
    {                                                                                              \
        name,                                                                                      \
            {{.realm = STR("pbx"), .nonce = STR("n1"), .algorithm = STR(name)},                    \
             .algorithm = number,                                                                  \
             .is_session = session,                                                                \
             .qop = STR("auth")},                                                                  \
            ha, {STR("REGISTER"), STR("sip:example.com"), STR("0a4f113b"), 2, STR_NONE}, want      \
    }
#define BY_PASSWORD                                                                                \
    {                                                                                              \
        STR("alice"), STR("open sesame"), STR_NONE                                                 \
    }
#define BY_HASH                                                                                    \
    {                                                                                              \
        STR("alice"), STR_NONE,                                                                    \
            STR("8a0ab7e01928a66f696aa21bc1ae2529805b7cc632fd8bb2061aed9aa9a73d3a")                \
    }
    REGISTER("MD5", DIGEST_MD5, false, BY_PASSWORD, "40749de174af3886f04ffa402ed7071f"),
    REGISTER("MD5-sess", DIGEST_MD5, true, BY_PASSWORD, "b623fa8d674b869bab2d698021f2e960"),
    REGISTER("SHA-256", DIGEST_SHA_256, false, BY_PASSWORD,
             "e49671e171938b3bc98eb994b40b9f82472f09caa99d1a3a5a02497e87af74db"),
    REGISTER("SHA-256-sess", DIGEST_SHA_256, true, BY_PASSWORD,
             "166ec045270779213357c4caef5f029d801af16f5a574ee25b31f262e3617399"),
    REGISTER("SHA-512-256", DIGEST_SHA_512_256, false, BY_PASSWORD,
             "4ada151836435f36895a81319d3369bf7c865829bb1c42554bcaa08bcd8432da"),
    REGISTER("SHA-512-256-sess", DIGEST_SHA_512_256, true, BY_PASSWORD,
             "f05299fd7a95dad676f759da706f3686762c640bb2a18eca7d6acdc620803ac3"),
    REGISTER("SHA-512-256", DIGEST_SHA_512_256, false, BY_HASH,
             "4ada151836435f36895a81319d3369bf7c865829bb1c42554bcaa08bcd8432da"),
    REGISTER("SHA-512-256-sess", DIGEST_SHA_512_256, true, BY_HASH,
             "f05299fd7a95dad676f759da706f3686762c640bb2a18eca7d6acdc620803ac3"),
};

static void the_answers_are_right(void **state)
{
    (void)state;
    struct digest_answer *d;
    assert_int_equal(digest_answer_new(&d), 0);
    for (size_t i = 0; i < COUNT(vectors); i++) {
        char text[1024];
        struct buf out = buf_over(text, sizeof text);
        struct digest_credentials c;
        assert_int_equal(
            demand_answer(d, &vectors[i].challenge, &vectors[i].account, &vectors[i].request, &out),
            0);
        assert_int_equal(digest_parse_credentials(&arena, buf_str(&out), &c), 0);
        if (!str_eq(c.response, str_of(vectors[i].response)))
            fail_msg("%s: %.*s", vectors[i].name, STR_FMT(c.response));
        assert_true(str_eq(c.algorithm, str_of(vectors[i].name)));
        assert_true(str_eq(c.uri, vectors[i].request.uri));
        assert_str(c.qop, "auth");
        assert_int_equal(c.nonce_count, vectors[i].request.count);
    }
    digest_answer_free(d);
}

/* RFC 7616 3.4.3: H(A2) covers the body; without one, nothing. */
static void the_body_counts_with_auth_int(void **state)
{
    (void)state;
    static const struct {
        struct str body;
        const char *response;
    } bodies[] = {
        {{NULL, 0}, "a44bee7fd9f110949fe3a0e631fb0f8f7242922bcbded8fdf5b6a296c2215629"},
        {{"v=0\r\n", 5}, "747ef11b3cb4a97b41bbb0cf4fc0db5bfe0b4c2cfee87b32839057c6c52056c1"}};
    const struct demand c = {{.realm = STR("pbx"), .nonce = STR("n1")},
                             .algorithm = DIGEST_SHA_256,
                             .qop = STR("auth-int")};
    const struct demand_account account = BY_PASSWORD;
    struct digest_answer *d;
    assert_int_equal(digest_answer_new(&d), 0);
    for (size_t i = 0; i < COUNT(bodies); i++) {
        char text[1024];
        struct buf out = buf_over(text, sizeof text);
        struct digest_credentials given;
        const struct demand_request q = {STR("REGISTER"), STR("sip:example.com"), STR("0a4f113b"),
                                         1, bodies[i].body};
        assert_int_equal(demand_answer(d, &c, &account, &q, &out), 0);
        assert_int_equal(digest_parse_credentials(&arena, buf_str(&out), &given), 0);
        assert_str(given.qop, "auth-int");
        if (!str_eq(given.response, str_of(bodies[i].response)))
            fail_msg("%zu: %.*s", i, STR_FMT(given.response));
    }
    digest_answer_free(d);
}

static void without_qop_nothing_is_counted(void **state)
{
    (void)state;
    struct digest_answer *d;
    char text[1024];
    struct buf out = buf_over(text, sizeof text);
    const struct demand c = {{.realm = STR("pbx"), .nonce = STR("n1"), .opaque = STR("o")},
                             .algorithm = DIGEST_MD5};
    const struct demand_account account = BY_PASSWORD;
    const struct demand_request q = {STR("REGISTER"), STR("sip:example.com"), STR("x"), 1,
                                     STR_NONE};
    assert_int_equal(digest_answer_new(&d), 0);
    assert_int_equal(demand_answer(d, &c, &account, &q, &out), 0);
    assert_str(buf_str(&out), "Digest username=\"alice\", realm=\"pbx\", nonce=\"n1\", "
                              "uri=\"sip:example.com\", "
                              "response=\"bf4bca4b09f5309f1a6d5414b5b13c3b\", opaque=\"o\"");
    struct buf small = buf_over(text, 40);
    assert_int_equal(demand_answer(d, &c, &account, &q, &small), 0);
    assert_true(small.has_overflown);
    digest_answer_free(d);
}

static const struct {
    const char *lines;
    const char *nonce, *of_proxy; /* NULL: none */
} infos[] = {
    {"", NULL, NULL},
    {"Authentication-Info: nextnonce=\"n2\"\r\n", "n2", NULL},
    {"Authentication-Info: qop=auth, rspauth=\"a,nextnonce=b\" , NextNonce = \"n\\\"2\", nc=1\r\n",
     "n\"2", NULL},
    {"Authentication-Info: nextnonce=\"\"\r\n", NULL, NULL},
    {"Authentication-Info: nextnonce, rspauth=\"a\"\r\n", NULL, NULL},
    {"Authentication-Info: xnextnonce=\"a\"\r\n", NULL, NULL},
    {"Proxy-Authentication-Info: nextnonce=\"p2\"\r\n", NULL, "p2"},
};

static void the_next_nonce_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(infos); i++) {
        const struct msg *m = response(infos[i].lines);
        struct str got = demand_next_nonce(&arena, m, false);
        struct str of_proxy = demand_next_nonce(&arena, m, true);
        assert_true(str_eq(got, str_of(infos[i].nonce)));
        assert_true(str_eq(of_proxy, str_of(infos[i].of_proxy)));
        assert_int_equal(str_is_none(got), infos[i].nonce == NULL);
    }
}

static void read_all(void *arg)
{
    struct arena small;
    struct demand list[DEMAND_MAX];
    arena_init(&small, 4096);
    (void)demand_read(&small, arg, list);
    (void)demand_next_nonce(&small, arg, false);
    arena_fini(&small);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    const struct msg *m = response("WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n"
                                   "Authentication-Info: nextnonce=\"n2\"\r\n");
    assert_true(oom_sweep(read_all, (void *)(uintptr_t)m) > 1);
}

static int enter(void **state)
{
    (void)state;
    glue_init();
    arena_init(&arena, 1 << 24);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_can_be_answered_is_read),
        cmocka_unit_test(a_bounded_number_is_looked_at),
        cmocka_unit_test(the_answers_are_right),
        cmocka_unit_test(the_body_counts_with_auth_int),
        cmocka_unit_test(without_qop_nothing_is_counted),
        cmocka_unit_test(the_next_nonce_is_found),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
