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

static struct str print(const struct route *route, struct str call_id, char text[ROUTE_LEN])
{
    struct buf b = buf_over(text, ROUTE_LEN);
    route_print(&key, route, &(struct route_dialog){call_id, STR("caller"), STR_NONE}, &b);
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
    const struct route_dialog request = {STR("call"), STR("caller"), STR("called")};
    for (size_t i = 0; i < N_PHONES * 6; i++) {
        char text[ROUTE_LEN];
        struct route_read read;
        struct route got, r = {.side = (enum route_side)(i % 3),
                               .is_caller = i % 6 >= 3,
                               .core = (uint16_t)(i * 8191),
                               .server = (uint16_t)(i * 4099),
                               .name = (uint32_t)(i * 0x9e3779b9U),
                               .line = i * UINT64_C(0x9e3779b97f4a7c15),
                               .phone = way_of(phones[i / 6], (uint8_t)(255 - i))};
        if (i & 2) {
            r.phone.transport = 3;
            r.phone.flow_id = UINT64_MAX - i;
        }
        if (i & 1) /* a wildcard listener's */
            r.phone.local = way_of(phones[i / 6], 0).peer;
        struct str user = print(&r, STR("call"), text);
        assert_true(route_parse(&key, user, &request, &read));
        got = read.route;
        assert_false(read.is_peer_known);
        assert_int_equal(got.name, r.name);
        assert_true(got.line == r.line);
        assert_int_equal(got.phone.transport, r.phone.transport);
        assert_true(got.phone.flow_id == r.phone.flow_id);
        assert_int_equal(got.side, r.side);
        assert_int_equal(got.is_caller, r.is_caller);
        assert_int_equal(got.core, r.core);
        assert_int_equal(got.server, r.server);
        assert_true(addr_is_equal(&got.phone.peer, &r.phone.peer));
        assert_int_equal(got.phone.listener, r.phone.listener);
        assert_int_equal(got.phone.local.family, r.phone.local.family);
        assert_memory_equal(got.phone.local.ip, r.phone.local.ip, sizeof got.phone.local.ip);
    }
}

/* Whose tag is the caller's says which way a request goes. */
static void the_tags_tell_the_direction(void **state)
{
    (void)state;
    static const struct {
        bool is_caller;
        const char *from, *to;
        bool is_ours, is_from_phone;
    } rows[] = {
        {true, "caller", "called", true, true},    {true, "called", "caller", true, false},
        {false, "caller", "called", true, false},  {false, "called", "caller", true, true},
        {false, "caller", NULL, true, false},      {true, NULL, "caller", true, false},
        {true, "called", "another", false, false}, {true, NULL, NULL, false, false},
        {true, "Caller", "called", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[ROUTE_LEN];
        struct route_read got;
        const struct route r = {.is_caller = rows[i].is_caller, .phone = way_of(phones[0], 0)};
        const struct route_dialog request = {STR("call"), str_of(rows[i].from), str_of(rows[i].to)};
        struct str user = print(&r, STR("call"), text);
        assert_int_equal(route_parse(&key, user, &request, &got), rows[i].is_ours);
        if (rows[i].is_ours)
            assert_int_equal(got.is_from_phone, rows[i].is_from_phone);
    }
}

static bool is_read_by(const struct token_key *by, struct str user, struct str call_id)
{
    struct route_read r;
    return route_parse(by, user, &(struct route_dialog){call_id, STR("caller"), STR("called")}, &r);
}

/* The user part with whom the phone speaks behind it. */
static struct str print_peer(const struct route *route, const struct route_peer *peer,
                             char text[ROUTE_LEN])
{
    struct str own = print(route, peer->call_id, text);
    struct buf b = buf_over(text, ROUTE_LEN);
    b.len = own.n;
    route_print_peer(&key, peer, own, &b);
    assert_false(b.has_overflown);
    assert_int_equal(b.len, own.n + ROUTE_PEER_LEN);
    assert_true(str_eq(route_without_peer(buf_str(&b)), own));
    return buf_str(&b);
}

/* Only of who the phone speaks with, and to him; the longest there is fits. */
static void the_other_end_is_known_again(void **state)
{
    (void)state;
    static const struct {
        bool is_caller;
        const char *tag, *from, *to;
        bool is_known;
    } rows[] = {
        {true, "called", "caller", "called", true},   {true, "called", "caller", "another", false},
        {true, "called", "called", "caller", false},  {false, "caller", "called", "caller", true},
        {false, "caller", "another", "caller", true}, {false, "caller", "caller", "called", false},
        {true, "caller", "caller", "called", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[ROUTE_LEN];
        struct route_read got;
        struct route r = {.is_caller = rows[i].is_caller, .phone = way_of(phones[4], 0)};
        const struct route_peer peer = {STR("call"), str_of(rows[i].tag), 0xfedcba98};
        const struct route_dialog asked = {STR("call"), str_of(rows[i].from), str_of(rows[i].to)};
        r.phone.local = r.phone.peer;
        r.phone.transport = 1;
        assert_true(route_parse(&key, print_peer(&r, &peer, text), &asked, &got));
        assert_int_equal(got.is_peer_known, rows[i].is_known);
        assert_int_equal(got.target, rows[i].is_known ? 0xfedcba98 : 0);
    }
}

/* Whatever is spoilt there, the phone is known, and who it speaks with is not. */
static void a_spoilt_end_says_nothing(void **state)
{
    (void)state;
    char text[ROUTE_LEN];
    const struct route r = {.is_caller = true, .phone = way_of(phones[0], 0)};
    const struct route_peer peer = {STR("call"), STR("called"), 7};
    const struct route_dialog asked = {STR("call"), STR("caller"), STR("called")};
    struct str all = print_peer(&r, &peer, text);
    struct route_read got;
    for (size_t at = all.n - ROUTE_PEER_LEN + 1; at < all.n; at++) {
        char right = text[at];
        for (int c = 1; c < 256; c++) {
            text[at] = (char)c;
            assert_true(route_parse(&key, all, &asked, &got));
            assert_int_equal(got.is_peer_known, ascii_lower(text[at]) == right);
        }
        text[at] = right;
        assert_true(route_parse(&key, (struct str){all.p, at}, &asked, &got));
        assert_false(got.is_peer_known);
    }
}

static bool is_read(struct str user, struct str call_id)
{
    return is_read_by(&key, user, call_id);
}

static void another_call_or_key_is_refused(void **state)
{
    (void)state;
    char text[ROUTE_LEN];
    const struct route route = {.phone = way_of(phones[0], 0)};
    struct str r = print(&route, STR("call-1"), text);
    assert_true(is_read(r, STR("call-1")));
    assert_false(is_read(r, STR("call-2")));
    assert_false(is_read(r, STR("call-")));
    assert_false(is_read(r, STR("call-11")));
    assert_false(is_read(r, STR_NONE));
    assert_false(is_read_by(&other_key, r, STR("call-1")));
}

/* Letters may come back in the other case: those still mean the same. */
static void every_other_byte_counts(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_PHONES; i++) {
        char text[ROUTE_LEN];
        const struct route route = {.side = ROUTE_ACCESS, .phone = way_of(phones[i], 3)};
        struct str r = print(&route, STR("call"), text);
        for (size_t at = 0; at < r.n; at++) {
            char right = text[at];
            for (int c = 0; c < 256; c++) {
                text[at] = (char)c;
                bool is_same = ascii_lower(text[at]) == ascii_lower(right);
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
    const struct route route = {.side = ROUTE_CORE, .phone = way_of(phones[3], 3)};
    struct str r = print(&route, STR("call"), text);
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
    const struct route route = {.phone = way_of(phones[0], 0)};
    struct str r = print(&route, STR("call"), text);
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
    const struct route route = {.phone = way_of(phones[3], 0)};
    route_print(&key, &route, &(struct route_dialog){STR("call"), STR("caller"), STR_NONE}, &b);
    assert_true(b.has_overflown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_gives_its_phone_back),
        cmocka_unit_test(the_tags_tell_the_direction),
        cmocka_unit_test(another_call_or_key_is_refused),
        cmocka_unit_test(the_other_end_is_known_again),
        cmocka_unit_test(a_spoilt_end_says_nothing),
        cmocka_unit_test(every_other_byte_counts),
        cmocka_unit_test(a_piece_is_refused),
        cmocka_unit_test(damaged_and_random_ones_are_refused),
        cmocka_unit_test(a_short_buffer_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
