#include "unit.h"

#include "base/arena.h"
#include "base/err.h"
#include "sip/digest_answer.h"
#include "sip/glue.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define Z(literal)                                                                                 \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }

static struct str hex_str(const struct digest_hex *h)
{
    return (struct str){h->text, h->n};
}

/* Both steps: H(A1) and the response. */
static void respond(const struct digest_account *account, enum digest_algorithm algorithm,
                    struct str method, const struct digest_credentials *given,
                    struct digest_hex *out)
{
    struct digest_answer *d;
    struct digest_hex ha1;
    assert_int_equal(digest_answer_new(&d), 0);
    assert_int_equal(digest_answer_ha1(d, algorithm, account, &ha1), 0);
    const struct digest_secret secret = {algorithm, hex_str(&ha1)};
    const struct digest_request request = {.method = method};
    assert_int_equal(digest_answer_response(d, &secret, &request, given, out), 0);
    digest_answer_free(d);
}

static const struct {
    enum digest_algorithm algorithm;
    struct digest_account account;
    struct str method;
    struct digest_credentials given;
    const char *response;
} vectors[] = {
    /* RFC 2617 3.5 */
    {DIGEST_MD5,
     {Z("Mufasa"), Z("testrealm@host.com"), Z("Circle Of Life")},
     Z("GET"),
     {.nonce = Z("dcd98b7102dd2f0e8b11d0f600bfb0c093"),
      .uri = Z("/dir/index.html"),
      .qop = Z("auth"),
      .nonce_count = 1,
      .cnonce = Z("0a4f113b")},
     "6629fae49393a05397450978507c4ef1"},
    /* RFC 2069's form; the value is that of RFC 2617's errata for the same account */
    {DIGEST_MD5,
     {Z("Mufasa"), Z("testrealm@host.com"), Z("CircleOfLife")},
     Z("GET"),
     {.nonce = Z("dcd98b7102dd2f0e8b11d0f600bfb0c093"), .uri = Z("/dir/index.html")},
     "1949323746fe6a43ef61f9606e7febea"},
    /* RFC 7616 3.9.1 */
    {DIGEST_MD5,
     {Z("Mufasa"), Z("http-auth@example.org"), Z("Circle of Life")},
     Z("GET"),
     {.nonce = Z("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"),
      .uri = Z("/dir/index.html"),
      .qop = Z("auth"),
      .nonce_count = 1,
      .cnonce = Z("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")},
     "8ca523f5e9506fed4657c9700eebdbec"},
    {DIGEST_SHA_256,
     {Z("Mufasa"), Z("http-auth@example.org"), Z("Circle of Life")},
     Z("GET"),
     {.nonce = Z("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"),
      .uri = Z("/dir/index.html"),
      .qop = Z("auth"),
      .nonce_count = 1,
      .cnonce = Z("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")},
     "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"},
};

static void the_rfc_examples_come_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct digest_hex got;
        respond(&vectors[i].account, vectors[i].algorithm, vectors[i].method, &vectors[i].given,
                &got);
        assert_true(str_eq(hex_str(&got), str_of(vectors[i].response)));
        assert_true(digest_answer_is_equal(&got, str_of(vectors[i].response)));
    }
}

/* The request of RFC 7616 3.9.2. The response printed there was made with a truncated SHA-512, as
 * its errata say; this one comes from Python's hashlib. */
static void sha_512_256(void **state)
{
    (void)state;
    const struct digest_account account = {Z("J\xc3\xa4s\xc3\xb8n Doe"), Z("api@example.org"),
                                           Z("Secret, or not?")};
    const struct digest_credentials given = {
        .nonce = Z("5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK"),
        .uri = Z("/doe.json"),
        .qop = Z("auth"),
        .nonce_count = 1,
        .cnonce = Z("NTg6RKcb9boFIAS3KrFK9BGeh+niz/sm"),
    };
    struct digest_hex response;
    respond(&account, DIGEST_SHA_512_256, STR("GET"), &given, &response);
    assert_str(hex_str(&response),
               "7a4e1192babbba02e91182d2895bfdbf7adafc6e48d4e517ca301974843d840c");
}

/* From Python's hashlib; the RFCs have no example. */
static const struct {
    enum digest_algorithm algorithm;
    struct digest_request request;
    struct str uri;
    const char *response;
} whole[] = {
    {DIGEST_MD5,
     {Z("INVITE"), Z("v=0\r\n")},
     Z("sip:bob@example.com"),
     "efffa8db1b3dfb33c0cc3937796f9ab3"},
    {DIGEST_SHA_256,
     {Z("INVITE"), Z("v=0\r\n")},
     Z("sip:bob@example.com"),
     "47c1a522d2ab3695c59fa441ada30310ceb72633e7a53b613b485d5af0c41ae0"},
    {DIGEST_SHA_512_256,
     {Z("REGISTER"), {NULL, 0}},
     Z("sip:example.com"),
     "7b2a673b7fdc0d5bf84aaf1fa3a196dcc090a46876f62c9f2b17687b1032017e"},
};

static void auth_int_covers_the_body(void **state)
{
    (void)state;
    const struct digest_account alice = {Z("alice"), Z("example.com"), Z("secret")};
    struct digest_answer *d;
    assert_int_equal(digest_answer_new(&d), 0);
    for (size_t i = 0; i < COUNT(whole); i++) {
        const struct digest_credentials given = {.nonce = Z("n1"),
                                                 .uri = whole[i].uri,
                                                 .qop = Z("auth-int"),
                                                 .nonce_count = 10,
                                                 .cnonce = Z("c1")};
        struct digest_request other = whole[i].request;
        struct digest_hex ha1, got;
        assert_int_equal(digest_answer_ha1(d, whole[i].algorithm, &alice, &ha1), 0);
        const struct digest_secret secret = {whole[i].algorithm, hex_str(&ha1)};
        assert_int_equal(digest_answer_response(d, &secret, &whole[i].request, &given, &got), 0);
        assert_true(str_eq(hex_str(&got), str_of(whole[i].response)));
        other.body = STR("v=1\r\n");
        assert_int_equal(digest_answer_response(d, &secret, &other, &given, &got), 0);
        assert_false(str_eq(hex_str(&got), str_of(whole[i].response)));
    }
    digest_answer_free(d);
}

/* The account of RFC 7616 3.9.2, whose own value has the mistake of its response. */
static void a_user_can_be_a_hash(void **state)
{
    (void)state;
    const struct digest_account account = {.user = Z("J\xc3\xa4s\xc3\xb8n Doe"),
                                           .realm = Z("api@example.org")};
    struct digest_answer *d;
    struct digest_hex got;
    assert_int_equal(digest_answer_new(&d), 0);
    assert_int_equal(digest_answer_userhash(d, DIGEST_SHA_512_256, &account, &got), 0);
    assert_str(hex_str(&got), "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b");
    digest_answer_free(d);
}

/* The response is made with the digits that were sent, not with ours. */
static void counts_are_hashed_as_they_came(void **state)
{
    (void)state;
    const struct digest_account alice = {Z("alice"), Z("example.com"), Z("secret")};
    const struct digest_credentials given = {.nonce = Z("n1"),
                                             .uri = Z("sip:bob@example.com"),
                                             .qop = Z("auth"),
                                             .nonce_count = 10,
                                             .count_text = Z("0000000A"),
                                             .cnonce = Z("c1")};
    struct digest_hex got;
    respond(&alice, DIGEST_MD5, STR("INVITE"), &given, &got);
    assert_str(hex_str(&got), "c9d4ef5cdcaaa8bf5330179231b6edd7");
}

static void responses_compare_by_value(void **state)
{
    (void)state;
    const struct digest_hex want = {.text = "abcdef", .n = 6};
    assert_true(digest_answer_is_equal(&want, STR("abcdef")));
    assert_true(digest_answer_is_equal(&want, STR("ABCdef")));
    assert_false(digest_answer_is_equal(&want, STR("abcdee")));
    assert_false(digest_answer_is_equal(&want, STR("abcde")));
    assert_false(digest_answer_is_equal(&want, STR("abcdeff")));
    assert_false(digest_answer_is_equal(&want, STR_NONE));
}

static void algorithms_have_names(void **state)
{
    (void)state;
    enum digest_algorithm found;
    assert_true(digest_answer_algorithm(STR_NONE, &found));
    assert_int_equal(found, DIGEST_MD5);
    assert_false(digest_answer_algorithm(STR(""), &found));
    assert_false(digest_answer_algorithm(STR("MD5-sess"), &found));
    assert_true(digest_answer_algorithm(STR("sha-256"), &found));
    assert_int_equal(found, DIGEST_SHA_256);
    for (int i = 0; i < DIGEST_ALGORITHM_MAX; i++) {
        struct str name = digest_answer_algorithm_name((enum digest_algorithm)i);
        assert_true(digest_answer_algorithm(name, &found));
        assert_int_equal(found, i);
    }
}

/* What is printed is what the parser reads. */
static void credentials_are_printed(void **state)
{
    (void)state;
    const struct digest_credentials given = {
        .username = Z("a\"b\\c"),
        .realm = Z("r"),
        .nonce = Z("n"),
        .uri = Z("sip:x"),
        .response = Z("6629fae49393a05397450978507c4ef1"),
        .algorithm = Z("MD5"),
        .opaque = Z(""),
        .qop = Z("auth"),
        .cnonce = Z("c"),
        .nonce_count = 0x1f,
    };
    char text[512];
    struct buf out = buf_over(text, sizeof text);
    digest_answer_print(&given, &out);
    assert_false(out.has_overflown);
    assert_str(buf_str(&out),
               "Digest username=\"a\\\"b\\\\c\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", "
               "response=\"6629fae49393a05397450978507c4ef1\", algorithm=MD5, opaque=\"\", "
               "qop=auth, nc=0000001f, cnonce=\"c\"");
    struct arena a;
    arena_init(&a, 1 << 20);
    struct digest_credentials read;
    assert_int_equal(digest_parse_credentials(&a, buf_str(&out), &read), 0);
    assert_str(read.username, "a\"b\\c");
    assert_int_equal(read.nonce_count, 0x1f);
    arena_fini(&a);
}

static void without_qop_neither_count_nor_cnonce(void **state)
{
    (void)state;
    const struct digest_credentials given = {
        .username = Z("u"),
        .realm = Z("r"),
        .nonce = Z("n"),
        .uri = Z("sip:x"),
        .cnonce = Z("c"),
        .response = Z("00"),
    };
    char text[512];
    struct buf out = buf_over(text, sizeof text);
    digest_answer_print(&given, &out);
    assert_str(buf_str(&out), "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:x\", "
                              "response=\"00\"");
}

static void start_once(void *arg)
{
    (void)arg;
    struct digest_answer *d = NULL;
    (void)digest_answer_new(&d);
    digest_answer_free(d);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_true(oom_sweep(start_once, NULL) > 1);
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
        cmocka_unit_test(the_rfc_examples_come_out),
        cmocka_unit_test(sha_512_256),
        cmocka_unit_test(auth_int_covers_the_body),
        cmocka_unit_test(a_user_can_be_a_hash),
        cmocka_unit_test(counts_are_hashed_as_they_came),
        cmocka_unit_test(responses_compare_by_value),
        cmocka_unit_test(algorithms_have_names),
        cmocka_unit_test(credentials_are_printed),
        cmocka_unit_test(without_qop_neither_count_nor_cnonce),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
