#include "unit.h"

#include "base/nh.h"

static struct nh_key key;

static void make_key(uint64_t k0)
{
    const struct hash_key from = {k0, 7};
    nh_key_init(&key, &from);
}

static uint64_t name_of(const struct str *parts, size_t n)
{
    struct nh h;
    nh_init(&h, &key);
    for (size_t i = 0; i < n; i++)
        nh_add(&h, parts[i]);
    return nh_name(&h);
}

static uint64_t name_of_one(struct str s)
{
    return name_of(&s, 1);
}

/* The formula once more, as the paper has it: a byte at a time. */
static uint64_t word_at(struct str s, size_t at)
{
    uint64_t v = 0;
    for (size_t i = 0; i < 8; i++)
        v |= (uint64_t)(at + i < s.n ? (uint8_t)s.p[at + i] : 0) << (8 * i);
    return v;
}

static uint64_t plain_name(struct str s)
{
    unsigned __int128 sum = (unsigned __int128)(s.n + key.words[0]) * key.words[1];
    size_t k = 2, whole = s.n / 16 * 16;
    for (size_t at = 0; at < whole; at += 16, k += 2)
        sum += (unsigned __int128)(word_at(s, at) + key.words[k]) *
               (word_at(s, at + 8) + key.words[k + 1]);
    if (s.n > whole) {
        size_t at = s.n >= 16 ? s.n - 16 : 0;
        sum += (unsigned __int128)(word_at(s, at) + key.words[k]) *
               (word_at(s, at + 8) + key.words[k + 1]);
        k += 2;
    }
    unsigned __int128 h = key.close[0] + key.close[1] * (uint64_t)sum +
                          key.close[2] * (uint64_t)(sum >> 64) + key.close[3] * k;
    return (uint64_t)(h >> 64) ? (uint64_t)(h >> 64) : 1;
}

static void each_length_is_as_the_formula_has_it(void **state)
{
    char bytes[300];
    (void)state;
    make_key(1);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 37 + 11);
    for (size_t n = 0; n <= sizeof bytes; n++)
        assert_true(name_of_one((struct str){bytes, n}) == plain_name((struct str){bytes, n}));
}

static void every_bit_and_the_length_count(void **state)
{
    char bytes[100];
    (void)state;
    make_key(2);
    memset(bytes, 'x', sizeof bytes);
    for (size_t n = 1; n <= sizeof bytes; n++) {
        uint64_t name = name_of_one((struct str){bytes, n});
        assert_true(name != name_of_one((struct str){bytes, n - 1}));
        for (size_t bit = 0; bit < 8 * n; bit++) {
            bytes[bit / 8] ^= (char)(1 << bit % 8);
            assert_true(name != name_of_one((struct str){bytes, n}));
            bytes[bit / 8] ^= (char)(1 << bit % 8);
        }
    }
}

static void where_parts_are_cut_counts(void **state)
{
    static const char text[] = "0123456789abcdef0123456789abcdef";
    uint64_t names[34];
    (void)state;
    make_key(3);
    for (size_t cut = 0; cut <= 32; cut++) {
        const struct str parts[] = {{text, cut}, {text + cut, 32 - cut}};
        names[cut] = name_of(parts, 2);
        for (size_t i = 0; i < cut; i++)
            assert_true(names[i] != names[cut]);
    }
    assert_true(name_of_one(STR("0123456789abcdef0123456789abcdef")) != names[32]);
}

static void another_key_gives_other_names(void **state)
{
    (void)state;
    make_key(4);
    uint64_t name = name_of_one(STR("REGISTER"));
    make_key(5);
    assert_true(name_of_one(STR("REGISTER")) != name);
    make_key(4);
    assert_true(name_of_one(STR("REGISTER")) == name);
}

static void what_is_too_long_has_no_name(void **state)
{
    static char bytes[NH_MAX + 1];
    (void)state;
    make_key(6);
    const struct str most = {bytes, NH_MAX - 64};
    const struct str two[] = {most, {bytes, 64}};
    assert_true(name_of_one(most) != 0);
    assert_true(name_of_one((struct str){bytes, sizeof bytes}) == 0);
    assert_true(name_of(two, 2) == 0);
    const struct str three[] = {most, {bytes, 64}, {bytes, 1}};
    assert_true(name_of(three, 3) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_length_is_as_the_formula_has_it),
        cmocka_unit_test(every_bit_and_the_length_count),
        cmocka_unit_test(where_parts_are_cut_counts),
        cmocka_unit_test(another_key_gives_other_names),
        cmocka_unit_test(what_is_too_long_has_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
