#include "unit.h"

#include "core/token.h"
#include "mutate.h"

static const struct token_key key = {.id = 10, .bytes = "0123456789abcdef0123456789abcde"};
static const struct token_key other_key = {.id = 10, .bytes = "0123456789abcdef0123456789abcdX"};

static const uint64_t ids[] = {1, 2, 0x8000000000000000, UINT64_MAX, 0x0123456789abcdef};
enum { N_IDS = sizeof ids / sizeof *ids };

static void a_token_gives_its_id_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_IDS; i++) {
        char text[TOKEN_LEN];
        uint64_t id = 0;
        struct str t = token_print(&key, ids[i], text);
        assert_int_equal(t.n, TOKEN_LEN);
        for (size_t c = 0; c < t.n; c++)
            assert_true(ascii_is_digit(t.p[c]) || (t.p[c] >= 'a' && t.p[c] <= 'z'));
        assert_true(token_parse(&key, t, &id));
        assert_int_equal(id, ids[i]);
    }
}

/* The first contact upstream after an upgrade must be the one from before it (D47, OS-1321). */
static void a_token_is_the_same_after_a_restart(void **state)
{
    (void)state;
    char text[TOKEN_LEN];
    assert_str(token_print(&key, 0x0123456789abcdef, text), "a04hkaps9lf6uunjvauq0s1lqvfu7sb");
}

static void each_purpose_has_a_hash_key(void **state)
{
    (void)state;
    struct hash_key a, b, c, d;
    assert_true(token_hash_key(&key, STR("a"), &a));
    assert_true(token_hash_key(&key, STR("a"), &b));
    assert_true(token_hash_key(&key, STR("b"), &c));
    assert_true(token_hash_key(&other_key, STR("a"), &d));
    assert_memory_equal(&a, &b, sizeof a);
    assert_memory_not_equal(&a, &c, sizeof a);
    assert_memory_not_equal(&a, &d, sizeof a);
    assert_true(a.k0 != a.k1);
}

static void registrars_change_the_case(void **state)
{
    (void)state;
    char text[TOKEN_LEN];
    uint64_t id = 0;
    struct str t = token_print(&key, ids[4], text);
    for (size_t c = 0; c < t.n; c++)
        if (ascii_is_alpha(text[c]))
            text[c] = (char)(text[c] - 'a' + 'A');
    assert_true(token_parse(&key, t, &id));
    assert_int_equal(id, ids[4]);
}

static void a_foreign_or_damaged_token_is_refused(void **state)
{
    (void)state;
    char text[TOKEN_LEN];
    uint64_t id = 7, random = 20260101;
    struct str t = token_print(&key, ids[4], text);
    assert_false(token_parse(&other_key, t, &id));
    assert_false(token_parse(&key, STR_NONE, &id));
    assert_false(token_parse(&key, str_skip(t, 1), &id));
    for (int i = 0; i < 20000; i++) {
        struct str bad = mutate(t, &random);
        if (!str_ieq(bad, t))
            assert_false(token_parse(&key, bad, &id));
        free((void *)(uintptr_t)bad.p);
    }
    for (size_t c = 0; c < TOKEN_LEN; c++) { /* each character counts */
        char was = text[c];
        text[c] = was == '0' ? '1' : '0';
        assert_false(token_parse(&key, t, &id));
        text[c] = 'z';
        assert_false(token_parse(&key, t, &id));
        text[c] = '-';
        assert_false(token_parse(&key, t, &id));
        text[c] = was;
    }
    assert_int_equal(id, 7);
}

static void the_call_id_depends_on_each_of_its_parts(void **state)
{
    (void)state;
    const struct {
        const struct token_key *key;
        struct str aor, device;
        uint32_t epoch;
    } rows[] = {
        {&key, STR("alice@h"), STR(""), 0},   {&other_key, STR("alice@h"), STR(""), 0},
        {&key, STR("bob@h"), STR(""), 0},     {&key, STR("alice@h"), STR("<urn:uuid:1>"), 0},
        {&key, STR("alice@h"), STR(""), 1},   {&key, STR("alice@"), STR("h"), 0},
        {&key, STR("alice@hh"), STR_NONE, 0},
    };
    char text[sizeof rows / sizeof *rows][TOKEN_CALL_ID_LEN];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str made =
            token_call_id(rows[i].key, rows[i].aor, rows[i].device, rows[i].epoch, text[i]);
        assert_int_equal(made.n, TOKEN_CALL_ID_LEN);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(text[i], text[j], TOKEN_CALL_ID_LEN);
    }
    char again[TOKEN_CALL_ID_LEN];
    token_call_id(&key, STR("alice@h"), STR_NONE, 0, again);
    assert_memory_equal(again, text[0], TOKEN_CALL_ID_LEN);
}

static void the_from_tag_follows_the_call_id(void **state)
{
    (void)state;
    char one[TOKEN_TAG_LEN], two[TOKEN_TAG_LEN], again[TOKEN_TAG_LEN];
    assert_int_equal(token_from_tag(&key, STR("x"), one).n, TOKEN_TAG_LEN);
    token_from_tag(&key, STR("y"), two);
    token_from_tag(&key, STR("x"), again);
    assert_memory_not_equal(one, two, TOKEN_TAG_LEN);
    assert_memory_equal(one, again, TOKEN_TAG_LEN);
}

static void the_cseq_rises(void **state)
{
    (void)state;
    static const struct {
        uint32_t last;
        uint64_t service_s;
        uint32_t next;
    } rows[] = {
        {0, 0, 1},
        {0, 1767225600, 1},
        {0, 1767225600 + 1000, 1000},
        {999, 1767225600 + 1000, 1000},
        {1000, 1767225600 + 1000, 1001},
        {5000, 1767225600 + 1000, 5001}, /* the clock went back */
        {7, 100, 8},
        {0x7ffffffe, 1767225600, 0x7fffffff},
        {0x7fffffff, 1767225600, 0}, /* D33 */
        {UINT32_MAX, 1767225600, 0},
        {0, UINT64_MAX, 0x7fffffff},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(token_cseq(rows[i].last, rows[i].service_s), rows[i].next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_gives_its_id_back),
        cmocka_unit_test(a_token_is_the_same_after_a_restart),
        cmocka_unit_test(each_purpose_has_a_hash_key),
        cmocka_unit_test(registrars_change_the_case),
        cmocka_unit_test(a_foreign_or_damaged_token_is_refused),
        cmocka_unit_test(the_call_id_depends_on_each_of_its_parts),
        cmocka_unit_test(the_from_tag_follows_the_call_id),
        cmocka_unit_test(the_cseq_rises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
