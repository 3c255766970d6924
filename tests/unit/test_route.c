#include "unit.h"

#include "core/route.h"
#include "mutate.h"

static const struct token_key key = {.id = 10, .bytes = "0123456789abcdef0123456789abcde"};
static const struct token_key other_key = {.id = 10, .bytes = "0123456789abcdef0123456789abcdX"};

static struct way way_of(const char *text, uint8_t listener)
{
    struct way w = {.listener = listener};
    assert_int_equal(addr_parse(str_of(text), 5060, &w.peer), 0);
    return w;
}

static struct str print(enum route_side side, const struct way *phone, struct str call_id,
                        char text[ROUTE_LEN])
{
    struct buf b = buf_over(text, ROUTE_LEN);
    route_print(&key, side, phone, call_id, &b);
    assert_false(b.has_overflown);
    return buf_str(&b);
}

static const char *const phones[] = {"192.0.2.7:5060", "0.0.0.0:1", "255.255.255.255:65535",
                                     "[2001:db8::7]:5061",
                                     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"};
enum { N_PHONES = sizeof phones / sizeof *phones };

static void a_route_gives_its_phone_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_PHONES; i++) {
        for (enum route_side side = ROUTE_BOTH; side <= ROUTE_CORE; side++) {
            char text[ROUTE_LEN];
            struct way phone = way_of(phones[i], (uint8_t)(255 - i)), got;
            enum route_side got_side;
            struct str r = print(side, &phone, STR("call"), text);
            assert_true(route_parse(&key, r, STR("call"), &got_side, &got));
            assert_int_equal(got_side, side);
            assert_true(addr_is_equal(&got.peer, &phone.peer));
            assert_int_equal(got.listener, phone.listener);
        }
    }
}

static bool is_read(struct str user, struct str call_id)
{
    enum route_side side;
    struct way phone;
    return route_parse(&key, user, call_id, &side, &phone);
}

static void another_call_or_key_is_refused(void **state)
{
    (void)state;
    char text[ROUTE_LEN];
    enum route_side side;
    struct way phone = way_of(phones[0], 0), got;
    struct str r = print(ROUTE_BOTH, &phone, STR("call-1"), text);
    assert_true(is_read(r, STR("call-1")));
    assert_false(is_read(r, STR("call-2")));
    assert_false(is_read(r, STR("call-")));
    assert_false(is_read(r, STR("call-11")));
    assert_false(is_read(r, STR_NONE));
    assert_false(route_parse(&other_key, r, STR("call-1"), &side, &got));
}

/* Hexadecimal digits may come back in the other case: those still mean the same. */
static void every_other_byte_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_PHONES; i++) {
        char text[ROUTE_LEN];
        struct way phone = way_of(phones[i], 3);
        struct str r = print(ROUTE_ACCESS, &phone, STR("call"), text);
        for (size_t at = 0; at < r.n; at++) {
            char right = text[at];
            for (int c = 0; c < 256; c++) {
                text[at] = (char)c;
                bool is_same =
                    at < 3 ? text[at] == right : ascii_lower(text[at]) == ascii_lower(right);
                assert_int_equal(is_read(r, STR("call")), is_same);
            }
            text[at] = right;
        }
    }
}

static void a_piece_is_refused(void **state)
{
    (void)state;
    char text[ROUTE_LEN + 2] = "";
    struct way phone = way_of(phones[3], 3);
    struct str r = print(ROUTE_CORE, &phone, STR("call"), text);
    for (size_t n = 0; n < r.n; n++) {
        assert_false(is_read((struct str){r.p, n}, STR("call")));
        assert_false(is_read(str_skip(r, n + 1), STR("call")));
    }
    memcpy(text + r.n, "00", 2);
    assert_false(is_read((struct str){r.p, r.n + 1}, STR("call")));
    assert_false(is_read((struct str){r.p, r.n + 2}, STR("call")));
    assert_false(is_read(STR_NONE, STR("call")));
    assert_false(is_read(STR("rr"), STR("call")));
}

static void damaged_and_random_ones_are_refused(void **state)
{
    (void)state;
    char text[ROUTE_LEN];
    uint64_t random = 20260101;
    struct way phone = way_of(phones[0], 0);
    struct str r = print(ROUTE_BOTH, &phone, STR("call"), text);
    for (int i = 0; i < 20000; i++) {
        struct str bad = mutate(r, &random);
        if (!str_ieq(bad, r))
            assert_false(is_read(bad, STR("call")));
        free((char *)(uintptr_t)bad.p);
    }
    for (int i = 0; i < 20000; i++) {
        char noise[ROUTE_LEN + 8] = "rrb";
        size_t n = mutate_random(&random) % sizeof noise;
        for (size_t at = i & 1 ? 3 : 0; at < n; at++)
            noise[at] = (char)mutate_random(&random);
        assert_false(is_read((struct str){noise, n}, STR("call")));
    }
}

static void a_short_buffer_is_noticed(void **state)
{
    (void)state;
    char text[20];
    struct buf b = buf_over(text, sizeof text);
    struct way phone = way_of(phones[3], 0);
    route_print(&key, ROUTE_BOTH, &phone, STR("call"), &b);
    assert_true(b.has_overflown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_gives_its_phone_back),
        cmocka_unit_test(another_call_or_key_is_refused),
        cmocka_unit_test(every_other_byte_counts),
        cmocka_unit_test(a_piece_is_refused),
        cmocka_unit_test(damaged_and_random_ones_are_refused),
        cmocka_unit_test(a_short_buffer_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
