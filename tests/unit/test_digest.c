#include "unit.h"

#include "base/arena.h"
#include "base/err.h"
#include "mutate.h"
#include "sip/digest.h"
#include "sip/glue.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
#define COUNT(table) (sizeof(table) / sizeof *(table))
#define HEX32        "6629fae49393a05397450978507c4ef1"
#define HEX64        HEX32 HEX32
#define CREDENTIALS                                                                                \
    "Digest username=\"u\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"" HEX32 "\""

static void assert_part(struct str part, const char *want)
{
    assert_int_equal(str_is_none(part), want == NULL);
    if (want && !str_eq(part, str_of(want)))
        fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(part), want);
}

static const struct {
    struct str value;
    int got;
    const char *realm, *nonce, *opaque, *domain, *algorithm, *qop;
    bool is_stale, has_userhash;
} challenges[] = {
    {.value = TEXT("Digest realm=\"a\", nonce=\"b\""), .realm = "a", .nonce = "b"},
    /* RFC 7616 3.9.1 */
    {.value = TEXT("Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", "
                   "algorithm=SHA-256, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", "
                   "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""),
     .realm = "http-auth@example.org",
     .nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
     .opaque = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
     .algorithm = "SHA-256",
     .qop = "auth, auth-int"},
    {.value = TEXT("DIGEST\trealm=\"a\" ,\r\n nonce\t=\t\"b\" , STALE=True , userhash=true"),
     .realm = "a",
     .nonce = "b",
     .is_stale = true,
     .has_userhash = true},
    {.value = TEXT("Digest realm=\"a\\\"x,\\\\\",nonce=\"b\",foo=\"realm=\\\"z\\\", q\",stale=no"),
     .realm = "a\"x,\\",
     .nonce = "b"},
    {.value = TEXT("Digest nonce=\"\", realm=\"\", opaque=\"\", qop=auth, algorithm=\"MD5\", "
                   "domain=\"sip:a sip:b\", charset=UTF-8, userhash=false"),
     .realm = "",
     .nonce = "",
     .opaque = "",
     .domain = "sip:a sip:b",
     .algorithm = "MD5",
     .qop = "auth"},
    {.value = TEXT("Basic realm=\"a\""), .got = ERR_ABSENT},
    {.value = TEXT("NoOneKnowsThisScheme opaque-data=here"), .got = ERR_ABSENT}, /* regaut01 */
    {.value = TEXT(""), .got = ERR_ABSENT},
    {.value = TEXT("Digest"), .got = ERR_PARSE},
    {.value = TEXT("Digest "), .got = ERR_PARSE},
    {.value = TEXT("Digest realm=\"a\""), .got = ERR_PARSE},
    {.value = TEXT("Digest nonce=\"a\""), .got = ERR_PARSE},
    {.value = TEXT("Digest realm=a, nonce=\"b\""), .got = ERR_PARSE},
    {.value = TEXT("Digest realm=\"a\", nonce=b"), .got = ERR_PARSE},
    {.value = TEXT("Digest realm=\"a\"; nonce=\"b\""), .got = ERR_PARSE},
    {.value = TEXT("Digest realm=\"a\" nonce=\"b\""), .got = ERR_PARSE},
    {.value = TEXT("Digest realm=\"a\", nonce=\"b\", realm=\"c\""), .got = ERR_PARSE},
    {.value = TEXT("Digest realm=\"a\", nonce=\"b\","), .got = ERR_PARSE},
    {.value = TEXT("Digest realm=\"a\", nonce=\"b"), .got = ERR_PARSE},
    {.value = TEXT("Digest realm=\"a\", nonce=\"b\", algorithm"), .got = ERR_PARSE},
    {.value = TEXT("Digest realm=\"a\", nonce=\"b\", algorithm="), .got = ERR_PARSE},
    {.value = TEXT("Digest realm=\"a\0\", nonce=\"b\""), .got = ERR_PARSE},
    {.value = TEXT("Digest realm=\"a\\\0\", nonce=\"b\""), .got = ERR_PARSE},
};

static void challenges_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(challenges); i++) {
        struct arena a;
        arena_init(&a, 1 << 20);
        struct digest_challenge c;
        if (digest_parse_challenge(&a, challenges[i].value, &c) != challenges[i].got)
            fail_msg("\"%.*s\"", STR_FMT(challenges[i].value));
        if (challenges[i].got == 0) {
            assert_part(c.realm, challenges[i].realm);
            assert_part(c.nonce, challenges[i].nonce);
            assert_part(c.opaque, challenges[i].opaque);
            assert_part(c.domain, challenges[i].domain);
            assert_part(c.algorithm, challenges[i].algorithm);
            assert_part(c.qop, challenges[i].qop);
            assert_int_equal(c.is_stale, challenges[i].is_stale);
            assert_int_equal(c.has_userhash, challenges[i].has_userhash);
        }
        arena_fini(&a);
    }
}

static void credentials_with_everything(void **state)
{
    (void)state;
    static const struct str forms[] = {
        TEXT("Digest username=\"u\\\"1\",realm=\"r\",nonce=\"n\",uri=\"sip:x;y=z,1\","
             "response=\"" HEX64 "\",algorithm=SHA-256,opaque=\"\",qop=auth,nc=0000000a,"
             "cnonce=\"c\",userhash=true"),
        /* Quotes and blanks that should not be there, a parameter that nobody knows. */
        TEXT("digest  nc = \"0000000A\" ,auts=\"realm=\\\"z\\\"\" ,qop=\"auth\" ,cnonce=\"c\" ,\t"
             "userhash=TRUE ,opaque=\"\" ,algorithm=\"SHA-256\" ,response=\"" HEX64 "\" ,"
             "uri=\"sip:x;y=z,1\" ,nonce=\"n\" ,realm=\"r\" ,username=\"u\\\"1\" "),
    };
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct arena a;
        arena_init(&a, 1 << 20);
        struct digest_credentials c;
        assert_int_equal(digest_parse_credentials(&a, forms[i], &c), 0);
        assert_str(c.username, "u\"1");
        assert_str(c.realm, "r");
        assert_str(c.nonce, "n");
        assert_str(c.uri, "sip:x;y=z,1");
        assert_str(c.response, HEX64);
        assert_str(c.algorithm, "SHA-256");
        assert_part(c.opaque, "");
        assert_str(c.qop, "auth");
        assert_str(c.cnonce, "c");
        assert_int_equal(c.nonce_count, 10);
        assert_true(str_ieq(c.count_text, STR("0000000a")));
        assert_true(c.has_userhash);
        arena_fini(&a);
    }
}

static void credentials_are_checked(void **state)
{
    (void)state;
    static const struct {
        struct str value;
        int got;
    } rows[] = {
        {TEXT(CREDENTIALS), 0},
        {TEXT(CREDENTIALS ",nc=00000000"), 0},
        {TEXT(CREDENTIALS ",nc=ffffffff"), 0},
        {TEXT(CREDENTIALS ",nc=fffffffff"), ERR_PARSE},
        {TEXT(CREDENTIALS ",nc=-1"), ERR_PARSE},
        {TEXT(CREDENTIALS ",nc=\"\""), ERR_PARSE},
        {TEXT(CREDENTIALS ",username=\"v\""), ERR_PARSE},
        {TEXT(CREDENTIALS ",USERNAME=\"v\""), ERR_PARSE},
        {TEXT("Digest username=u,realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"" HEX32 "\""),
         ERR_PARSE},
        {TEXT("Digest realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"" HEX32 "\""), ERR_PARSE},
        {TEXT("Digest username=\"u\",nonce=\"n\",uri=\"sip:x\",response=\"" HEX32 "\""), ERR_PARSE},
        {TEXT("Digest username=\"u\",realm=\"r\",nonce=\"n\",response=\"" HEX32 "\""), ERR_PARSE},
        {TEXT("Digest username=\"u\",realm=\"r\",nonce=\"n\",uri=\"sip:x\""), ERR_PARSE},
        {TEXT("Digest username=\"u\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"\""),
         ERR_PARSE},
        {TEXT("Digest username=\"u\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"" HEX32
              "0\""),
         ERR_PARSE},
        {TEXT("Digest username=\"u\",realm=\"r\",nonce=\"n\",uri=\"sip:x\",response=\"" HEX32
              "6629fae49393a05397450978507c4efg\""),
         ERR_PARSE},
        {TEXT("Bearer abcd="), ERR_ABSENT},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena a;
        arena_init(&a, 1 << 20);
        struct digest_credentials c;
        if (digest_parse_credentials(&a, rows[i].value, &c) != rows[i].got)
            fail_msg("\"%.*s\"", STR_FMT(rows[i].value));
        arena_fini(&a);
    }
}

static void what_is_too_long_is_refused(void **state)
{
    (void)state;
    char text[DIGEST_VALUE_MAX + 1];
    memset(text, 'x', sizeof text);
    memcpy(text, "Digest realm=\"a\",nonce=\"", 24);
    text[DIGEST_VALUE_MAX] = '"';
    struct arena a;
    arena_init(&a, 1 << 20);
    struct digest_challenge c;
    assert_int_equal(digest_parse_challenge(&a, (struct str){text, sizeof text}, &c), ERR_TOOBIG);
    text[DIGEST_VALUE_MAX - 1] = '"';
    assert_int_equal(digest_parse_challenge(&a, (struct str){text, sizeof text - 1}, &c), 0);
    assert_int_equal(c.nonce.n, DIGEST_VALUE_MAX - 24 - 1);
    arena_fini(&a);
}

static const struct str full_credentials = TEXT(
    CREDENTIALS ",algorithm=MD5,opaque=\"o\",qop=auth,nc=00000001,cnonce=\"\\\"\",userhash=true");

/* Each limit of the arena: success or ERR_NOMEM, never anything else. */
static void every_arena_limit_is_survived(void **state)
{
    (void)state;
    bool has_worked = false;
    for (size_t used = 0; used < 4096; used += 16) {
        struct arena a;
        arena_init(&a, 4096);
        assert_non_null(arena_alloc(&a, used));
        struct digest_credentials c;
        int got = digest_parse_credentials(&a, full_credentials, &c);
        assert_true(got == 0 || got == ERR_NOMEM);
        assert_int_equal(got == ERR_NOMEM, a.has_failed);
        has_worked = has_worked || got == 0;
        struct digest_challenge d;
        arena_reset(&a, 4096);
        assert_non_null(arena_alloc(&a, used));
        got = digest_parse_challenge(&a, challenges[4].value, &d);
        assert_true(got == 0 || got == ERR_NOMEM);
        arena_fini(&a);
    }
    assert_true(has_worked);
}

static void parse_once(void *arg)
{
    (void)arg;
    struct arena a;
    arena_init(&a, 1 << 20);
    struct digest_credentials c;
    (void)digest_parse_credentials(&a, full_credentials, &c);
    arena_fini(&a);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_true(oom_sweep(parse_once, NULL) > 1);
}

static void damaged_values_are_survived(void **state)
{
    (void)state;
    uint64_t seed = 0x5eed0006;
    struct arena a;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < 20000; i++) {
        struct str in = mutate(i & 1 ? full_credentials : challenges[i % 5].value, &seed);
        struct digest_challenge challenge;
        struct digest_credentials credentials;
        int got = digest_parse_challenge(&a, in, &challenge);
        assert_true(got == 0 || got == ERR_PARSE || got == ERR_ABSENT);
        got = digest_parse_credentials(&a, in, &credentials);
        assert_true(got == 0 || got == ERR_PARSE || got == ERR_ABSENT);
        arena_reset(&a, 1 << 16);
        free((char *)(uintptr_t)in.p);
    }
    arena_fini(&a);
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
        cmocka_unit_test(challenges_are_read),
        cmocka_unit_test(credentials_with_everything),
        cmocka_unit_test(credentials_are_checked),
        cmocka_unit_test(what_is_too_long_is_refused),
        cmocka_unit_test(every_arena_limit_is_survived),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(damaged_values_are_survived),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
