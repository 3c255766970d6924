#include "net/stream.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/stats.h"
#include "net/conn.h"
#include "net/dial.h"
#include "net/door.h"
#include "net/loop.h"
#include "net/sock.h"
#include "net/tallies.h"
#include "net/tls.h"

struct stream {
    struct conn_host host;
    struct loop_hook *hook;
    struct door door;
    struct dials dials; /* those that we have opened */
};

static void flush_all(void *arg)
{
    struct stream *s = arg;
    conn_flush_all(&s->host);
}

static int on_accepted(int fd, const struct addr *peer, bool is_counted, void *self)
{
    struct stream *s = self;
    return conn_open(&s->host,
                     &(struct conn_start){.fd = fd, .peer = *peer, .is_counted = is_counted});
}

/* ---------------------------------------------------------------- connecting */

static int dial(struct stream *s, const struct stream_peer *peer, struct dial *d)
{
    struct conn_start start = {.peer = peer->addr, .to = peer, .dial = d};
    start.fd = sock_connect(&s->door.conf.addr, &peer->addr);
    if (start.fd >= 0)
        return conn_open(&s->host, &start);
    dial_on_end(d, false, loop_now_ms(s->host.loop));
    stats_inc(STAT_CLOSED_ERROR);
    return ERR_GONE;
}

int stream_connect(struct stream *s, const struct stream_peer *peer, struct flow_ref *out)
{
    uint64_t now_ms = loop_now_ms(s->host.loop);
    struct dial *d = dial_find(&s->dials, peer, now_ms);
    if (!d)
        return ERR_FULL;
    int err = d->is_up ? 0 : dial_is_paused(d, now_ms) ? ERR_GONE : dial(s, peer, d);
    if (err)
        return err;
    *out = d->flow;
    return d->is_open || !peer->is_open_only ? 0 : ERR_AGAIN;
}

/* Holding it for no time sets its patience anew. */
void stream_retire(struct stream *s, const struct addr *peer)
{
    for (size_t i = 0; i < s->dials.n; i++) {
        struct dial *d = &s->dials.list[i];
        if (!d->is_up || !addr_is_equal(&d->peer, peer))
            continue;
        d->is_retired = true;
        flow_hold(s->host.table, &d->flow, 0);
    }
}

/* ---------------------------------------------------------------- opening and closing */

int stream_open(struct loop *l, struct flow_table *t, const struct stream_conf *conf,
                struct stream **out)
{
    const struct door_conf door = {.addr = conf->addr,
                                   .is_shared = conf->is_shared,
                                   .is_first = conf->is_first,
                                   .passed_fd = conf->passed_fd,
                                   .is_exempt = conf->is_exempt,
                                   .arg = conf->arg,
                                   .census = conf->census};
    int err;
    struct stream *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    s->host.loop = l;
    s->host.table = t;
    s->host.fn = conf->fn;
    s->host.is_exempt = conf->is_exempt;
    s->host.census = conf->census;
    s->host.names = conf->names;
    s->host.tls = conf->tls ? tls_context_ref(conf->tls) : NULL;
    s->host.transport = conf->transport;
    s->host.tallies = tallies_of(conf->transport);
    s->host.web = (struct ws_conf){conf->origins, conf->max_len};
    s->host.arg = conf->arg;
    s->host.listener = conf->listener;
    s->host.max_len = conf->max_len;
    s->host.is_wildcard = addr_is_any(&conf->addr);
    list_init(&s->host.conns);
    list_init(&s->host.dirty);
    list_init(&s->host.dead);
    sendq_pool_init(&s->host.pool);
    err = door_open(&s->door, l, &door, on_accepted, s);
    if (!err)
        err = loop_hook_new(l, flush_all, s, &s->hook);
    if (err)
        goto fail;
    *out = s;
    return 0;
fail:
    stream_close(s);
    return err;
}

void stream_close(struct stream *s)
{
    if (!s)
        return;
    conn_end_all(&s->host);
    sendq_pool_fini(&s->host.pool);
    tls_context_unref(s->host.tls);
    loop_hook_free(s->hook);
    door_close(&s->door);
    free(s);
}

void stream_set_tls(struct stream *s, struct tls_context *tls)
{
    struct tls_context *old = s->host.tls;
    BUG_ON(!old || !tls);
    s->host.tls = tls_context_ref(tls);
    tls_context_unref(old);
}

void stream_set_origins(struct stream *s, const struct wshake_conf *origins)
{
    s->host.web.shake = *origins;
}

int stream_fd(const struct stream *s)
{
    return s->door.fd;
}

struct addr stream_addr(const struct stream *s)
{
    return s->door.conf.addr;
}
