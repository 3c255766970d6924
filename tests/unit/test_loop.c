#include "unit.h"

#include <pthread.h>
#include <unistd.h>

#include "base/err.h"
#include "base/sys.h"
#include "net/loop.h"

struct world {
    struct loop *loop;
    struct loop_io *io;
    struct loop_wake *wake;
    struct loop_hook *hooks[2];
    struct wheel_timer timer;
    int pipe[2];
    uint64_t start_ms, fired_ms;
    int n_io, n_wakes, n_hooks[2], n_fired;
    int order; /* how many hooks had run before this one, mixed into digits */
};

static void setup(struct world *w)
{
    *w = (struct world){.n_io = 0};
    assert_int_equal(loop_new(&w->loop), 0);
    assert_int_equal(pipe(w->pipe), 0);
}

static void teardown(struct world *w)
{
    loop_free(w->loop);
    close(w->pipe[0]);
    close(w->pipe[1]);
}

static void on_timer(void *arg)
{
    struct world *w = arg;
    w->fired_ms = sys_now_ms();
    assert_true(loop_now_ms(w->loop) <= w->fired_ms);
    if (++w->n_fired == 3)
        loop_stop(w->loop);
    else
        loop_timer_start(w->loop, &w->timer, 20);
}

static void timers_fire_in_time_and_may_start_again(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    wheel_timer_init(&w.timer, on_timer, &w);
    w.start_ms = sys_now_ms();
    loop_timer_start(w.loop, &w.timer, 20);
    loop_run(w.loop);
    assert_int_equal(w.n_fired, 3);
    assert_true(w.fired_ms - w.start_ms >= 60);
    assert_true(w.fired_ms - w.start_ms < 600);
    teardown(&w);
}

static void on_io(void *arg)
{
    struct world *w = arg;
    char c;
    assert_int_equal(read(w->pipe[0], &c, 1), 1);
    if (++w->n_io == 3)
        loop_stop(w->loop);
}

static void on_hook_a(void *arg)
{
    struct world *w = arg;
    w->n_hooks[0]++;
    w->order = w->order * 10 + 1;
}

static void on_hook_b(void *arg)
{
    struct world *w = arg;
    w->n_hooks[1]++;
    w->order = w->order * 10 + 2;
}

static void hooks_run_in_order_after_each_turn_and_the_last(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    assert_int_equal(loop_io_new(w.loop, w.pipe[0], on_io, &w, &w.io), 0);
    assert_int_equal(loop_hook_new(w.loop, on_hook_a, &w, &w.hooks[0]), 0);
    assert_int_equal(loop_hook_new(w.loop, on_hook_b, &w, &w.hooks[1]), 0);
    assert_int_equal(write(w.pipe[1], "abc", 3), 3);
    loop_run(w.loop);
    assert_int_equal(w.n_io, 3);
    assert_true(w.n_hooks[0] >= 4);
    assert_int_equal(w.n_hooks[0], w.n_hooks[1]);
    assert_int_equal(w.order % 10000, 1212);
    loop_io_free(w.io);
    loop_hook_free(w.hooks[0]);
    loop_hook_free(w.hooks[1]);
    teardown(&w);
}

static void on_hook_free_both(void *arg)
{
    struct world *w = arg;
    loop_hook_free(w->hooks[0]);
    loop_hook_free(w->hooks[1]);
    loop_stop(w->loop);
}

static void a_hook_may_free_itself_and_the_next(void **state)
{
    (void)state;
    struct world w;
    setup(&w);
    assert_int_equal(loop_hook_new(w.loop, on_hook_free_both, &w, &w.hooks[0]), 0);
    assert_int_equal(loop_hook_new(w.loop, on_hook_b, &w, &w.hooks[1]), 0);
    loop_run(w.loop);
    assert_int_equal(w.n_hooks[1], 0);
    teardown(&w);
}

static void on_wake(void *arg)
{
    struct world *w = arg;
    w->n_wakes++;
}

static void *wake_and_stop(void *arg)
{
    struct world *w = arg;
    for (int i = 0; i < 1000; i++)
        loop_wake_send(w->wake);
    loop_stop(w->loop);
    return NULL;
}

static void wakes_from_another_thread_count_at_least_once(void **state)
{
    (void)state;
    struct world w;
    pthread_t thread;
    setup(&w);
    assert_int_equal(loop_wake_new(w.loop, on_wake, &w, &w.wake), 0);
    assert_int_equal(pthread_create(&thread, NULL, wake_and_stop, &w), 0);
    loop_run(w.loop);
    assert_in_range(w.n_wakes, 1, 1000);
    assert_int_equal(pthread_join(thread, NULL), 0);
    loop_wake_free(w.wake);
    teardown(&w);
}

static void use_loop(void *arg)
{
    (void)arg;
    struct loop *l = NULL;
    struct loop_io *io = NULL;
    struct loop_wake *wake = NULL;
    struct loop_hook *hook = NULL;
    if (loop_new(&l))
        return;
    int err = loop_io_new(l, STDIN_FILENO, on_io, NULL, &io);
    assert_true(err == 0 || err == ERR_NOMEM);
    err = loop_wake_new(l, on_wake, NULL, &wake);
    assert_true(err == 0 || err == ERR_NOMEM);
    err = loop_hook_new(l, on_hook_a, NULL, &hook);
    assert_true(err == 0 || err == ERR_NOMEM);
    loop_hook_free(hook);
    loop_wake_free(wake);
    loop_io_free(io);
    loop_free(l);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_int_equal(oom_sweep(use_loop, NULL), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_time_and_may_start_again),
        cmocka_unit_test(hooks_run_in_order_after_each_turn_and_the_last),
        cmocka_unit_test(a_hook_may_free_itself_and_the_next),
        cmocka_unit_test(wakes_from_another_thread_count_at_least_once),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
