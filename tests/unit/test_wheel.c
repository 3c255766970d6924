#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "net/wheel.h"

struct probe {
    struct wheel_timer timer;
    struct wheel *wheel;
    struct probe *other; /* what `act` does something to */
    void (*act)(struct probe *self);
    uint64_t due_ms;   /* what the naive model thinks; UINT64_MAX: not armed */
    uint64_t armed_ms; /* when: an overdue one has its turn from then on */
    int n_fired;
};

static uint64_t last_due_ms; /* of those fired in one advance */
static bool is_ordered;

static void on_probe(void *arg)
{
    struct probe *p = arg;
    assert_false(p->timer.is_armed);
    uint64_t due_ms = p->timer.due_ms > p->armed_ms ? p->timer.due_ms : p->armed_ms;
    if (due_ms + WHEEL_TICK_MS <= last_due_ms)
        is_ordered = false;
    last_due_ms = due_ms;
    p->n_fired++;
    if (p->act)
        p->act(p);
}

static void probe_init(struct probe *p, struct wheel *w)
{
    *p = (struct probe){.wheel = w, .due_ms = UINT64_MAX};
    wheel_timer_init(&p->timer, on_probe, p);
}

static size_t advance(struct wheel *w, uint64_t now_ms)
{
    last_due_ms = 0;
    is_ordered = true;
    size_t n = wheel_advance(w, now_ms);
    assert_true(is_ordered);
    return n;
}

static void a_timer_is_never_early_and_one_tick_late(void **state)
{
    (void)state;
    struct wheel w;
    struct probe p;
    for (uint64_t start = 1000; start < 1010; start++) {
        for (uint64_t delay = 0; delay < 600; delay++) {
            wheel_init(&w, start);
            probe_init(&p, &w);
            wheel_start(&w, &p.timer, start + delay);
            for (uint64_t now = start; now < start + delay; now++)
                assert_int_equal(advance(&w, now), 0);
            advance(&w, start + delay + WHEEL_TICK_MS - 1);
            assert_int_equal(p.n_fired, 1);
            assert_int_equal(w.n, 0);
        }
    }
}

static void the_past_fires_at_the_next_advance(void **state)
{
    (void)state;
    struct wheel w;
    struct probe p;
    wheel_init(&w, 5000);
    probe_init(&p, &w);
    wheel_start(&w, &p.timer, 0);
    assert_int_equal(wheel_wait_ms(&w, 5000), 0);
    assert_int_equal(advance(&w, 5000), 1);
    assert_int_equal(advance(&w, 5000), 0);
    assert_true(wheel_wait_ms(&w, 5000) == UINT64_MAX);
}

static void the_wait_is_exact_nearby_and_never_late(void **state)
{
    (void)state;
    struct wheel w;
    struct probe p;
    wheel_init(&w, 8000);
    probe_init(&p, &w);
    wheel_start(&w, &p.timer, 8100);
    assert_int_equal(wheel_wait_ms(&w, 8001), 8104 - 8001);
    wheel_start(&w, &p.timer, 8000 + 3600000);
    uint64_t now = 8000;
    int n_turns = 0;
    for (; !p.n_fired; n_turns++) {
        now += wheel_wait_ms(&w, now);
        assert_true(now < 8000 + 3600000 + WHEEL_TICK_MS);
        wheel_advance(&w, now);
    }
    assert_true(n_turns <= WHEEL_LEVELS + 1);
    assert_true(now >= 8000 + 3600000);
}

static void a_stopped_timer_leaves_no_trace(void **state)
{
    (void)state;
    struct wheel w;
    struct probe p[3];
    wheel_init(&w, 0);
    for (int i = 0; i < 3; i++) {
        probe_init(&p[i], &w);
        wheel_start(&w, &p[i].timer, 100000);
    }
    for (int i = 0; i < 3; i++) {
        assert_true(wheel_wait_ms(&w, 0) <= 100000);
        wheel_stop(&w, &p[i].timer);
        wheel_stop(&w, &p[i].timer);
    }
    assert_true(wheel_wait_ms(&w, 0) == UINT64_MAX);
    assert_int_equal(w.n, 0);
    assert_int_equal(advance(&w, 1000000), 0);
}

static void a_later_rearm_moves_nothing(void **state)
{
    (void)state;
    struct wheel w;
    struct probe p;
    wheel_init(&w, 0);
    probe_init(&p, &w);
    wheel_start(&w, &p.timer, 1000);
    struct list *where = p.timer.node.next;
    for (uint64_t due = 1000; due < 100000; due += 100)
        wheel_start(&w, &p.timer, due);
    assert_ptr_equal(p.timer.node.next, where);
    assert_int_equal(w.n, 1);
    assert_int_equal(advance(&w, 99899), 0);
    assert_int_equal(advance(&w, 99904), 1);
    wheel_start(&w, &p.timer, 200000);
    wheel_start(&w, &p.timer, 150000);
    assert_int_equal(advance(&w, 150000), 1);
}

static void start_again(struct probe *self)
{
    wheel_start(self->wheel, &self->timer, self->timer.due_ms);
}

static void stop_other(struct probe *self)
{
    wheel_stop(self->wheel, &self->other->timer);
}

static void delay_other(struct probe *self)
{
    wheel_start(self->wheel, &self->other->timer, self->timer.due_ms + 10000);
}

static void hurry_other(struct probe *self)
{
    wheel_start(self->wheel, &self->other->timer, 0);
}

static void a_timer_started_in_the_past_by_a_timer_waits_for_the_next_call(void **state)
{
    (void)state;
    struct wheel w;
    struct probe p;
    wheel_init(&w, 0);
    probe_init(&p, &w);
    p.act = start_again;
    wheel_start(&w, &p.timer, 50);
    for (int i = 1; i < 5; i++) {
        assert_int_equal(advance(&w, 1000), 1);
        assert_int_equal(p.n_fired, i);
    }
    wheel_stop(&w, &p.timer);
    assert_int_equal(w.n, 0);
}

/* Both are due in one advance; the first does something to the second. */
static void run_pair(void (*act)(struct probe *), size_t n_first, uint64_t then_ms, size_t n_then)
{
    struct wheel w;
    struct probe a, b;
    wheel_init(&w, 0);
    probe_init(&a, &w);
    probe_init(&b, &w);
    a.act = act;
    a.other = &b;
    wheel_start(&w, &a.timer, 100);
    wheel_start(&w, &b.timer, 200);
    assert_int_equal(wheel_advance(&w, 5000), n_first);
    assert_int_equal(wheel_advance(&w, then_ms), n_then);
    assert_int_equal(w.n, 0);
    for (int level = 0; level < WHEEL_LEVELS; level++)
        assert_true(w.used[level] == 0);
}

static void a_timer_may_change_another_that_is_due_with_it(void **state)
{
    (void)state;
    run_pair(stop_other, 1, 100000, 0);
    run_pair(delay_other, 1, 10104, 1);
    run_pair(hurry_other, 1, 5000, 1);
}

static void far_beyond_reach_it_still_waits(void **state)
{
    (void)state;
    const uint64_t year_ms = 365ull * 86400 * 1000;
    struct wheel w;
    struct probe far, never;
    wheel_init(&w, 12345678901ull);
    probe_init(&far, &w);
    probe_init(&never, &w);
    wheel_start(&w, &far.timer, 12345678901ull + 100 * year_ms);
    wheel_start(&w, &never.timer, UINT64_MAX);
    for (uint64_t year = 1; year < 100; year++)
        assert_int_equal(advance(&w, 12345678901ull + year * year_ms), 0);
    assert_int_equal(advance(&w, 12345678901ull + 100 * year_ms + WHEEL_TICK_MS), 1);
    assert_int_equal(far.n_fired, 1);
    assert_int_equal(advance(&w, 1000000 * year_ms), 0);
    wheel_stop(&w, &never.timer);
}

static void empty_time_costs_nothing(void **state)
{
    (void)state;
    struct wheel w;
    struct probe p;
    wheel_init(&w, 0);
    probe_init(&p, &w);
    clock_t begin = clock();
    for (uint64_t day = 1; day < 5000; day++) {
        wheel_start(&w, &p.timer, day * 86400000);
        assert_int_equal(wheel_advance(&w, day * 86400000 + WHEEL_TICK_MS), 1);
    }
    assert_true(clock() - begin < CLOCKS_PER_SEC);
}

enum { N_PROBES = 500, N_STEPS = 60000 };

static uint64_t random_delay(void)
{
    return (uint64_t)(random() % 1000) << random() % 26;
}

/* The naive model: a list of due times. */
static size_t model_count(const struct probe *p, uint64_t now_ms)
{
    size_t n = 0;
    for (int i = 0; i < N_PROBES; i++)
        n += p[i].due_ms != UINT64_MAX && (p[i].due_ms + 7) / 8 <= now_ms / 8;
    return n;
}

static void model_check(struct probe *p, uint64_t now_ms)
{
    for (int i = 0; i < N_PROBES; i++) {
        bool is_due = p[i].due_ms != UINT64_MAX && (p[i].due_ms + 7) / 8 <= now_ms / 8;
        assert_int_equal(p[i].n_fired, is_due);
        p[i].n_fired = 0;
        if (is_due)
            p[i].due_ms = UINT64_MAX;
        assert_int_equal(p[i].timer.is_armed, p[i].due_ms != UINT64_MAX);
    }
}

static void check_wait(const struct wheel *w, const struct probe *p, uint64_t now_ms)
{
    uint64_t first_ms = UINT64_MAX;
    for (int i = 0; i < N_PROBES; i++)
        if (p[i].due_ms < first_ms)
            first_ms = p[i].due_ms;
    uint64_t wait_ms = wheel_wait_ms(w, now_ms);
    if (first_ms == UINT64_MAX)
        assert_true(wait_ms == UINT64_MAX);
    else if (first_ms > now_ms)
        assert_true(wait_ms <= first_ms - now_ms + WHEEL_TICK_MS);
    else
        assert_true(wait_ms < WHEEL_TICK_MS);
}

static void random_step(struct wheel *w, struct probe *all, uint64_t now_ms)
{
    struct probe *p = &all[random() % N_PROBES];
    if (random() % 4 == 0) {
        wheel_stop(w, &p->timer);
        p->due_ms = UINT64_MAX;
        return;
    }
    uint64_t delay = random_delay();
    p->due_ms = random() % 20 == 0 ? now_ms - now_ms / 16 : now_ms + delay;
    p->armed_ms = now_ms;
    wheel_start(w, &p->timer, p->due_ms);
}

static void it_agrees_with_a_naive_model(void **state)
{
    (void)state;
    static struct probe probes[N_PROBES];
    struct wheel w;
    uint64_t now_ms = (1ull << 39) - 100000; /* a round of the top level ends soon */
    srandom(42);
    wheel_init(&w, now_ms);
    for (int i = 0; i < N_PROBES; i++)
        probe_init(&probes[i], &w);
    for (int step = 0; step < N_STEPS; step++) {
        random_step(&w, probes, now_ms);
        if (random() % 8)
            continue;
        now_ms += random() % 3 ? (uint64_t)(random() % 20) : random_delay() / 16;
        size_t expected = model_count(probes, now_ms);
        assert_int_equal(advance(&w, now_ms), expected);
        model_check(probes, now_ms);
        check_wait(&w, probes, now_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_is_never_early_and_one_tick_late),
        cmocka_unit_test(the_past_fires_at_the_next_advance),
        cmocka_unit_test(the_wait_is_exact_nearby_and_never_late),
        cmocka_unit_test(a_stopped_timer_leaves_no_trace),
        cmocka_unit_test(a_later_rearm_moves_nothing),
        cmocka_unit_test(a_timer_started_in_the_past_by_a_timer_waits_for_the_next_call),
        cmocka_unit_test(a_timer_may_change_another_that_is_due_with_it),
        cmocka_unit_test(far_beyond_reach_it_still_waits),
        cmocka_unit_test(empty_time_costs_nothing),
        cmocka_unit_test(it_agrees_with_a_naive_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
