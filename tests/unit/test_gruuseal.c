#include "unit.h"

#include "service/gruuseal.h"

#define DOMAIN STR("example.com")

static const struct token_key key = {.bytes = "0123456789abcdef0123456789abcde"};
static const struct token_key other_key = {.bytes = "0123456789abcdef0123456789abcdX"};
static const struct gruu_claim claim = {0x1122334455667788, UINT64_MAX, 7};

static struct gruuseal *make(const struct token_key *k)
{
    struct gruuseal *s;
    assert_int_equal(gruuseal_new(k, &s), 0);
    return s;
}

static struct str close_it(struct gruuseal *s, const struct gruu_claim *what, uint64_t request,
                           char out[GRUUSEAL_LEN])
{
    assert_true(gruuseal_close(s, DOMAIN, what, request, out));
    return (struct str){out, GRUUSEAL_LEN};
}

static void what_is_closed_can_be_opened_again(void **state)
{
    (void)state;
    char text[GRUUSEAL_LEN];
    struct gruuseal *s = make(&key), *later = make(&key);
    for (uint64_t i = 0; i < 1000; i++) {
        const struct gruu_claim in = {i * i * i, ~i, i << 40};
        struct gruu_claim out;
        assert_true(gruuseal_open(later, DOMAIN, close_it(s, &in, i, text), &out));
        assert_memory_equal(&in, &out, sizeof in);
    }
    gruuseal_free(s);
    gruuseal_free(later);
}

/* D29; and nobody can tell two names of one device from those of two. */
static void a_repeat_is_the_same_and_nothing_else_is_like_it(void **state)
{
    (void)state;
    char a[GRUUSEAL_LEN], b[GRUUSEAL_LEN];
    struct gruuseal *s = make(&key), *later = make(&key);
    assert_true(str_eq(close_it(s, &claim, 1, a), close_it(later, &claim, 1, b)));
    close_it(s, &claim, 2, b);
    size_t n_equal = 0;
    for (size_t i = 0; i < GRUUSEAL_LEN; i++)
        n_equal += a[i] == b[i];
    assert_true(n_equal < GRUUSEAL_LEN / 4); /* a sixteenth is to be expected */
    gruuseal_free(s);
    gruuseal_free(later);
}

static bool can_open(struct gruuseal *s, struct str text)
{
    struct gruu_claim out;
    return gruuseal_open(s, DOMAIN, text, &out);
}

static void each_bit_counts(void **state)
{
    (void)state;
    static const char digits[] = "0123456789abcdef";
    char text[GRUUSEAL_LEN + 1] = {0};
    struct gruuseal *s = make(&key);
    const struct str whole = close_it(s, &claim, 1, text);
    for (size_t i = 0; i < whole.n; i++) {
        const char before = text[i];
        for (size_t k = 0; k < 16; k++) {
            text[i] = digits[k];
            assert_true(can_open(s, whole) == (digits[k] == before));
        }
        text[i] = 'g';
        assert_false(can_open(s, whole));
        text[i] = before;
        assert_false(can_open(s, (struct str){text, i}));
    }
    assert_false(can_open(s, (struct str){text, whole.n + 1}));
    assert_true(can_open(s, whole));
    gruuseal_free(s);
}

static void a_name_is_of_one_key_and_one_domain(void **state)
{
    (void)state;
    char text[GRUUSEAL_LEN];
    struct gruu_claim out;
    struct gruuseal *s = make(&key), *other = make(&other_key);
    const struct str whole = close_it(s, &claim, 1, text);
    assert_false(can_open(other, whole));
    assert_false(gruuseal_open(s, STR("example.org"), whole, &out));
    assert_false(gruuseal_open(s, STR(""), whole, &out));
    assert_true(can_open(s, whole));
    gruuseal_free(s);
    gruuseal_free(other);
}

/* Registrars and phones change case. */
static void case_does_not_matter(void **state)
{
    (void)state;
    char text[GRUUSEAL_LEN];
    struct gruuseal *s = make(&key);
    const struct str whole = close_it(s, &claim, 1, text);
    for (size_t i = 0; i < whole.n; i++)
        if (text[i] >= 'a')
            text[i] = (char)(text[i] - 'a' + 'A');
    assert_true(can_open(s, whole));
    gruuseal_free(s);
}

static void make_once(void *arg)
{
    struct gruuseal *s = NULL;
    (void)arg;
    (void)gruuseal_new(&key, &s);
    gruuseal_free(s);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_true(oom_sweep(make_once, NULL) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_closed_can_be_opened_again),
        cmocka_unit_test(a_repeat_is_the_same_and_nothing_else_is_like_it),
        cmocka_unit_test(each_bit_counts),
        cmocka_unit_test(a_name_is_of_one_key_and_one_domain),
        cmocka_unit_test(case_does_not_matter),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
