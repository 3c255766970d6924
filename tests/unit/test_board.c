#include "unit.h"

#include "base/arena.h"
#include "base/err.h"
#include "service/board.h"

static struct addr addr_of(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(str_of(text), 5060, &a), 0);
    return a;
}

static void put(struct board *b, const char *name, enum board_state state)
{
    char aor[64];
    struct buf text = buf_over(aor, sizeof aor);
    const struct conf_place places[] = {
        {.uri = STR("sip:a@192.0.2.9"), .addr = addr_of("192.0.2.9")},
        {.uri = STR("sip:alice@x"), .aor = STR("alice@x")},
    };
    buf_add(&text, str_of(name));
    buf_add(&text, STR("@x"));
    const struct board_line line = {.name = str_of(name),
                                    .domain = STR("x"),
                                    .places = places,
                                    .n_places = 2,
                                    .state = state,
                                    .error = "upstream-timeout",
                                    .since_s = 7};
    board_put(b, buf_str(&text), &line);
}

static size_t read_all(struct board *b, struct arena *a, struct board_line **lines)
{
    size_t n;
    assert_int_equal(board_read(b, a, lines, &n), 0);
    return n;
}

static void lines_are_read_in_order(void **state)
{
    (void)state;
    struct board *b;
    struct arena a;
    struct board_line *lines;
    arena_init(&a, 1 << 20);
    assert_int_equal(board_new(&b), 0);
    assert_int_equal(read_all(b, &a, &lines), 0);
    put(b, "30", BOARD_REGISTERED);
    put(b, "10", BOARD_FAILING);
    put(b, "20", BOARD_REGISTERING);
    put(b, "30", BOARD_FAILING); /* in its own place */
    assert_int_equal(read_all(b, &a, &lines), 3);
    assert_str(lines[0].name, "10");
    assert_str(lines[2].name, "30");
    assert_int_equal(lines[2].state, BOARD_FAILING);
    assert_str(lines[2].places[0].uri, "sip:a@192.0.2.9");
    assert_str(lines[2].places[1].aor, "alice@x");
    assert_int_equal(lines[2].reach[0], BOARD_UNKNOWN);
    board_del(b, STR("10@x"));
    board_del(b, STR("10@x"));
    struct board_line *later;
    assert_int_equal(read_all(b, &a, &later), 2);
    assert_str(lines[0].name, "10"); /* what was read is a copy */
    arena_fini(&a);
    board_free(b);
}

static void alarms_are_new_once(void **state)
{
    (void)state;
    struct board *b;
    struct arena a;
    struct board_line *lines;
    const struct addr gate = addr_of("192.0.2.9"), other = addr_of("192.0.2.10");
    arena_init(&a, 1 << 20);
    assert_int_equal(board_new(&b), 0);
    assert_false(board_note_away(b, STR("10@x"), true, 50)); /* no such line */
    put(b, "10", BOARD_REGISTERED);
    assert_false(board_note_away(b, STR("10@x"), false, 50));
    assert_true(board_note_away(b, STR("10@x"), true, 50));
    assert_false(board_note_away(b, STR("10@x"), true, 50));
    put(b, "10", BOARD_FAILING); /* it stays */
    read_all(b, &a, &lines);
    assert_int_equal(lines[0].unreachable_s, 50);
    assert_true(board_note_away(b, STR("10@x"), false, 50));

    assert_false(board_note_contact(b, &other, true, 50));
    assert_false(board_note_contact(b, &gate, true, 50));
    assert_true(board_note_contact(b, &gate, false, 50));
    assert_false(board_note_contact(b, &gate, false, 50));
    read_all(b, &a, &lines);
    assert_int_equal(lines[0].reach[0], BOARD_SILENT);
    assert_int_equal(lines[0].reach[1], BOARD_UNKNOWN); /* no contact */
    assert_true(board_note_contact(b, &gate, true, 50));
    read_all(b, &a, &lines);
    assert_int_equal(lines[0].reach[0], BOARD_REACHABLE);
    arena_fini(&a);
    board_free(b);
}

static void nobody_may_be_there_to_read(void **state)
{
    (void)state;
    const struct addr gate = addr_of("192.0.2.9");
    put(NULL, "10", BOARD_FAILING);
    board_del(NULL, STR("10@x"));
    assert_false(board_note_away(NULL, STR("10@x"), true, 50));
    assert_false(board_note_contact(NULL, &gate, false, 50));
    board_free(NULL);
}

static void use_it(void *arg)
{
    struct board *b;
    struct arena a;
    struct board_line *lines;
    size_t n;
    const struct addr gate = addr_of("192.0.2.9");
    (void)arg;
    arena_init(&a, 1 << 20);
    if (board_new(&b) == 0) {
        put(b, "10", BOARD_FAILING);
        put(b, "10", BOARD_REGISTERED);
        (void)board_note_contact(b, &gate, false, 50);
        (void)board_read(b, &a, &lines, &n);
        board_free(b);
    }
    arena_fini(&a);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_true(oom_sweep(use_it, NULL) > 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read_in_order),
        cmocka_unit_test(alarms_are_new_once),
        cmocka_unit_test(nobody_may_be_there_to_read),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
