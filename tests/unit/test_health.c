#include "unit.h"

#include "core/health.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { NOW = 1000000 };

static const struct {
    char letter;
    enum health_event event;
} letters[] = {{'p', HEALTH_PROBE_ANSWERED}, {'f', HEALTH_PROBE_FAILED}, {'a', HEALTH_ANSWERED},
               {'b', HEALTH_BUSY},           {'s', HEALTH_SILENT},       {'d', HEALTH_RESYNCED}};

static struct health said(struct health h, char letter, uint64_t now_s)
{
    for (size_t i = 0; i < COUNT(letters); i++)
        if (letters[i].letter == letter)
            return health_step(h, letters[i].event, now_s);
    fail_msg("no event %c", letter);
    return h;
}

/* One event after another, so many seconds apart. */
static void the_table(void **state)
{
    (void)state;
    static const struct {
        const char *events;
        uint64_t apart_s;
        enum health_state from, to;
    } rows[] = {
        {"ppaapp", 10, HEALTH_UP, HEALTH_UP},
        {"f", 10, HEALTH_UP, HEALTH_UP},
        {"sasapfafpf", 10, HEALTH_UP, HEALTH_UP},
        {"ff", 0, HEALTH_UP, HEALTH_DEGRADED},
        {"sb", 0, HEALTH_UP, HEALTH_DEGRADED},
        /* however many, it takes its time */
        {"ssssssssssssssssssssssss", 0, HEALTH_UP, HEALTH_DEGRADED},
        {"fff", 4, HEALTH_UP, HEALTH_DEGRADED},
        {"ffff", 4, HEALTH_UP, HEALTH_DOWN},
        {"fff", 5, HEALTH_UP, HEALTH_DOWN},
        {"ff", 3600, HEALTH_UP, HEALTH_DEGRADED},
        {"ffpffpffpff", 60, HEALTH_UP, HEALTH_DEGRADED},
        /* back to up: not by one answer, and not at once */
        {"ffp", 60, HEALTH_UP, HEALTH_DEGRADED},
        {"ppp", 9, HEALTH_DEGRADED, HEALTH_DEGRADED},
        {"ppp", 10, HEALTH_DEGRADED, HEALTH_UP},
        {"pppfppp", 9, HEALTH_DEGRADED, HEALTH_DEGRADED},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaa", 1, HEALTH_DEGRADED, HEALTH_UP},
        {"d", 1, HEALTH_DEGRADED, HEALTH_DEGRADED},
        /* down */
        {"ffsbf", 60, HEALTH_DOWN, HEALTH_DOWN},
        {"pp", 60, HEALTH_DOWN, HEALTH_DOWN},
        {"ppp", 0, HEALTH_DOWN, HEALTH_DOWN},
        {"ppp", 1, HEALTH_DOWN, HEALTH_RESYNC},
        {"ppfppfppfppf", 1, HEALTH_DOWN, HEALTH_DOWN},
        {"ffa", 1, HEALTH_DOWN, HEALTH_RESYNC},
        {"sba", 0, HEALTH_DOWN, HEALTH_RESYNC},
        {"d", 1, HEALTH_DOWN, HEALTH_DOWN},
        /* and back */
        {"papapap", 10, HEALTH_RESYNC, HEALTH_RESYNC},
        {"ffaffaffa", 10, HEALTH_RESYNC, HEALTH_RESYNC},
        {"fff", 5, HEALTH_RESYNC, HEALTH_DOWN},
        {"pd", 1, HEALTH_RESYNC, HEALTH_UP},
        {"d", 1, HEALTH_UP, HEALTH_UP},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct health h = {.state = rows[i].from};
        uint64_t now_s = NOW;
        for (const char *e = rows[i].events; *e; e++, now_s += rows[i].apart_s)
            h = said(h, *e, now_s);
        if (h.state != rows[i].to)
            fail_msg("row %zu: %s, not %s", i, health_word(h.state), health_word(rows[i].to));
    }
}

/* What is shared is written only where there is something to say. */
static void while_all_is_well_the_word_stays(void **state)
{
    (void)state;
    struct health h = health_unpack(0);
    assert_int_equal(h.state, HEALTH_UP);
    for (uint64_t s = 0; s < 100; s++)
        h = said(h, "pa"[s % 2], NOW + s);
    assert_int_equal(health_pack(h), 0);
    h = said(h, 'f', NOW);
    assert_int_not_equal(health_pack(h), 0);
    h = said(h, 'p', NOW + 1);
    assert_int_equal(health_pack(h), 0);
}

static void the_operator_has_the_last_word(void **state)
{
    (void)state;
    for (int from = 0; from < HEALTH_STATES; from++) {
        struct health h = {.state = (enum health_state)from};
        h = health_step(h, HEALTH_HELD, NOW);
        assert_int_equal(h.state, HEALTH_DOWN);
        h = health_step(h, HEALTH_RELEASED, NOW + 1);
        assert_int_equal(h.state, HEALTH_RESYNC);
        assert_int_equal(health_step(h, HEALTH_RESYNCED, NOW + 2).state, HEALTH_UP);
    }
    const struct health up = {.state = HEALTH_UP};
    assert_int_equal(health_step(up, HEALTH_RELEASED, NOW).state, HEALTH_UP);
}

static void nothing_but_his_word_ends_that(void **state)
{
    (void)state;
    for (int from = 0; from < HEALTH_STATES; from++) {
        struct health h = {.state = (enum health_state)from};
        h = health_step(h, HEALTH_HELD, NOW);
        const uint64_t word = health_pack(h);
        for (int i = 0; i < 20 * HEALTH_RELEASED; i++)
            h = health_step(h, (enum health_event)(i % HEALTH_RELEASED), NOW + 10 * i);
        assert_true(h.is_held);
        assert_true(health_pack(h) == word); /* it is not even written */
        h = health_step(health_unpack(word), HEALTH_RELEASED, NOW + 1000);
        assert_false(h.is_held);
        assert_int_equal(h.state, HEALTH_RESYNC);
    }
}

static void a_word_holds_all_of_it(void **state)
{
    (void)state;
    for (int s = 0; s < HEALTH_STATES; s++) {
        const struct health h = {(enum health_state)s, s % 2, s > 1, (uint8_t)(3 * s), 0xfedcba98U};
        struct health same = health_unpack(health_pack(h));
        assert_int_equal(same.state, h.state);
        assert_int_equal(same.is_bad, h.is_bad);
        assert_int_equal(same.is_held, h.is_held);
        assert_int_equal(same.n, h.n);
        assert_int_equal(same.since_s, h.since_s);
    }
}

static void it_is_asked_again_soon_while_that_may_change_something(void **state)
{
    (void)state;
    static const struct {
        const char *events;
        enum health_state from;
        bool is_open;
    } rows[] = {
        {"", HEALTH_UP, false},     {"p", HEALTH_UP, false},      {"f", HEALTH_UP, true},
        {"ff", HEALTH_UP, true},    {"p", HEALTH_DEGRADED, true}, {"f", HEALTH_DEGRADED, true},
        {"f", HEALTH_DOWN, false},  {"p", HEALTH_DOWN, true},     {"p", HEALTH_RESYNC, false},
        {"f", HEALTH_RESYNC, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct health h = {.state = rows[i].from};
        for (const char *e = rows[i].events; *e; e++)
            h = said(h, *e, NOW);
        if (health_is_open(h) != rows[i].is_open)
            fail_msg("row %zu", i);
    }
}

static void each_has_a_word(void **state)
{
    (void)state;
    for (int s = 0; s < HEALTH_STATES; s++)
        assert_non_null(health_word((enum health_state)s));
    for (int e = 0; e < HEALTH_EVENTS; e++)
        assert_non_null(health_event_word((enum health_event)e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table),
        cmocka_unit_test(while_all_is_well_the_word_stays),
        cmocka_unit_test(the_operator_has_the_last_word),
        cmocka_unit_test(nothing_but_his_word_ends_that),
        cmocka_unit_test(a_word_holds_all_of_it),
        cmocka_unit_test(it_is_asked_again_soon_while_that_may_change_something),
        cmocka_unit_test(each_has_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
