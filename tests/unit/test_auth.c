/* Whoever answers a challenge of ours learns from the time it takes no more than from the words:
 * the library's work is counted where it is asked for. */
#include "conffile.h"

#include <dlfcn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "service/auth.h"
#include "service/source.h"
#include "sip/digest_answer.h"
#include "sip/glue.h"

#define H32 "0123456789abcdef0123456789abcdef"
#define H64 H32 H32

/* ---------------------------------------------------------------- the library's work */

struct work {
    unsigned n_hashes, n_macs, n_compared;
    size_t n_bytes; /* hashed or compared */
};

static struct work work;

static void *true_one(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    assert_non_null(found);
    return found;
}

int EVP_DigestUpdate(EVP_MD_CTX *c, const void *bytes, size_t n)
{
    static int (*own)(EVP_MD_CTX *, const void *, size_t);
    if (!own)
        *(void **)&own = true_one("EVP_DigestUpdate");
    work.n_bytes += n;
    return own(c, bytes, n);
}

int EVP_DigestFinal_ex(EVP_MD_CTX *c, unsigned char *out, unsigned *n)
{
    static int (*own)(EVP_MD_CTX *, unsigned char *, unsigned *);
    if (!own)
        *(void **)&own = true_one("EVP_DigestFinal_ex");
    work.n_hashes++;
    return own(c, out, n);
}

int EVP_MAC_final(EVP_MAC_CTX *c, unsigned char *out, size_t *n, size_t size)
{
    static int (*own)(EVP_MAC_CTX *, unsigned char *, size_t *, size_t);
    if (!own)
        *(void **)&own = true_one("EVP_MAC_final");
    work.n_macs++;
    return own(c, out, n, size);
}

int CRYPTO_memcmp(const void *a, const void *b, size_t n)
{
    static int (*own)(const void *, const void *, size_t);
    if (!own)
        *(void **)&own = true_one("CRYPTO_memcmp");
    work.n_compared++;
    work.n_bytes += n;
    return own(a, b, n);
}

/* ---------------------------------------------------------------- one worker */

static struct context context;

static int start(void **state)
{
    const struct token_key key = {.id = 1, .bytes = {7}};
    if (enter_directory(state))
        return -1;
    glue_init();
    write_file("c",
               "alice:example.com:" H32 "\nalice:example.com:" H64 ":SHA-256\n"
               "clive:example.com:" H32 "\nclive:example.com:" H64 ":SHA-256\n",
               0600);
    char path[64], text[512];
    (void)snprintf(path, sizeof path, "%s/c", directory);
    (void)snprintf(text, sizeof text,
                   "listen \"a\" { address = \"udp:127.0.0.1:5060\" }\n"
                   "upstream \"u\" { servers = \"sip:192.0.2.1\" }\n"
                   "domain \"example.com\" { authentication = local credentials = \"%s\" }\n"
                   "limits { failures-before-ban = 0 }\n",
                   path);
    context.conf = load_good(text);
    arena_init(&context.scratch, 1 << 20);
    context.loop_key = hash_key_new();
    return auth_new(&key, &context.auth) || source_table_new(&context.sources) ? -1 : 0;
}

static int stop(void **state)
{
    auth_free(context.auth);
    source_table_free(context.sources);
    arena_fini(&context.scratch);
    conf_unref(context.conf);
    (void)unlink("c");
    return leave_directory(state);
}

static const struct packet packet = {
    .flow = {.peer = {.family = 4, .ip = {192, 0, 2, 7}, .port = 5060}}};

/* A REGISTER of a line, with these credentials or none. */
static const struct msg *request(const char *user, struct str credentials)
{
    enum { MAX = 4096 };
    char *text = arena_alloc(&context.scratch, MAX);
    struct buf b = buf_over(text, MAX);
    buf_addf(&b,
             "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n"
             "From: <sip:%s@example.com>;tag=1\r\nTo: <sip:%s@example.com>\r\nCall-ID: c\r\n"
             "CSeq: 1 REGISTER\r\n",
             user, user);
    if (!str_is_none(credentials))
        buf_addf(&b, "Authorization: %.*s\r\n", STR_FMT(credentials));
    buf_add(&b, STR("\r\n"));
    struct msg *m;
    struct msg_fault fault;
    assert_int_equal(msg_index(&context.scratch, buf_str(&b), &msg_limits_default, &m, &fault), 0);
    return m;
}

static struct auth_claim claim_of(const char *user)
{
    char *aor = arena_alloc(&context.scratch, 64);
    struct buf b = buf_over(aor, 64);
    buf_addf(&b, "%s@example.com", user);
    return (struct auth_claim){
        .domain = &context.conf->domains[0], .lines = {buf_str(&b)}, .n_lines = 1};
}

/* The nonce of a challenge to a line; its bytes are in the arena. */
static struct str challenge(const char *user, size_t *len)
{
    struct auth_claim claim = claim_of(user);
    const struct auth_result nothing = {.verdict = AUTH_UNPROVEN};
    struct build_reply r = auth_challenge(&context, &packet, &claim, &nothing);
    static const struct str name = {"nonce=\"", 7};
    const char *at = memmem(r.headers.p, r.headers.n, name.p, name.n);
    assert_int_equal(r.status, 401);
    assert_non_null(at);
    *len = r.headers.n;
    struct str rest = str_span(at + name.n, str_end(r.headers));
    return str_span(rest.p, str_find(rest, '"'));
}

/* An answer by H(A1), or where that is NULL a guess. */
static struct str answer(const char *user, enum digest_algorithm algorithm, const char *ha1)
{
    size_t len;
    struct digest_answer *d;
    struct digest_hex response;
    struct digest_credentials c = {
        .username = str_of(user),
        .realm = STR("example.com"),
        .nonce = challenge(user, &len),
        .uri = STR("sip:example.com"),
        .algorithm = digest_answer_algorithm_name(algorithm),
        .opaque = STR_NONE,
        .qop = STR("auth"),
        .cnonce = STR("x"),
        .nonce_count = 1,
        .count_text = STR_NONE,
    };
    const struct digest_secret secret = {algorithm, str_of(ha1 ? ha1 : algorithm ? H64 : H32)};
    const struct digest_request q = {.method = STR("REGISTER")};
    assert_int_equal(digest_answer_new(&d), 0);
    assert_int_equal(digest_answer_response(d, &secret, &q, &c, &response), 0);
    digest_answer_free(d);
    if (!ha1)
        response.text[0] = response.text[0] == '0' ? '1' : '0';
    c.response = (struct str){response.text, response.n};
    char *text = arena_alloc(&context.scratch, 1024);
    struct buf out = buf_over(text, 1024);
    digest_answer_print(&c, &out);
    return buf_str(&out);
}

static enum auth_verdict judge(const char *user, enum digest_algorithm algorithm, const char *ha1,
                               struct work *out)
{
    struct auth_claim claim = claim_of(user);
    struct auth_result result;
    const struct msg *m = request(user, answer(user, algorithm, ha1));
    work = (struct work){0};
    enum auth_verdict verdict = auth_check(&context, &packet, m, &claim, &result);
    *out = work;
    arena_reset(&context.scratch, 1 << 16);
    return verdict;
}

/* ---------------------------------------------------------------- the tests */

static void assert_same(const struct work *a, const struct work *b)
{
    assert_int_equal(a->n_hashes, b->n_hashes);
    assert_int_equal(a->n_macs, b->n_macs);
    assert_int_equal(a->n_compared, b->n_compared);
    assert_int_equal(a->n_bytes, b->n_bytes);
}

static void an_unknown_user_costs_what_a_wrong_password_costs(void **state)
{
    static const enum digest_algorithm algorithms[] = {DIGEST_MD5, DIGEST_SHA_256};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct work right, wrong, unknown;
        const char *ha1 = algorithms[i] ? H64 : H32;
        assert_int_equal(judge("alice", algorithms[i], ha1, &right), AUTH_PROVEN);
        assert_int_equal(judge("alice", algorithms[i], NULL, &wrong), AUTH_DISPROVEN);
        assert_int_equal(judge("nobod", algorithms[i], NULL, &unknown), AUTH_DISPROVEN);
        assert_true(wrong.n_hashes >= 2);      /* H(A2) and the response */
        assert_int_equal(wrong.n_macs, 2);     /* the nonce, and an H(A1) that nobody has */
        assert_int_equal(wrong.n_compared, 2); /* the nonce and the response */
        assert_same(&unknown, &wrong);
        assert_same(&right, &wrong);
    }
}

/* Not even if he should guess the H(A1) that is made for him, or what stands in an empty place. */
static void an_unknown_user_has_no_password(void **state)
{
    struct work ignored;
    (void)state;
    assert_int_equal(judge("nobod", DIGEST_MD5, H32, &ignored), AUTH_DISPROVEN);
    assert_int_equal(judge("nobod", DIGEST_MD5, "00000000000000000000000000000000", &ignored),
                     AUTH_DISPROVEN);
}

static void their_challenges_are_of_one_form(void **state)
{
    size_t known, unknown;
    (void)state;
    work = (struct work){0};
    (void)challenge("alice", &known);
    struct work first = work;
    work = (struct work){0};
    (void)challenge("nobod", &unknown);
    assert_int_equal(known, unknown);
    assert_same(&first, &work);
    arena_reset(&context.scratch, 1 << 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_user_costs_what_a_wrong_password_costs),
        cmocka_unit_test(an_unknown_user_has_no_password),
        cmocka_unit_test(their_challenges_are_of_one_form),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
