#include "world.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/list.h"
#include "fake.h"

/* One packet on its way. */
struct flight {
    struct list node;
    uint64_t due_ms;
    struct world_packet packet;
    char *bytes;
};

/* ---------------------------------------------------------------- the network */

static void free_flight(struct flight *f)
{
    free(f->bytes);
    free(f);
}

/* Behind all that arrive no later. */
static void enqueue(struct world *w, struct flight *f)
{
    struct list *at = w->flights.prev;
    while (at != &w->flights && container_of(at, struct flight, node)->due_ms > f->due_ms)
        at = at->prev;
    list_add(at->next, &f->node); /* list_add puts before its argument */
}

static void launch(struct world *w, const struct world_packet *p)
{
    struct flight *f = calloc(1, sizeof *f);
    char *bytes = malloc(p->bytes.n ? p->bytes.n : 1);
    BUG_ON(!f || !bytes);
    if (p->bytes.n)
        memcpy(bytes, p->bytes.p, p->bytes.n);
    f->bytes = bytes;
    f->packet = *p;
    f->packet.bytes.p = bytes;
    f->due_ms = w->now_ms + w->link.delay_ms;
    if (!p->is_stream)
        f->due_ms += dice_below(&w->dice, w->link.jitter_ms + 1);
    enqueue(w, f);
}

void world_send(struct world *w, const struct world_packet *p)
{
    if (p->is_stream) {
        w->fn(WORLD_SENT, p, w->arg);
        launch(w, p);
        return;
    }
    bool is_lost = dice_hits(&w->dice, w->link.loss);
    w->fn(is_lost ? WORLD_LOST : WORLD_SENT, p, w->arg);
    if (!is_lost)
        launch(w, p);
    if (dice_hits(&w->dice, w->link.dup))
        launch(w, p);
}

static void on_datagram(const struct addr *from, const struct addr *to, struct str bytes, void *arg)
{
    const struct world_packet p = {.from = *from, .to = *to, .bytes = bytes, .socket = -1};
    struct world *w = arg;
    if (!w->is_unplugged)
        world_send(w, &p);
}

static void on_stream(const struct addr *from, const struct addr *to, struct str bytes, void *arg)
{
    const struct world_packet p = {
        .from = *from, .to = *to, .bytes = bytes, .is_stream = true, .socket = -1};
    struct world *w = arg;
    if (!w->is_unplugged)
        world_send(w, &p);
}

static bool hand_in(const struct world_packet *p)
{
    if (p->is_stream)
        return fake_stream_deliver(&p->from, &p->to, p->bytes, p->socket);
    return fake_udp_deliver(&p->from, &p->to, p->bytes, p->socket);
}

static void land(struct world *w, struct flight *f)
{
    const struct world_packet *p = &f->packet;
    list_del(&f->node);
    bool is_taken = !p->is_to_us || hand_in(p);
    w->fn(is_taken ? WORLD_ARRIVED : WORLD_REFUSED, p, w->arg);
    free_flight(f);
}

static struct flight *first_flight(const struct world *w)
{
    return list_is_empty(&w->flights) ? NULL : container_of(w->flights.next, struct flight, node);
}

/* False: nothing arrives now. */
static bool land_due(struct world *w)
{
    struct flight *f = first_flight(w);
    if (!f || f->due_ms > w->now_ms)
        return false;
    land(w, f);
    return true;
}

uint64_t world_round_trip_ms(const struct world *w)
{
    return 2ULL * (w->link.delay_ms + w->link.jitter_ms);
}

/* ---------------------------------------------------------------- time */

/* Whether somebody heard of it. */
static bool turn_store(struct world *w)
{
    host_turn(&w->host);
    return host_next_ms(&w->host) <= w->now_ms || fake_loop_has_work();
}

static void exhaust_now(struct world *w)
{
    bool is_busy = true;
    while (is_busy) {
        is_busy = land_due(w);
        is_busy |= fake_loop_turn_all();
        is_busy |= wheel_advance(&w->wheel, w->now_ms) > 0;
        if (!is_busy)
            is_busy = turn_store(w);
    }
}

static uint64_t next_event_ms(const struct world *w)
{
    const struct flight *f = first_flight(w);
    uint64_t next_ms = fake_loop_next_ms();
    uint64_t wait_ms = wheel_wait_ms(&w->wheel, w->now_ms);
    if (host_next_ms(&w->host) < next_ms)
        next_ms = host_next_ms(&w->host);
    if (f && f->due_ms < next_ms)
        next_ms = f->due_ms;
    if (wait_ms < next_ms - w->now_ms)
        next_ms = w->now_ms + (wait_ms ? wait_ms : 1);
    return next_ms;
}

void world_pass(struct world *w, uint64_t ms)
{
    uint64_t end_ms = w->now_ms + ms;
    exhaust_now(w);
    for (uint64_t next_ms = next_event_ms(w); next_ms <= end_ms; next_ms = next_event_ms(w)) {
        w->now_ms = next_ms;
        fake_sys_set_ms(next_ms);
        exhaust_now(w);
    }
    w->now_ms = end_ms;
    fake_sys_set_ms(end_ms);
    exhaust_now(w);
}

/* ---------------------------------------------------------------- beginning and end */

void world_stop(struct world *w, enum host_end how)
{
    w->is_unplugged = how != HOST_STOP;
    host_stop(&w->host, how);
    w->is_unplugged = false;
}

void world_init(struct world *w, uint64_t seed, world_fn *fn, void *arg)
{
    *w = (struct world){.now_ms = FAKE_BOOT_MS, .dice = {~seed}, .fn = fn, .arg = arg};
    fake_sys_start(seed);
    fake_udp_on_send(on_datagram, w);
    fake_stream_on_send(on_stream, w);
    list_init(&w->flights);
    wheel_init(&w->wheel, w->now_ms);
    host_init(&w->host);
}

void world_fini(struct world *w)
{
    fake_udp_on_send(NULL, NULL);
    fake_stream_on_send(NULL, NULL);
    host_fini(&w->host);
    for (struct flight *f = first_flight(w); f; f = first_flight(w)) {
        list_del(&f->node);
        free_flight(f);
    }
}
