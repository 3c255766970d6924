#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/list.h"
#include "conf/conf.h"
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
    f->due_ms = w->now_ms + w->link.delay_ms + dice_below(&w->dice, w->link.jitter_ms + 1);
    enqueue(w, f);
}

void world_send(struct world *w, const struct world_packet *p)
{
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
    world_send(arg, &p);
}

static void land(struct world *w, struct flight *f)
{
    const struct world_packet *p = &f->packet;
    list_del(&f->node);
    bool is_taken = !p->is_to_us || fake_udp_deliver(&p->from, &p->to, p->bytes, p->socket);
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

static void exhaust_now(struct world *w)
{
    bool is_busy = true;
    while (is_busy) {
        is_busy = land_due(w);
        is_busy |= fake_loop_turn_all();
        is_busy |= wheel_advance(&w->wheel, w->now_ms) > 0;
    }
}

static uint64_t next_event_ms(const struct world *w)
{
    const struct flight *f = first_flight(w);
    uint64_t next_ms = fake_loop_next_ms();
    uint64_t wait_ms = wheel_wait_ms(&w->wheel, w->now_ms);
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

/* ---------------------------------------------------------------- the daemon */

static void say(bool is_error, const char *text, void *arg)
{
    (void)arg;
    if (is_error) /* warnings are about this machine, which the simulated one is not */
        fprintf(stderr, "%s\n", text);
}

/* The text goes through a file, as the daemon reads it. */
static int load_conf(struct world *w, struct str text, struct conf **out)
{
    FILE *f = fopen(w->conf_path, "w");
    if (!f)
        return ERR_IO;
    bool is_written = fwrite(text.p, 1, text.n, f) == text.n;
    if (fclose(f) || !is_written)
        return ERR_IO;
    return conf_load(w->conf_path, say, NULL, out);
}

static int make_workers(struct world *w)
{
    w->group.owner_key = hash_key_new();
    w->group.loop_key = hash_key_new();
    w->group.workers = calloc(w->conf->workers, sizeof *w->group.workers);
    if (!w->group.workers)
        return ERR_NOMEM;
    w->group.n = w->conf->workers;
    for (unsigned i = 0; i < w->group.n; i++) {
        const struct conf_listen *failed;
        int err = worker_new(&w->group, i, w->conf, &failed, &w->group.workers[i]);
        if (err)
            return err;
    }
    return 0;
}

bool world_boot(struct world *w, struct str conf)
{
    int err = load_conf(w, conf, &w->conf);
    if (!err)
        err = make_workers(w);
    if (err)
        fprintf(stderr, "cannot start the daemon: %s\n", err_text(err));
    return err == 0;
}

bool world_reload(struct world *w, struct str conf)
{
    struct conf *next;
    if (load_conf(w, conf, &next))
        return false;
    for (unsigned i = 0; i < w->group.n; i++)
        BUG_ON(worker_reload(w->group.workers[i], next));
    conf_unref(w->conf);
    w->conf = next;
    return true;
}

static void on_idle(void *arg)
{
    struct world *w = arg;
    w->n_idle++;
}

bool world_drain(struct world *w, uint64_t timeout_ms)
{
    for (unsigned i = 0; i < w->group.n; i++)
        if (worker_drain(w->group.workers[i], timeout_ms, on_idle, w))
            return false;
    return true;
}

/* ---------------------------------------------------------------- beginning and end */

static char *new_conf_path(void)
{
    const char *folder = getenv("TMPDIR");
    char path[512];
    (void)snprintf(path, sizeof path, "%s/sim-XXXXXX", folder ? folder : "/tmp");
    int fd = mkstemp(path);
    BUG_ON(fd < 0);
    (void)close(fd);
    return strdup(path);
}

void world_init(struct world *w, uint64_t seed, world_fn *fn, void *arg)
{
    *w = (struct world){.now_ms = FAKE_BOOT_MS, .dice = {~seed}, .fn = fn, .arg = arg};
    fake_sys_start(seed);
    fake_udp_on_send(on_datagram, w);
    list_init(&w->flights);
    wheel_init(&w->wheel, w->now_ms);
    w->conf_path = new_conf_path();
}

void world_fini(struct world *w)
{
    fake_udp_on_send(NULL, NULL);
    for (unsigned i = 0; i < w->group.n; i++)
        worker_free(w->group.workers[i]);
    free(w->group.workers);
    conf_unref(w->conf);
    for (struct flight *f = first_flight(w); f; f = first_flight(w)) {
        list_del(&f->node);
        free_flight(f);
    }
    (void)unlink(w->conf_path);
    free(w->conf_path);
}
