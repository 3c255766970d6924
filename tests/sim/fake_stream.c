#include "net/stream.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/list.h"
#include "base/stats.h"
#include "fake.h"
#include "net/census.h"
#include "net/dial.h"
#include "net/inflow.h"
#include "net/loop.h"
#include "net/tallies.h"

/* What waits for the loop or for the end of its turn; bytes are allocated alone, so that a
 * sanitizer sees who reads beyond them. */
struct piece {
    struct list node;
    char *bytes;
    size_t n;
    bool is_end;
};

struct stream {
    struct list link; /* among all listeners, in the order they were opened */
    struct loop *loop;
    struct flow_table *table;
    struct loop_wake *readable;
    struct loop_hook *hook;
    packet_fn *fn;
    bool (*is_exempt)(const struct addr *peer, void *arg);
    void *arg;
    struct census *census;
    enum flow_transport transport;
    struct addr addr;
    uint8_t listener;
    bool is_shared;
    size_t max_len;
    struct dials dials;
    struct list conns, dead;
};

struct conn {
    struct list node;
    struct stream *stream;
    struct addr local;
    struct flow_ref flow;
    struct family family;
    struct inflow inflow;
    struct list in, out;
    struct wheel_timer timer;
    uint64_t heard_ms, held_ms;
    uint32_t n_bindings;
    struct dial *dial; /* of one that we have opened */
    bool is_opening;   /* whether somebody is there it hears in its next turn */
    bool is_counted, is_dead;
};

static struct list streams = {&streams, &streams};
/* There is no TLS, so who an address is the network says. */
enum { FAMILIES_MAX = 64 };
static struct {
    struct addr from;
    struct family family;
} families[FAMILIES_MAX];
static size_t n_families;
static fake_udp_fn *send_fn;
static void *send_arg;
static fake_stream_there_fn *there_fn;
static void *there_arg;

/* ---------------------------------------------------------------- pieces */

static void add_piece(struct list *queue, struct str bytes, bool is_end)
{
    struct piece *p = calloc(1, sizeof *p);
    BUG_ON(!p);
    p->bytes = malloc(bytes.n ? bytes.n : 1);
    BUG_ON(!p->bytes);
    if (bytes.n)
        memcpy(p->bytes, bytes.p, bytes.n);
    p->n = bytes.n;
    p->is_end = is_end;
    list_add(queue, &p->node);
}

static struct piece *pop_piece(struct list *queue)
{
    struct list *node = list_pop(queue);
    return node ? container_of(node, struct piece, node) : NULL;
}

static void free_piece(struct piece *p)
{
    free(p->bytes);
    free(p);
}

static void drop_pieces(struct list *queue)
{
    for (struct piece *p = pop_piece(queue); p; p = pop_piece(queue))
        free_piece(p);
}

/* ---------------------------------------------------------------- connections */

static void tell_peer(const struct conn *c, struct str bytes)
{
    if (send_fn)
        send_fn(&c->local, &c->flow.peer, bytes, send_arg);
}

/* is_ours: the peer sees it end. */
static void end_it(struct conn *c, enum stats_id why, bool is_ours)
{
    struct stream *s = c->stream;
    if (c->is_dead)
        return;
    c->is_dead = true;
    stats_inc(why);
    stats_dec(tallies_of(s->transport)->open);
    if (c->is_counted)
        census_del(s->census, &c->flow.peer);
    if (c->dial)
        dial_on_end(c->dial, !c->is_opening, loop_now_ms(s->loop));
    flow_del(s->table, &c->flow);
    loop_timer_stop(s->loop, &c->timer);
    list_del(&c->node);
    list_add(&s->dead, &c->node);
    if (is_ours)
        add_piece(&c->out, STR(FAKE_STREAM_CLOSED), false);
}

static void flush(struct conn *c)
{
    for (struct piece *p = pop_piece(&c->out); p; p = pop_piece(&c->out)) {
        stats_add(tallies_of(c->stream->transport)->bytes_out, (int64_t)p->n);
        tell_peer(c, (struct str){p->bytes, p->n});
        free_piece(p);
    }
}

static void flush_all(void *arg)
{
    struct stream *s = arg;
    list_each (it, &s->conns)
        if (!container_of(it, struct conn, node)->is_opening)
            flush(container_of(it, struct conn, node));
    for (struct list *l = list_pop(&s->dead); l; l = list_pop(&s->dead)) {
        struct conn *c = container_of(l, struct conn, node);
        if (!c->is_opening)
            flush(c);
        drop_pieces(&c->out);
        drop_pieces(&c->in);
        inflow_fini(&c->inflow);
        free(c);
    }
}

static void arm(struct conn *c)
{
    struct loop *l = c->stream->loop;
    uint64_t due_ms = c->heard_ms + (c->dial ? STREAM_KEPT_MS : STREAM_IDLE_MS);
    due_ms = due_ms < c->held_ms ? c->held_ms : due_ms;
    loop_timer_start(l, &c->timer, due_ms > loop_now_ms(l) ? due_ms - loop_now_ms(l) : 0);
}

static void on_timer(void *arg)
{
    struct conn *c = arg;
    uint64_t now_ms = loop_now_ms(c->stream->loop);
    if (c->heard_ms + (c->dial ? STREAM_KEPT_MS : STREAM_IDLE_MS) > now_ms || c->held_ms > now_ms)
        arm(c);
    else
        end_it(c, STAT_CLOSED_IDLE, true);
}

static int send_message(void *self, const struct flow_ref *to, struct str bytes)
{
    struct conn *c = self;
    (void)to;
    stats_inc(tallies_of(c->stream->transport)->out);
    add_piece(&c->out, bytes, false);
    return 0;
}

static void hold(void *self, uint64_t until_ms)
{
    struct conn *c = self;
    if (c->held_ms < until_ms)
        c->held_ms = until_ms;
    if (c->is_counted)
        census_del(c->stream->census, &c->flow.peer);
    c->is_counted = false;
}

static void on_close(void *self)
{
    end_it(self, STAT_CLOSED_MALFORMED, true);
}

static void on_join(void *self)
{
    struct conn *c = self;
    c->n_bindings++;
}

/* The newest flow of a device wins (RFC 5626 6); one that others still need stays. */
static void on_leave(void *self)
{
    struct conn *c = self;
    if (c->n_bindings && --c->n_bindings == 0)
        end_it(c, STAT_CLOSED_REPLACED, true);
}

static const struct flow_stream_ops ops = {send_message, hold, on_close, on_join, on_leave};

static bool on_part(enum frame_verdict verdict, struct str bytes, void *arg)
{
    struct conn *c = arg;
    const struct packet p = {.bytes = bytes,
                             .flow = c->flow,
                             .received_ms = loop_now_ms(c->stream->loop),
                             .family = c->family};
    if (verdict == FRAME_MESSAGE) {
        stats_inc(tallies_of(c->stream->transport)->in);
        c->stream->fn(&p, c->stream->arg);
    } else if (verdict == FRAME_PING) {
        stats_inc(STAT_KEEPALIVE);
        add_piece(&c->out, STR("\r\n"), false);
    } else {
        end_it(c, verdict == FRAME_TOOBIG ? STAT_CLOSED_TOO_LONG : STAT_CLOSED_MALFORMED, true);
    }
    return !c->is_dead;
}

static void take_pieces(struct conn *c)
{
    for (struct piece *p = c->is_dead ? NULL : pop_piece(&c->in); p;
         p = c->is_dead ? NULL : pop_piece(&c->in)) {
        c->heard_ms = loop_now_ms(c->stream->loop);
        stats_add(tallies_of(c->stream->transport)->bytes_in, (int64_t)p->n);
        if (p->is_end)
            end_it(c, STAT_CLOSED_PEER, false);
        else
            BUG_ON(inflow_feed(&c->inflow, (struct str){p->bytes, p->n}, c->stream->max_len,
                               on_part, c));
        free_piece(p);
    }
}

static bool is_there(const struct addr *peer)
{
    return there_fn && there_fn(peer, there_arg);
}

static void open_or_end(struct conn *c)
{
    if (!is_there(&c->flow.peer)) {
        end_it(c, STAT_CLOSED_ERROR, false);
        return;
    }
    c->is_opening = false;
    dial_on_open(c->dial);
}

static void on_readable(void *arg)
{
    struct stream *s = arg;
    list_each_safe (it, &s->conns) {
        struct conn *c = container_of(it, struct conn, node);
        if (c->is_opening)
            open_or_end(c);
        take_pieces(c);
    }
}

/* ---------------------------------------------------------------- the network */

void fake_stream_on_send(fake_udp_fn *fn, void *arg)
{
    send_fn = fn;
    send_arg = arg;
}

void fake_stream_on_connect(fake_stream_there_fn *fn, void *arg)
{
    there_fn = fn;
    there_arg = arg;
}

void fake_stream_set_family(const struct addr *from, const struct family *family)
{
    size_t i = 0;
    while (i < n_families && !addr_is_equal(&families[i].from, from))
        i++;
    BUG_ON(i == FAMILIES_MAX);
    families[i].from = *from;
    families[i].family = *family;
    n_families += i == n_families;
}

static struct family family_of(const struct addr *from)
{
    for (size_t i = 0; i < n_families; i++)
        if (addr_is_equal(&families[i].from, from))
            return families[i].family;
    return (struct family){0};
}

static bool is_bound_to(const struct stream *s, const struct addr *to)
{
    if (addr_is_any(&s->addr))
        return s->addr.family == to->family && s->addr.port == to->port;
    return addr_is_equal(&s->addr, to);
}

static struct stream *find_listener(const struct addr *to, unsigned nth)
{
    list_each (it, &streams) {
        struct stream *s = container_of(it, struct stream, link);
        if (is_bound_to(s, to) && nth-- == 0)
            return s;
    }
    return NULL;
}

static struct conn *find_conn(const struct addr *peer)
{
    list_each (it, &streams) {
        const struct stream *s = container_of(it, struct stream, link);
        list_each (jt, &s->conns) {
            struct conn *c = container_of(jt, struct conn, node);
            if (addr_is_equal(&c->flow.peer, peer))
                return c;
        }
    }
    return NULL;
}

static bool is_admitted(const struct stream *s, const struct addr *peer)
{
    enum census_verdict verdict =
        s->is_exempt(peer, s->arg) ? CENSUS_OK : census_enter(s->census, peer);
    if (verdict != CENSUS_OK)
        stats_inc(verdict == CENSUS_FULL ? STAT_REJECTED_ALL : STAT_REJECTED_SOURCE);
    return verdict == CENSUS_OK;
}

static struct conn *join(struct stream *s, const struct addr *peer, const struct addr *us,
                         struct dial *dial)
{
    struct conn *c = calloc(1, sizeof *c);
    BUG_ON(!c);
    *c = (struct conn){
        .stream = s,
        .local = *us,
        .dial = dial,
        .is_opening = dial != NULL,
        .flow = {.peer = *peer, .transport = (uint8_t)s->transport, .listener = s->listener},
        .family = family_of(peer),
        .heard_ms = loop_now_ms(s->loop),
        .is_counted = !dial && !s->is_exempt(peer, s->arg)};
    if (addr_is_any(&s->addr))
        c->flow.local = *us;
    list_init(&c->in);
    list_init(&c->out);
    inflow_init(&c->inflow);
    wheel_timer_init(&c->timer, on_timer, c);
    BUG_ON(flow_add_stream(s->table, &ops, c, &c->flow));
    list_add(&s->conns, &c->node);
    stats_inc(tallies_of(s->transport)->open);
    stats_inc(dial ? STAT_DIALLED_TCP : tallies_of(s->transport)->opened);
    arm(c);
    return c;
}

static struct conn *open_conn(const struct addr *from, const struct addr *to, int socket)
{
    unsigned n = 0;
    while (find_listener(to, n))
        n++;
    if (n == 0)
        return NULL;
    struct stream *s = find_listener(to, (socket < 0 ? from->port : (unsigned)socket) % n);
    if (!s || !is_admitted(s, from))
        return NULL;
    return join(s, from, to, NULL);
}

bool fake_stream_deliver(const struct addr *from, const struct addr *to, struct str bytes,
                         int socket)
{
    struct conn *c = find_conn(from);
    bool is_end = str_eq(bytes, STR(FAKE_STREAM_CLOSED));
    if (!c && !is_end)
        c = open_conn(from, to, socket);
    if (!c)
        return false;
    add_piece(&c->in, bytes, is_end);
    loop_wake_send(c->stream->readable);
    return true;
}

int stream_connect(struct stream *s, const struct stream_peer *peer, struct flow_ref *out)
{
    uint64_t now_ms = loop_now_ms(s->loop);
    struct dial *d = dial_find(&s->dials, peer, now_ms);
    if (!d)
        return ERR_FULL;
    if (!d->is_up && dial_is_paused(d, now_ms))
        return ERR_GONE;
    if (!d->is_up) {
        dial_on_start(d, &join(s, &peer->addr, &s->addr, d)->flow);
        loop_wake_send(s->readable);
    }
    *out = d->flow;
    return d->is_open || !peer->is_open_only ? 0 : ERR_AGAIN;
}

/* Only patience, which there is none of here. */
void stream_retire(struct stream *s, const struct addr *peer)
{
    (void)s;
    (void)peer;
}

/* ---------------------------------------------------------------- opening and closing */

int stream_open(struct loop *l, struct flow_table *t, const struct stream_conf *conf,
                struct stream **out)
{
    struct stream *s = calloc(1, sizeof *s);
    BUG_ON(!s);
    *s = (struct stream){.loop = l,
                         .table = t,
                         .fn = conf->fn,
                         .is_exempt = conf->is_exempt,
                         .census = conf->census,
                         .arg = conf->arg,
                         .transport = conf->transport,
                         .addr = conf->addr,
                         .listener = conf->listener,
                         .is_shared = conf->is_shared,
                         .max_len = conf->max_len};
    list_init(&s->conns);
    list_init(&s->dead);
    list_add(&streams, &s->link);
    BUG_ON(loop_wake_new(l, on_readable, s, &s->readable));
    BUG_ON(loop_hook_new(l, flush_all, s, &s->hook));
    *out = s;
    return 0;
}

void stream_close(struct stream *s)
{
    if (!s)
        return;
    flush_all(s);
    while (!list_is_empty(&s->conns))
        end_it(container_of(s->conns.next, struct conn, node), STAT_CLOSED_STOP, true);
    flush_all(s);
    loop_hook_free(s->hook);
    loop_wake_free(s->readable);
    list_del(&s->link);
    free(s);
}

/* The simulated network has no TLS. */
void stream_set_tls(struct stream *s, struct tls_context *tls)
{
    BUG_ON(s);
    (void)tls;
}

/* A message is a message, and no upgrade comes before it: test_ws has the frames. */
void stream_set_origins(struct stream *s, const struct wshake_conf *origins)
{
    (void)s;
    (void)origins;
}

int stream_fd(const struct stream *s)
{
    (void)s;
    return -1;
}

struct addr stream_addr(const struct stream *s)
{
    return s->addr;
}
