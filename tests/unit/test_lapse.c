#include "unit.h"

#include "core/commit.h"
#include "regworld.h"

static void bindings_lapse_after_their_grace(void **state)
{
    (void)state;
    static const struct {
        int a_s, b_s, upstream_s; /* from now on */
        size_t n;
        const char *want;
    } lapses[] = {
        {30, 30, 2000, 0, "a@A#10 b@B#10 | 1live 2live"},
        {-29, 30, 2000, 0, "a@A#10 b@B#10 | 1live 2live"},
        {-30, 30, 2000, 2, "b@B#10 | 1leaving 2live"},
        {-30, 30, 0, 2, "b@B#10 | 2live"},
        {30, 30, 0, 0, "a@A#10 b@B#10 | 1live! 2live"},
        {-1000, -1000, 2000, 4, "| 1leaving 2leaving"},
    };
    for (size_t i = 0; i < sizeof lapses / sizeof *lapses; i++) {
        struct world w;
        char got[512];
        world_init(&w, MODE_CONTACT_THROTTLE);
        world_bind(&w, 'a', 1);
        world_bind(&w, 'b', 2);
        w.leases[0].expires_at_s = (uint64_t)((int64_t)w.now_s + lapses[i].a_s);
        w.leases[1].expires_at_s = (uint64_t)((int64_t)w.now_s + lapses[i].b_s);
        world_upreg(&w, 1)->dead_at_s = w.now_s + (uint64_t)lapses[i].upstream_s;
        assert_int_equal(absorb_lapse(&w.conf, w.leases, w.now_s, w.r), lapses[i].n);
        assert_string_equal(world_record(w.r, w.now_s, got), lapses[i].want);
        world_fini(&w);
    }
}

static void orphans_run_out(void **state)
{
    (void)state;
    struct world w;
    char got[512];
    world_init(&w, MODE_AOR_THROTTLE);
    world_upreg(&w, 1)->state = UPREG_ORPHAN;
    assert_int_equal(absorb_lapse(&w.conf, w.leases, w.now_s + 1999, w.r), 0);
    assert_int_equal(absorb_lapse(&w.conf, w.leases, w.now_s + 2000, w.r), 1);
    assert_string_equal(world_record(w.r, w.now_s, got), "| 1ended");
    world_fini(&w);
}

/* D69, D32: with its names, but nothing that upstream might still know. */
static void a_line_is_known_for_a_time_after_its_end(void **state)
{
    (void)state;
    struct world w;
    char got[512];
    world_init(&w, MODE_AOR_THROTTLE);
    uint64_t end_s = world_upreg(&w, 1)->dead_at_s;
    world_upreg(&w, 2)->dead_at_s = w.now_s;
    assert_int_equal(absorb_lapse(&w.conf, w.leases, w.now_s, w.r), 2);
    assert_string_equal(world_record(w.r, w.now_s, got), "| 1leaving"); /* the last one only */
    assert_int_equal(absorb_lapse(&w.conf, w.leases, end_s, w.r), 1);
    const struct upreg *u = &w.r->upregs[0];
    assert_int_equal(u->state, UPREG_ENDED);
    assert_int_equal(u->dead_at_s, end_s);
    assert_int_equal(u->cseq, 100);
    assert_str(u->call_id, "up");
    assert_true(str_is_none(u->contact) && str_is_none(u->service_route));
    assert_int_equal(absorb_lapse(&w.conf, w.leases, end_s + UPREG_KNOWN_S - 1, w.r), 0);
    assert_int_equal(absorb_lapse(&w.conf, w.leases, end_s + UPREG_KNOWN_S, w.r), 1);
    assert_string_equal(world_record(w.r, w.now_s, got), "|");
    world_fini(&w);
}

/* Whoever is reached by another stream, or by none, does not notice. */
static void the_end_of_a_stream_is_that_of_its_bindings(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, MODE_AOR_THROTTLE);
    for (char letter = 'a'; letter < 'e'; letter++)
        world_bind(&w, letter, 1);
    struct binding *b = w.r->bindings;
    b[0].way.flow_id = b[1].way.flow_id = 7;
    b[2].way.flow_id = 8;
    b[1].expires_at_s = w.now_s - 5; /* in its grace already, which does not begin anew */
    assert_int_equal(commit_lose(w.r, 9, w.now_s), 0);
    assert_int_equal(commit_lose(w.r, 7, w.now_s), 2);
    assert_int_equal(b[0].expires_at_s, w.now_s);
    assert_int_equal(b[1].expires_at_s, w.now_s - 5);
    assert_true(b[0].is_changed && b[1].is_changed); /* so that no older snapshot licenses */
    assert_true(b[0].way.flow_id == 0 && b[1].way.flow_id == 0);
    assert_true(b[2].way.flow_id == 8 && b[2].expires_at_s == w.now_s + 30);
    assert_false(b[2].is_changed || b[3].is_changed);
    assert_int_equal(commit_lose(w.r, 7, w.now_s), 0);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bindings_lapse_after_their_grace),
        cmocka_unit_test(the_end_of_a_stream_is_that_of_its_bindings),
        cmocka_unit_test(orphans_run_out),
        cmocka_unit_test(a_line_is_known_for_a_time_after_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
