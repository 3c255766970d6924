#include "net/loop.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/list.h"
#include "base/sys.h"
#include "fake.h"

struct loop {
    struct list link; /* among all loops */
    uint64_t now_ms;
    struct wheel wheel;
    struct list wakes, hooks;
    struct list *next_wake, *next_hook; /* while they run */
    size_t n_sent;                      /* wake-ups that wait */
    size_t n_registered;
};

struct loop_wake {
    struct list node;
    struct loop *loop;
    loop_fn *fn;
    void *arg;
    bool is_sent;
};

struct loop_hook {
    struct list node;
    struct loop *loop;
    loop_fn *fn;
    void *arg;
};

static struct list loops = {&loops, &loops};

int loop_new(struct loop **out)
{
    struct loop *l = calloc(1, sizeof *l);
    if (!l)
        return ERR_NOMEM;
    l->now_ms = sys_now_ms();
    wheel_init(&l->wheel, l->now_ms);
    list_init(&l->wakes);
    list_init(&l->hooks);
    list_add(&loops, &l->link);
    *out = l;
    return 0;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    BUG_ON(l->n_registered);
    list_del(&l->link);
    free(l);
}

/* ---------------------------------------------------------------- turns */

static bool has_work(const struct loop *l)
{
    return l->n_sent || wheel_wait_ms(&l->wheel, sys_now_ms()) == 0;
}

static void run_wakes(struct loop *l)
{
    l->next_wake = l->wakes.next;
    while (l->next_wake != &l->wakes) {
        struct loop_wake *w = container_of(l->next_wake, struct loop_wake, node);
        l->next_wake = w->node.next;
        if (!w->is_sent)
            continue;
        w->is_sent = false;
        l->n_sent--;
        w->fn(w->arg);
    }
}

static void run_hooks(struct loop *l)
{
    l->next_hook = l->hooks.next;
    while (l->next_hook != &l->hooks) {
        struct loop_hook *h = container_of(l->next_hook, struct loop_hook, node);
        l->next_hook = h->node.next;
        h->fn(h->arg);
    }
}

/* In the order of the real loop: what came in, timers, hooks. */
static void turn(struct loop *l)
{
    l->now_ms = sys_now_ms();
    run_wakes(l);
    wheel_advance(&l->wheel, l->now_ms);
    run_hooks(l);
}

bool fake_loop_turn_all(void)
{
    bool has_run = false;
    list_each (it, &loops) {
        struct loop *l = container_of(it, struct loop, link);
        if (!has_work(l))
            continue;
        has_run = true;
        turn(l);
    }
    return has_run;
}

bool fake_loop_has_work(void)
{
    list_each (it, &loops)
        if (has_work(container_of(it, struct loop, link)))
            return true;
    return false;
}

uint64_t fake_loop_next_ms(void)
{
    uint64_t now_ms = sys_now_ms();
    uint64_t next_ms = UINT64_MAX;
    list_each (it, &loops) {
        const struct loop *l = container_of(it, struct loop, link);
        uint64_t wait_ms = wheel_wait_ms(&l->wheel, now_ms);
        if (wait_ms != UINT64_MAX && now_ms + wait_ms < next_ms)
            next_ms = now_ms + wait_ms;
    }
    return next_ms > now_ms ? next_ms : now_ms + 1;
}

/* ---------------------------------------------------------------- as net/loop.h has it */

/* The world turns the loops; no thread of theirs exists. */
void loop_run(struct loop *l)
{
    BUG_ON(l);
}

void loop_stop(struct loop *l)
{
    BUG_ON(l);
}

uint64_t loop_now_ms(const struct loop *l)
{
    return l->now_ms;
}

/* A simulated machine has no descriptors. */
int loop_io_new(struct loop *l, int fd, loop_fn *fn, void *arg, struct loop_io **out)
{
    BUG_ON(l);
    (void)fd;
    (void)fn;
    (void)arg;
    (void)out;
    return ERR_IO;
}

void loop_io_free(struct loop_io *io)
{
    BUG_ON(io);
}

void loop_io_watch(struct loop_io *io, bool is_reading, bool is_writing)
{
    (void)is_reading;
    (void)is_writing;
    BUG_ON(io);
}

int loop_wake_new(struct loop *l, loop_fn *fn, void *arg, struct loop_wake **out)
{
    struct loop_wake *w = calloc(1, sizeof *w);
    if (!w)
        return ERR_NOMEM;
    *w = (struct loop_wake){.loop = l, .fn = fn, .arg = arg};
    list_add(&l->wakes, &w->node);
    l->n_registered++;
    *out = w;
    return 0;
}

void loop_wake_free(struct loop_wake *w)
{
    if (!w)
        return;
    if (w->loop->next_wake == &w->node)
        w->loop->next_wake = w->node.next;
    list_del(&w->node);
    w->loop->n_registered--;
    w->loop->n_sent -= w->is_sent;
    free(w);
}

void loop_wake_send(struct loop_wake *w)
{
    w->loop->n_sent += !w->is_sent;
    w->is_sent = true;
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
