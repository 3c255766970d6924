#include "net/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/err.h"
#include "net/census.h"
#include "net/dial.h"
#include "net/inflow.h"
#include "net/loop.h"
#include "net/namebook.h"
#include "net/peercert.h"
#include "net/sock.h"
#include "net/tallies.h"
#include "net/tls.h"
#include "net/wire.h"

/* Then the other connections have their turn. */
enum { CHUNKS_PER_TURN = 4 };

enum { NAMES_MAX = 4096 }; /* of one certificate */

struct conn {
    struct list node;  /* of conns, or dead */
    struct list dirty; /* linked while there is something to send this turn */
    struct conn_host *host;
    struct loop_io *io;
    int fd;
    struct ssl_st *tls; /* NULL: plain TCP */
    struct flow_ref flow;
    struct namebook_entry *names; /* of its certificate; NULL: none */
    struct family family;         /* of its TLS session, once it is open */
    struct inflow in;
    struct ws *ws; /* NULL: SIP comes without frames */
    struct sendq out;
    struct wheel_timer timer;
    uint64_t heard_ms;
    uint64_t held_ms;    /* a binding needs it until then */
    uint64_t began_ms;   /* when the message that is not complete began; 0: none */
    uint64_t stalled_ms; /* since when the peer takes nothing of what waits; 0: it does */
    uint64_t parted_ms;  /* when the last frame of a WebSocket was sent; 0: it was not */
    enum stats_id why;   /* it was */
    uint32_t n_bindings; /* that came by it and have not gone elsewhere */
    struct dial *dial;   /* of one that we have opened; else NULL */
    bool is_counted;     /* in the census */
    bool is_connecting;
    bool is_shaking_hands;
    bool is_dead;
    bool is_over; /* the peer has sent all that it will */
};

/* ---------------------------------------------------------------- the end of a connection */

static bool is_opening(const struct conn *c)
{
    return c->is_connecting || c->is_shaking_hands;
}

/* Those that no binding needs are counted. */
static void count(struct conn *c, bool is_counted)
{
    if (c->dial || c->is_counted == is_counted || c->host->is_exempt(&c->flow.peer, c->host->arg))
        return;
    c->is_counted = is_counted;
    if (is_counted)
        census_add(c->host->census, &c->flow.peer);
    else
        census_del(c->host->census, &c->flow.peer);
}

/* At once for all others; its memory goes at the end of the turn, as it may be in use up the stack.
 */
static void end_conn(struct conn *c, enum stats_id why)
{
    struct conn_host *h = c->host;
    if (c->is_dead)
        return;
    c->is_dead = true;
    stats_inc(c->parted_ms ? c->why : why);
    stats_dec(h->tallies->open);
    stats_add(STAT_HANDSHAKE_FAILED, c->is_shaking_hands);
    if (c->is_counted)
        census_del(h->census, &c->flow.peer);
    if (c->dial)
        dial_on_end(c->dial, !is_opening(c), loop_now_ms(h->loop));
    namebook_del(h->names, c->names);
    flow_del(h->table, &c->flow);
    loop_timer_stop(h->loop, &c->timer);
    loop_io_free(c->io);
    tls_free(c->tls);
    sock_close(c->fd);
    list_del(&c->dirty);
    list_del(&c->node);
    list_add(&h->dead, &c->node);
}

static void free_conn(struct conn *c)
{
    inflow_fini(&c->in);
    ws_free(c->ws);
    sendq_clear(&c->out, &c->host->pool);
    free(c);
}

static void reap(struct conn_host *h)
{
    for (struct list *l = list_pop(&h->dead); l; l = list_pop(&h->dead))
        free_conn(container_of(l, struct conn, node));
}

/* ---------------------------------------------------------------- patience */

static uint64_t deadline_ms(const struct conn *c)
{
    if (c->parted_ms)
        return c->parted_ms + STREAM_PART_MS;
    if (c->dial && is_opening(c))
        return c->began_ms + STREAM_OPEN_MS;
    uint64_t idle_ms = c->dial && !c->dial->is_retired ? STREAM_KEPT_MS : STREAM_IDLE_MS;
    uint64_t due_ms = c->held_ms ? c->held_ms : c->heard_ms + idle_ms;
    if (c->began_ms && c->began_ms + STREAM_STALL_MS < due_ms)
        due_ms = c->began_ms + STREAM_STALL_MS;
    if (c->stalled_ms && c->stalled_ms + STREAM_STALL_MS < due_ms)
        due_ms = c->stalled_ms + STREAM_STALL_MS;
    return due_ms;
}

static void arm(struct conn *c)
{
    uint64_t now_ms = loop_now_ms(c->host->loop), due_ms = deadline_ms(c);
    loop_timer_start(c->host->loop, &c->timer, due_ms > now_ms ? due_ms - now_ms : 0);
}

static void note_dirty(struct conn *c)
{
    if (list_is_empty(&c->dirty))
        list_add(&c->host->dirty, &c->dirty);
}

/* The last frame of a WebSocket waits to be sent. To close at once could take it from a peer that
 * is sending still (RFC 6455 7.1.1). */
static void part(struct conn *c, enum stats_id why)
{
    if (c->is_dead || c->parted_ms)
        return;
    c->parted_ms = loop_now_ms(c->host->loop);
    c->why = why;
    note_dirty(c);
    arm(c);
}

/* code: what the peer of a WebSocket is told. */
static void dismiss(struct conn *c, enum stats_id why, enum ws_code code)
{
    if (!c->ws || c->parted_ms) {
        end_conn(c, why);
        return;
    }
    ws_close(c->ws, code);
    part(c, why);
}

static void on_timer(void *arg)
{
    struct conn *c = arg;
    uint64_t now_ms = loop_now_ms(c->host->loop);
    if (c->held_ms && c->held_ms <= now_ms) {
        c->held_ms = 0;
        count(c, true);
    }
    if (deadline_ms(c) > now_ms)
        arm(c);
    else
        dismiss(c, c->began_ms || c->stalled_ms ? STAT_CLOSED_SLOW : STAT_CLOSED_IDLE,
                WS_GOING_AWAY);
}

/* ---------------------------------------------------------------- sending */

/* What the connection waits for. A peer that does not take its answers is not asked for more. */
static void watch(struct conn *c)
{
    bool is_writing = c->is_connecting || c->stalled_ms || (c->tls && tls_wants_write(c->tls));
    loop_io_watch(c->io, !c->is_over && c->out.len < STREAM_QUEUE_HIGH, is_writing);
}

static bool is_later(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static void flush(struct conn *c)
{
    bool was_stalled = c->stalled_ms != 0;
    list_del(&c->dirty);
    if (c->is_connecting)
        return;
    while (c->out.len) {
        ssize_t n = wire_write(c->fd, c->tls, &c->out);
        if (n < 0 && !is_later()) {
            end_conn(c, STAT_CLOSED_ERROR);
            return;
        }
        if (n <= 0)
            break;
        sendq_take(&c->out, &c->host->pool, (size_t)n);
        c->stalled_ms = 0;
        stats_add(c->host->tallies->bytes_out, n);
    }
    if (c->out.len && !c->stalled_ms)
        c->stalled_ms = loop_now_ms(c->host->loop);
    if (c->out.len == 0 && c->is_over) {
        end_conn(c, STAT_CLOSED_PEER);
        return;
    }
    if (c->out.len == 0 && c->parted_ms) {
        tls_end(c->tls);
        (void)shutdown(c->fd, SHUT_WR);
    }
    watch(c);
    if (!was_stalled && c->stalled_ms)
        arm(c);
}

/* A message that is left out would never come again, so a queue that is full ends the stream. */
static int enqueue(struct conn *c, struct str bytes)
{
    int err = sendq_add(&c->out, &c->host->pool, bytes, STREAM_QUEUE_MAX);
    if (err) {
        end_conn(c, err == ERR_FULL ? STAT_CLOSED_QUEUE : STAT_CLOSED_MEMORY);
        return ERR_GONE;
    }
    note_dirty(c);
    return 0;
}

static int write_frame(struct str bytes, void *arg)
{
    return enqueue(arg, bytes);
}

static int put(struct conn *c, struct str message)
{
    return c->ws ? ws_send(c->ws, message) : enqueue(c, message);
}

static int send_message(void *self, const struct flow_ref *to, struct str bytes)
{
    struct conn *c = self;
    (void)to;
    if (put(c, bytes))
        return ERR_GONE;
    stats_inc(c->host->tallies->out);
    return 0;
}

static void hold(void *self, uint64_t until_ms)
{
    struct conn *c = self;
    if (c->held_ms < until_ms)
        c->held_ms = until_ms;
    count(c, false);
    arm(c);
}

static void on_close(void *self)
{
    dismiss(self, STAT_CLOSED_MALFORMED, WS_POLICY);
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
        dismiss(c, STAT_CLOSED_REPLACED, WS_NORMAL);
}

static const struct flow_stream_ops ops = {send_message, hold, on_close, on_join, on_leave};

void conn_flush_all(struct conn_host *h)
{
    while (!list_is_empty(&h->dirty))
        flush(container_of(h->dirty.next, struct conn, dirty));
    reap(h);
}

/* ---------------------------------------------------------------- receiving */

static void deliver(struct conn *c, struct str bytes)
{
    struct conn_host *h = c->host;
    const struct packet p = {
        .bytes = bytes, .flow = c->flow, .received_ms = loop_now_ms(h->loop), .family = c->family};
    stats_inc(h->tallies->in);
    h->fn(&p, h->arg);
}

static bool on_part(enum frame_verdict verdict, struct str bytes, void *arg)
{
    struct conn *c = arg;
    c->began_ms = 0; /* what follows has begun now, however long there has been no gap */
    switch (verdict) {
    case FRAME_MESSAGE:
        deliver(c, bytes);
        break;
    case FRAME_PING: /* RFC 5626 4.4.1 */
        stats_inc(STAT_KEEPALIVE);
        (void)put(c, STR("\r\n"));
        break;
    case FRAME_TOOBIG:
        end_conn(c, STAT_CLOSED_TOO_LONG);
        break;
    default:
        end_conn(c, STAT_CLOSED_MALFORMED);
        break;
    }
    return !c->is_dead;
}

static int take(struct conn *c, struct str bytes)
{
    enum stats_id why;
    if (!c->ws)
        return inflow_feed(&c->in, bytes, c->host->max_len, on_part, c);
    int err = ws_feed(c->ws, bytes);
    if (ws_is_over(c->ws, &why))
        part(c, why);
    return err;
}

static void on_bytes(struct conn *c, struct str bytes)
{
    struct conn_host *h = c->host;
    uint64_t now_ms = loop_now_ms(h->loop), began_ms = c->began_ms;
    c->heard_ms = now_ms;
    stats_add(h->tallies->bytes_in, (int64_t)bytes.n);
    if (take(c, bytes))
        end_conn(c, STAT_CLOSED_MEMORY);
    if (c->is_dead)
        return;
    if (!(c->ws ? ws_is_waiting(c->ws) : inflow_is_waiting(&c->in)))
        c->began_ms = 0;
    else if (!c->began_ms)
        c->began_ms = now_ms;
    if (!began_ms && c->began_ms)
        arm(c);
}

/* What waits for the peer still goes out: it may have closed one half only. */
static void on_end(struct conn *c)
{
    c->is_over = true;
    if (c->out.len == 0)
        end_conn(c, STAT_CLOSED_PEER);
    else
        watch(c);
}

static void on_open(struct conn *c)
{
    c->began_ms = c->ws ? c->began_ms : 0; /* the upgrade is still to come */
    if (!c->dial)
        return;
    dial_on_open(c->dial);
    arm(c);
}

static void on_handshake(struct conn *c)
{
    char text[NAMES_MAX];
    struct buf names = buf_over(text, sizeof text);
    c->is_shaking_hands = false;
    on_open(c);
    c->family = tls_family(c->tls);
    stats_inc(tls_is_resumed(c->tls) ? STAT_HANDSHAKE_RESUMED : STAT_HANDSHAKE_FULL);
    if (c->host->names && !c->dial)
        peercert_read(c->tls, &names);
    /* without room for them its device is asked for its password */
    if (names.len && !names.has_overflown)
        (void)namebook_add(c->host->names, flow_id(&c->flow), buf_str(&names), &c->names);
}

/* True: there may be more. A record of TLS is never longer than the chunk, so none stays behind in
 * between. */
static bool read_some(struct conn *c)
{
    ssize_t n = wire_read(c->fd, c->tls, c->host->chunk, CONN_CHUNK);
    if (c->is_shaking_hands && tls_is_open(c->tls))
        on_handshake(c);
    if (n > 0)
        on_bytes(c, (struct str){c->host->chunk, (size_t)n});
    else if (n == 0)
        on_end(c);
    else if (!is_later())
        end_conn(c, errno == EPROTO ? STAT_CLOSED_TLS : STAT_CLOSED_ERROR);
    return (c->tls ? n > 0 : n == CONN_CHUNK) && !c->is_dead && c->out.len < STREAM_QUEUE_HIGH;
}

/* The peer has taken the connection, or not. With TLS our word comes first. */
static void on_connected(struct conn *c)
{
    if (sock_check(c->fd)) {
        end_conn(c, STAT_CLOSED_ERROR);
        return;
    }
    c->is_connecting = false;
    if (!c->is_shaking_hands)
        on_open(c);
    if (c->out.len)
        note_dirty(c);
}

static void on_ready(void *arg)
{
    struct conn *c = arg;
    if (c->is_connecting)
        on_connected(c);
    if (c->stalled_ms)
        flush(c);
    if (c->is_dead || c->is_over || c->out.len >= STREAM_QUEUE_HIGH)
        return;
    for (int i = 0; i < CHUNKS_PER_TURN; i++)
        if (!read_some(c))
            break;
    if (!c->is_dead)
        watch(c);
}

/* ---------------------------------------------------------------- beginnings */

/* It has its descriptor and its flow's addresses. */
static int join(struct conn *c)
{
    struct conn_host *h = c->host;
    int err = loop_io_new(h->loop, c->fd, on_ready, c, &c->io);
    if (!err)
        err = flow_add_stream(h->table, &ops, c, &c->flow);
    if (err) {
        loop_io_free(c->io);
        return err;
    }
    list_add(&h->conns, &c->node);
    stats_inc(h->tallies->open);
    stats_inc(c->dial ? h->tallies->dialled : h->tallies->opened);
    c->heard_ms = loop_now_ms(h->loop);
    c->is_shaking_hands = c->tls != NULL;
    c->is_connecting = c->dial != NULL;
    c->began_ms = is_opening(c) || c->ws ? c->heard_ms : 0;
    arm(c);
    watch(c);
    return 0;
}

static bool has_layers(struct conn *c, const struct conn_start *start)
{
    static const struct ws_fns fns = {on_part, write_frame};
    const struct conn_host *h = c->host;
    if (start->to)
        c->tls = h->tls ? tls_connect(start->to->tls, c->fd, start->to->name) : NULL;
    else if (h->tls)
        c->tls = tls_accept(h->tls, c->fd);
    return (c->tls || !h->tls) &&
           (!flow_is_web(h->transport) || ws_new(&h->web, &fns, c, &c->ws) == 0);
}

int conn_open(struct conn_host *h, const struct conn_start *start)
{
    struct conn *c = calloc(1, sizeof *c);
    if (!c) {
        sock_close(start->fd);
        return ERR_NOMEM;
    }
    *c = (struct conn){
        .host = h,
        .fd = start->fd,
        .dial = start->dial,
        .is_counted = start->is_counted,
        .flow = {.peer = start->peer, .transport = (uint8_t)h->transport, .listener = h->listener},
    };
    list_init(&c->node);
    list_init(&c->dirty);
    inflow_init(&c->in);
    sendq_init(&c->out);
    wheel_timer_init(&c->timer, on_timer, c);
    sock_tune(c->fd, STREAM_STALL_MS);
    if (!has_layers(c, start) || (h->is_wildcard && sock_addr(c->fd, &c->flow.local)) || join(c)) {
        tls_free(c->tls);
        sock_close(c->fd);
        free_conn(c);
        return ERR_NOMEM;
    }
    if (c->dial)
        dial_on_start(c->dial, &c->flow);
    return 0;
}

static void say_goodbye(struct conn *c)
{
    if (c->ws)
        dismiss(c, STAT_CLOSED_STOP, WS_GOING_AWAY);
}

void conn_end_all(struct conn_host *h)
{
    list_each_safe (it, &h->conns)
        say_goodbye(container_of(it, struct conn, node));
    conn_flush_all(h);
    while (!list_is_empty(&h->conns))
        end_conn(container_of(h->conns.next, struct conn, node), STAT_CLOSED_STOP);
    reap(h);
}
