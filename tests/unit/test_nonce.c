#include "unit.h"

#include <stdlib.h>

#include "service/nonce.h"

static const struct nonce_scope scope = {{"example.com", 11}, 7};

enum { NOW = 1800000000 };

static const struct token_key key = {.bytes = "0123456789abcdef0123456789abcde"};
static const struct token_key other_key = {.bytes = "0123456789abcdef0123456789abcdX"};

static struct seal *make_seal(const struct token_key *k)
{
    struct seal *s;
    assert_int_equal(seal_new(k, &s), 0);
    return s;
}

static struct nonce_mint *make(struct seal *s)
{
    struct nonce_mint *n;
    assert_int_equal(nonce_new(s, &n), 0);
    return n;
}

/* One use of a young nonce. */
static enum nonce_outcome take(struct nonce_mint *n, uint32_t number, uint32_t count,
                               uint64_t request)
{
    return nonce_take(n, &(struct nonce_use){number, count, request, true});
}

static enum nonce_age age(struct nonce_mint *n, struct str text, uint64_t now_s)
{
    uint32_t number;
    return nonce_parse(n, text, &scope, now_s, &number);
}

static void the_hmac_is_what_others_make_of_it(void **state)
{
    (void)state;
    /* with the length of the part in front, little-endian: from Python's hmac */
    static const uint8_t want[] = {0xf2, 0xd7, 0x55, 0xe7, 0x51, 0x62, 0x2c, 0xac, 0xfd, 0xc6, 0x90,
                                   0x3e, 0xa5, 0xe6, 0x55, 0x18, 0x64, 0x5a, 0x03, 0x60, 0xc2, 0x8c,
                                   0xc3, 0x2c, 0x18, 0x0a, 0x6f, 0xd1, 0x1d, 0x84, 0xf4, 0x0c};
    uint8_t got[TOKEN_MAC_LEN];
    struct seal *s = make_seal(&key);
    for (int i = 0; i < 2; i++) {
        const struct str parts[] = {STR("a"), STR("bc")};
        assert_true(seal_make(s, parts, 2, got));
        assert_memory_equal(got, want, sizeof want);
    }
    seal_free(s);
}

static void a_nonce_has_its_time(void **state)
{
    (void)state;
    char text[NONCE_LEN];
    struct seal *s = make_seal(&key);
    struct nonce_mint *n = make(s);
    struct str nonce = nonce_print(n, &scope, NOW, text);
    assert_int_equal(nonce.n, NONCE_LEN);
    assert_int_equal(age(n, nonce, NOW), NONCE_YOUNG);
    assert_int_equal(age(n, nonce, NOW + NONCE_LIFE_S), NONCE_YOUNG);
    assert_int_equal(age(n, nonce, NOW + NONCE_LIFE_S + 1), NONCE_OLD);
    assert_int_equal(age(n, nonce, NOW + 10000000), NONCE_OLD);
    nonce_free(n);
    seal_free(s);
}

/* Another worker, and the same after a restart: it is ours, but its counts are not known there. */
static void a_nonce_is_good_at_home_only(void **state)
{
    (void)state;
    char text[NONCE_LEN];
    struct seal *s = make_seal(&key), *stranger_seal = make_seal(&other_key);
    struct nonce_mint *n = make(s), *elsewhere = make(s), *stranger = make(stranger_seal);
    struct str nonce = nonce_print(n, &scope, NOW, text);
    assert_int_equal(age(elsewhere, nonce, NOW), NONCE_OLD);
    assert_int_equal(age(stranger, nonce, NOW), NONCE_FOREIGN);
    nonce_free(n);
    nonce_free(elsewhere);
    nonce_free(stranger);
    seal_free(s);
    seal_free(stranger_seal);
}

/* It has been sent to somebody else. */
static void a_nonce_is_good_for_its_source_only(void **state)
{
    (void)state;
    const struct nonce_scope other = {scope.realm, scope.source + 1};
    char text[NONCE_LEN];
    uint32_t number;
    struct seal *s = make_seal(&key);
    struct nonce_mint *n = make(s);
    struct str nonce = nonce_print(n, &scope, NOW, text);
    assert_int_equal(nonce_parse(n, nonce, &other, NOW, &number), NONCE_OLD);
    assert_int_equal(nonce_parse(n, nonce, &scope, NOW, &number), NONCE_YOUNG);
    nonce_free(n);
    seal_free(s);
}

static void nothing_else_is_ours(void **state)
{
    (void)state;
    char text[NONCE_LEN + 1] = "";
    const struct nonce_scope other_realm = {STR("other.example"), scope.source};
    uint32_t number;
    struct seal *s = make_seal(&key);
    struct nonce_mint *n = make(s);
    struct str nonce = nonce_print(n, &scope, NOW, text);
    for (size_t i = 0; i < NONCE_LEN; i++) {
        char was = text[i];
        text[i] = was == '0' ? '1' : '0';
        assert_int_equal(age(n, nonce, NOW), NONCE_FOREIGN);
        text[i] = 'g';
        assert_int_equal(age(n, nonce, NOW), NONCE_FOREIGN);
        text[i] = was;
    }
    assert_int_equal(age(n, nonce, NOW), NONCE_YOUNG);
    assert_int_equal(age(n, (struct str){text, NONCE_LEN - 1}, NOW), NONCE_FOREIGN);
    assert_int_equal(age(n, (struct str){text, NONCE_LEN + 1}, NOW), NONCE_FOREIGN);
    assert_int_equal(age(n, STR(""), NOW), NONCE_FOREIGN);
    assert_int_equal(nonce_parse(n, nonce, &other_realm, NOW, &number), NONCE_FOREIGN);
    nonce_free(n);
    seal_free(s);
}

/* Counts of one nonce, each with what becomes of it; a letter is the request. */
static const struct {
    const char *uses;
    const char *want; /* t: taken, r: replayed, u: used up */
} rows[] = {
    {"1a 2b 3c", "ttt"},
    {"1a 1a 1a", "ttt"},                       /* a retransmission */
    {"1a 1b", "tr"},                           /* a replay, by another or to another end */
    {"1a 2b 1a", "ttr"},                       /* a late copy of an older one is a replay, too */
    {"5a 3b 4c 3d 5a", "tttrt"},               /* overtaken on the way */
    {"1a 100b 50c 36d 37e 50f", "tttrtr"},     /* 63 behind at most */
    {"1a 4294967295b 1c 4294967294d", "ttrt"}, /* a jump as far as it goes */
    {"0a 0a", "tt"},                           /* without counts it is good once */
    {"0a 0b", "tu"},
    {"0a 1b", "tu"},
    {"1a 0b", "tu"},
};

static void counts_come_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct seal *s = make_seal(&key);
        struct nonce_mint *n = make(s);
        const char *at = rows[i].uses;
        for (const char *want = rows[i].want; *want; want++) {
            char *end;
            uint32_t count = (uint32_t)strtoul(at, &end, 10);
            enum nonce_outcome got = take(n, 9, count, (uint64_t)*end);
            if ("tru"[got] != *want)
                fail_msg("%s: use %d is %c", rows[i].uses, (int)(want - rows[i].want), "tru"[got]);
            at = end + 1;
        }
        nonce_free(n);
        seal_free(s);
    }
}

/* What has a transaction of its own does not come twice: the same again is a replay. */
static void what_may_not_repeat_comes_once(void **state)
{
    (void)state;
    struct seal *s = make_seal(&key);
    struct nonce_mint *n = make(s);
    struct nonce_use counted = {5, 1, 77, false}, uncounted = {6, 0, 77, false};
    assert_int_equal(nonce_take(n, &counted), NONCE_TAKEN);
    assert_int_equal(nonce_take(n, &counted), NONCE_REPLAYED);
    assert_int_equal(nonce_take(n, &uncounted), NONCE_TAKEN);
    assert_int_equal(nonce_take(n, &uncounted), NONCE_USED_UP);
    counted.may_repeat = true;
    assert_int_equal(nonce_take(n, &counted), NONCE_TAKEN);
    nonce_free(n);
    seal_free(s);
}

/* The table has one place for many: the latest of those that were used has it, and what was pushed
 * out is taken by nobody any more. */
static void what_is_pushed_out_is_used_up(void **state)
{
    (void)state;
    struct seal *s = make_seal(&key);
    struct nonce_mint *n = make(s);
    assert_int_equal(take(n, 5, 1, 1), NONCE_TAKEN);
    assert_int_equal(take(n, 5 + (1 << 16), 1, 2), NONCE_TAKEN);
    assert_int_equal(take(n, 5, 2, 3), NONCE_USED_UP);
    assert_int_equal(take(n, 5, 1, 1), NONCE_USED_UP);
    assert_int_equal(take(n, 5 + (1 << 16), 2, 4), NONCE_TAKEN);
    assert_int_equal(take(n, 6, 1, 1), NONCE_TAKEN);
    /* the number wraps */
    assert_int_equal(take(n, UINT32_MAX - 9, 1, 1), NONCE_TAKEN);
    assert_int_equal(take(n, 65526, 1, 1), NONCE_TAKEN);
    assert_int_equal(take(n, UINT32_MAX - 9, 2, 1), NONCE_USED_UP);
    nonce_free(n);
    seal_free(s);
}

static void make_once(void *arg)
{
    struct seal *s = NULL;
    struct nonce_mint *n = NULL;
    (void)arg;
    if (seal_new(&key, &s) == 0)
        (void)nonce_new(s, &n);
    nonce_free(n);
    seal_free(s);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_true(oom_sweep(make_once, NULL) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hmac_is_what_others_make_of_it),
        cmocka_unit_test(a_nonce_has_its_time),
        cmocka_unit_test(a_nonce_is_good_at_home_only),
        cmocka_unit_test(a_nonce_is_good_for_its_source_only),
        cmocka_unit_test(nothing_else_is_ours),
        cmocka_unit_test(counts_come_once),
        cmocka_unit_test(what_may_not_repeat_comes_once),
        cmocka_unit_test(what_is_pushed_out_is_used_up),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
