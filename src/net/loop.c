#include "net/loop.h"

#include <ev.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/sys.h"

/* libev counts CLOCK_MONOTONIC, the wheel CLOCK_BOOTTIME, which goes on while the machine sleeps:
 * waking once in this time bounds how late a timer can be after that. */
enum { NAP_MS = 60000 };

struct loop {
    struct ev_loop *ev;
    ev_check wakes;    /* a turn begins: libev has waited */
    ev_prepare sleeps; /* a turn ends: libev is about to wait */
    ev_async stop;
    ev_timer timer;    /* the wheel's next time */
    uint64_t timer_ms; /* what it is set to; UINT64_MAX: it does not run */
    uint64_t now_ms;
    struct wheel wheel;
    struct list hooks;
    struct list *next_hook; /* while they run */
    size_t n_registered;    /* descriptors, wake-ups and hooks */
};

struct loop_io {
    ev_io watcher;
    struct loop *loop;
    loop_fn *fn;
    void *arg;
};

struct loop_wake {
    ev_async watcher;
    struct loop *loop;
    loop_fn *fn;
    void *arg;
};

struct loop_hook {
    struct list node;
    struct loop *loop;
    loop_fn *fn;
    void *arg;
};

static void set_timer(struct loop *l)
{
    uint64_t wait_ms = wheel_wait_ms(&l->wheel, l->now_ms);
    uint64_t due_ms = wait_ms == UINT64_MAX ? UINT64_MAX : l->now_ms + wait_ms;
    if (wait_ms != UINT64_MAX && wait_ms > NAP_MS)
        due_ms = (l->now_ms / NAP_MS + 1) * NAP_MS;
    if (due_ms == l->timer_ms)
        return;
    l->timer_ms = due_ms;
    ev_timer_stop(l->ev, &l->timer);
    if (due_ms == UINT64_MAX)
        return;
    ev_timer_set(&l->timer, (double)(due_ms - l->now_ms) / 1000, 0);
    ev_timer_start(l->ev, &l->timer);
}

/* The cursor lets a hook free any hook, itself too. */
static void run_hooks(struct loop *l)
{
    l->next_hook = l->hooks.next;
    while (l->next_hook != &l->hooks) {
        struct loop_hook *h = container_of(l->next_hook, struct loop_hook, node);
        l->next_hook = h->node.next;
        h->fn(h->arg);
    }
}

static void end_turn(struct loop *l)
{
    wheel_advance(&l->wheel, l->now_ms);
    run_hooks(l);
}

static void on_wakes(struct ev_loop *ev, ev_check *watcher, int events)
{
    (void)ev;
    (void)events;
    struct loop *l = watcher->data;
    l->now_ms = sys_now_ms();
}

static void on_sleeps(struct ev_loop *ev, ev_prepare *watcher, int events)
{
    (void)ev;
    (void)events;
    struct loop *l = watcher->data;
    end_turn(l);
    set_timer(l);
}

/* Only ends the wait: the turn itself advances the wheel. */
static void on_timer(struct ev_loop *ev, ev_timer *watcher, int events)
{
    (void)ev;
    (void)events;
    struct loop *l = watcher->data;
    l->timer_ms = UINT64_MAX;
}

static void on_stop(struct ev_loop *ev, ev_async *watcher, int events)
{
    (void)watcher;
    (void)events;
    ev_break(ev, EVBREAK_ALL);
}

int loop_new(struct loop **out)
{
    struct loop *l = calloc(1, sizeof *l);
    if (!l)
        return ERR_NOMEM;
    l->ev = ev_loop_new(EVFLAG_AUTO);
    if (!l->ev) {
        free(l);
        return ERR_NOMEM;
    }
    l->now_ms = sys_now_ms();
    l->timer_ms = UINT64_MAX;
    list_init(&l->hooks);
    wheel_init(&l->wheel, l->now_ms);
    ev_check_init(&l->wakes, on_wakes);
    ev_set_priority(&l->wakes, EV_MAXPRI); /* before whatever happened: that sees the new time */
    ev_prepare_init(&l->sleeps, on_sleeps);
    ev_async_init(&l->stop, on_stop);
    ev_init(&l->timer, on_timer);
    l->wakes.data = l->sleeps.data = l->timer.data = l;
    ev_check_start(l->ev, &l->wakes);
    ev_prepare_start(l->ev, &l->sleeps);
    ev_async_start(l->ev, &l->stop);
    *out = l;
    return 0;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    BUG_ON(l->n_registered);
    ev_loop_destroy(l->ev);
    free(l);
}

void loop_run(struct loop *l)
{
    l->now_ms = sys_now_ms();
    ev_now_update(l->ev);
    ev_run(l->ev, 0);
    end_turn(l); /* the last turn left without one */
}

void loop_stop(struct loop *l)
{
    ev_async_send(l->ev, &l->stop);
}

uint64_t loop_now_ms(const struct loop *l)
{
    return l->now_ms;
}

static void on_io(struct ev_loop *ev, ev_io *watcher, int events)
{
    (void)ev;
    (void)events;
    struct loop_io *io = watcher->data;
    io->fn(io->arg);
}

int loop_io_new(struct loop *l, int fd, loop_fn *fn, void *arg, struct loop_io **out)
{
    struct loop_io *io = calloc(1, sizeof *io);
    if (!io)
        return ERR_NOMEM;
    io->loop = l;
    io->fn = fn;
    io->arg = arg;
    ev_io_init(&io->watcher, on_io, fd, EV_READ);
    io->watcher.data = io;
    ev_io_start(l->ev, &io->watcher);
    l->n_registered++;
    *out = io;
    return 0;
}

void loop_io_free(struct loop_io *io)
{
    if (!io)
        return;
    ev_io_stop(io->loop->ev, &io->watcher);
    io->loop->n_registered--;
    free(io);
}

void loop_io_watch(struct loop_io *io, bool is_reading, bool is_writing)
{
    int events = (is_reading ? EV_READ : 0) | (is_writing ? EV_WRITE : 0);
    if (events == (io->watcher.events & (EV_READ | EV_WRITE)))
        return;
    ev_io_stop(io->loop->ev, &io->watcher);
    ev_io_set(&io->watcher, io->watcher.fd, events);
    if (events)
        ev_io_start(io->loop->ev, &io->watcher);
}

static void on_wake(struct ev_loop *ev, ev_async *watcher, int events)
{
    (void)ev;
    (void)events;
    struct loop_wake *w = watcher->data;
    w->fn(w->arg);
}

int loop_wake_new(struct loop *l, loop_fn *fn, void *arg, struct loop_wake **out)
{
    struct loop_wake *w = calloc(1, sizeof *w);
    if (!w)
        return ERR_NOMEM;
    w->loop = l;
    w->fn = fn;
    w->arg = arg;
    ev_async_init(&w->watcher, on_wake);
    w->watcher.data = w;
    ev_async_start(l->ev, &w->watcher);
    l->n_registered++;
    *out = w;
    return 0;
}

void loop_wake_free(struct loop_wake *w)
{
    if (!w)
        return;
    ev_async_stop(w->loop->ev, &w->watcher);
    w->loop->n_registered--;
    free(w);
}

void loop_wake_send(struct loop_wake *w)
{
    ev_async_send(w->loop->ev, &w->watcher);
}

int loop_hook_new(struct loop *l, loop_fn *fn, void *arg, struct loop_hook **out)
{
    struct loop_hook *h = calloc(1, sizeof *h);
    if (!h)
        return ERR_NOMEM;
    *h = (struct loop_hook){.loop = l, .fn = fn, .arg = arg};
    list_add(&l->hooks, &h->node);
    l->n_registered++;
    *out = h;
    return 0;
}

void loop_hook_free(struct loop_hook *h)
{
    if (!h)
        return;
    if (h->loop->next_hook == &h->node)
        h->loop->next_hook = h->node.next;
    list_del(&h->node);
    h->loop->n_registered--;
    free(h);
}

void loop_timer_start(struct loop *l, struct wheel_timer *t, uint64_t delay_ms)
{
    wheel_start(&l->wheel, t, l->now_ms + delay_ms);
}

void loop_timer_stop(struct loop *l, struct wheel_timer *t)
{
    wheel_stop(&l->wheel, t);
}
