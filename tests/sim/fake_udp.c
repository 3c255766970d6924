#include "net/udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/list.h"
#include "base/stats.h"
#include "fake.h"
#include "net/loop.h"

enum {
    DATAGRAM_MAX_V4 = UINT16_MAX - 28,
    DATAGRAM_MAX_V6 = UINT16_MAX - 8,
    FIRST_EPHEMERAL = 32768
};

/* One that waits to be read or to be flushed; its bytes are allocated alone, so that a sanitizer
 * sees who reads beyond them. */
struct datagram {
    struct list node;
    struct addr peer, local;
    char *bytes;
    size_t n;
};

struct udp {
    struct list link; /* among all sockets, in the order they were opened */
    struct loop *loop;
    struct flow_table *table;
    struct loop_wake *readable;
    struct loop_hook *hook;
    packet_fn *fn;
    void *arg;
    struct flow_ref flow; /* peer and local not set */
    struct addr addr;
    bool is_shared;
    size_t max_len;
    struct list in, out;
};

static struct list sockets = {&sockets, &sockets};
static fake_udp_fn *send_fn;
static void *send_arg;
static uint16_t next_port;

/* What the simulated machine's interfaces are called. */
static const struct addr route_v4 = {.ip = {192, 0, 2, 1}, .family = 4};
static struct way_out {
    struct addr peer, local;
} routes[8]; /* those that go before these */
static size_t n_routes;
static const struct addr route_v6 = {.ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}, .family = 6};

/* ---------------------------------------------------------------- datagrams */

static int add_datagram(struct list *queue, const struct addr *peer, const struct addr *local,
                        struct str bytes)
{
    struct datagram *d = calloc(1, sizeof *d);
    if (!d)
        return ERR_NOMEM;
    d->bytes = malloc(bytes.n ? bytes.n : 1);
    if (!d->bytes) {
        free(d);
        return ERR_NOMEM;
    }
    d->peer = *peer;
    d->local = *local;
    d->n = bytes.n;
    if (bytes.n)
        memcpy(d->bytes, bytes.p, bytes.n);
    list_add(queue, &d->node);
    return 0;
}

static struct datagram *pop_datagram(struct list *queue)
{
    struct list *node = list_pop(queue);
    return node ? container_of(node, struct datagram, node) : NULL;
}

static void free_datagram(struct datagram *d)
{
    free(d->bytes);
    free(d);
}

/* ---------------------------------------------------------------- receiving */

static void on_datagram(struct udp *u, const struct datagram *d)
{
    if (d->n > u->max_len) {
        stats_inc(STAT_UDP_OVERSIZE);
        return;
    }
    struct packet p = {
        .bytes = {d->bytes, d->n}, .flow = u->flow, .received_ms = loop_now_ms(u->loop)};
    p.flow.peer = d->peer;
    if (addr_is_any(&u->addr))
        p.flow.local = d->local;
    stats_inc(STAT_UDP_IN);
    stats_add(STAT_UDP_BYTES_IN, (int64_t)d->n);
    u->fn(&p, u->arg);
}

static void on_readable(void *arg)
{
    struct udp *u = arg;
    for (struct datagram *d = pop_datagram(&u->in); d; d = pop_datagram(&u->in)) {
        on_datagram(u, d);
        free_datagram(d);
    }
}

static bool is_bound_to(const struct udp *u, const struct addr *to)
{
    if (addr_is_any(&u->addr))
        return u->addr.family == to->family && u->addr.port == to->port;
    return addr_is_equal(&u->addr, to);
}

/* The nth of the sockets bound to an address, NULL if there are not so many. */
static struct udp *find_socket(const struct addr *to, unsigned nth)
{
    list_each (it, &sockets) {
        struct udp *u = container_of(it, struct udp, link);
        if (is_bound_to(u, to) && nth-- == 0)
            return u;
    }
    return NULL;
}

/* Like the kernel's choice among sockets that share an address: by the two ends, always the same
 * for them. FNV-1a. */
static unsigned hash_of(const struct addr *from)
{
    const uint8_t *bytes = (const uint8_t *)from;
    uint32_t h = 2166136261U;
    for (size_t i = 0; i < sizeof *from; i++)
        h = (h ^ bytes[i]) * 16777619U;
    return h >> 8;
}

bool fake_udp_deliver(const struct addr *from, const struct addr *to, struct str bytes, int socket)
{
    unsigned n = 0;
    while (find_socket(to, n))
        n++;
    if (n == 0)
        return false;
    struct udp *u = find_socket(to, (socket < 0 ? hash_of(from) : (unsigned)socket) % n);
    if (u && add_datagram(&u->in, from, to, bytes) == 0)
        loop_wake_send(u->readable);
    return u != NULL;
}

/* ---------------------------------------------------------------- sending */

void fake_udp_on_send(fake_udp_fn *fn, void *arg)
{
    send_fn = fn;
    send_arg = arg;
}

static void flush(void *arg)
{
    struct udp *u = arg;
    for (struct datagram *d = pop_datagram(&u->out); d; d = pop_datagram(&u->out)) {
        stats_inc(STAT_UDP_OUT);
        stats_add(STAT_UDP_BYTES_OUT, (int64_t)d->n);
        if (send_fn)
            send_fn(&d->local, &d->peer, (struct str){d->bytes, d->n}, send_arg);
        free_datagram(d);
    }
}

static struct addr source_of(const struct udp *u, const struct flow_ref *to)
{
    struct addr from = u->addr;
    if (!addr_is_any(&u->addr))
        return from;
    if (to->local.family == u->addr.family)
        from = to->local;
    else
        (void)udp_route(&to->peer, &from);
    from.port = u->addr.port;
    return from;
}

static int send_datagram(void *self, const struct flow_ref *to, struct str bytes)
{
    struct udp *u = self;
    size_t max = u->addr.family == 6 ? DATAGRAM_MAX_V6 : DATAGRAM_MAX_V4;
    if (to->peer.family != u->addr.family || bytes.n > max) {
        stats_inc(STAT_SEND_FAILED);
        errno = bytes.n > max ? EMSGSIZE : EAFNOSUPPORT;
        return ERR_IO;
    }
    struct addr from = source_of(u, to);
    return add_datagram(&u->out, &to->peer, &from, bytes) ? ERR_FULL : 0;
}

/* ---------------------------------------------------------------- opening and closing */

static bool is_taken(const struct udp_conf *conf)
{
    const struct udp *u = find_socket(&conf->addr, 0);
    return u && (!u->is_shared || !conf->is_shared || conf->is_first);
}

static int join(struct udp *u, struct loop *l, struct flow_table *t)
{
    int err = loop_wake_new(l, on_readable, u, &u->readable);
    if (!err)
        err = loop_hook_new(l, flush, u, &u->hook);
    if (!err)
        err = flow_add(t, send_datagram, u, &u->flow);
    return err;
}

int udp_open(struct loop *l, struct flow_table *t, const struct udp_conf *conf, packet_fn *fn,
             void *arg, struct udp **out)
{
    if (is_taken(conf)) {
        errno = EADDRINUSE;
        return ERR_IO;
    }
    struct udp *u = calloc(1, sizeof *u);
    if (!u)
        return ERR_NOMEM;
    *u = (struct udp){.loop = l,
                      .table = t,
                      .fn = fn,
                      .arg = arg,
                      .flow = {.transport = FLOW_UDP, .listener = conf->listener},
                      .addr = conf->addr,
                      .is_shared = conf->is_shared,
                      .max_len = conf->max_len};
    if (list_is_empty(&sockets))
        next_port = FIRST_EPHEMERAL; /* a new run: the same ports again */
    if (u->addr.port == 0)
        u->addr.port = next_port++;
    list_init(&u->in);
    list_init(&u->out);
    list_add(&sockets, &u->link);
    int err = join(u, l, t);
    if (err) {
        udp_close(u);
        return err;
    }
    *out = u;
    return 0;
}

void udp_close(struct udp *u)
{
    if (!u)
        return;
    flush(u);
    for (struct datagram *d = pop_datagram(&u->in); d; d = pop_datagram(&u->in))
        free_datagram(d);
    if (u->flow.generation)
        flow_del(u->table, &u->flow);
    loop_hook_free(u->hook);
    loop_wake_free(u->readable);
    list_del(&u->link);
    free(u);
}

struct flow_ref udp_flow_to(const struct udp *u, const struct addr *peer)
{
    struct flow_ref flow = u->flow;
    flow.peer = *peer;
    return flow;
}

int udp_fd(const struct udp *u)
{
    (void)u;
    return -1;
}

struct addr udp_addr(const struct udp *u)
{
    return u->addr;
}

void fake_udp_start(void)
{
    n_routes = 0;
}

bool fake_udp_add_route(const struct addr *peer, const struct addr *local)
{
    if (n_routes == sizeof routes / sizeof *routes)
        return false;
    routes[n_routes++] = (struct way_out){*peer, *local};
    return true;
}

int udp_route(const struct addr *peer, struct addr *local)
{
    for (size_t i = 0; i < n_routes; i++)
        if (addr_is_same_host(&routes[i].peer, peer)) {
            *local = routes[i].local;
            return 0;
        }
    *local = peer->family == 6 ? route_v6 : route_v4;
    return 0;
}
