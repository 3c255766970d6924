#include "service/egress.h"

#include <stdlib.h>

#include "base/err.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/udp.h"
#include "service/context.h"
#include "sip/uri.h"

enum { SIP_PORT = 5060, ROUTES = 16, ROUTE_AGE_MS = 60000 };

/* What the system's routes said for a peer; asked again after a minute. */
struct route {
    struct addr peer, local;
    uint64_t asked_ms;
};

struct egress {
    struct context *context;
    struct route routes[ROUTES];
    size_t next; /* the entry to give up next */
};

int egress_new(struct context *c, struct egress **out)
{
    struct egress *e = calloc(1, sizeof *e);
    if (!e)
        return ERR_NOMEM;
    e->context = c;
    *out = e;
    return 0;
}

void egress_free(struct egress *e)
{
    free(e);
}

static const struct addr *local_for(struct egress *e, const struct addr *peer)
{
    uint64_t now = loop_now_ms(e->context->loop);
    for (size_t i = 0; i < ROUTES; i++)
        if (addr_is_same_host(&e->routes[i].peer, peer) &&
            now - e->routes[i].asked_ms < ROUTE_AGE_MS)
            return &e->routes[i].local;
    struct route *r = &e->routes[e->next++ % ROUTES];
    *r = (struct route){.peer = *peer, .asked_ms = now};
    if (udp_route(peer, &r->local))
        r->local = *peer; /* unroutable: the send will fail; any address of the family does */
    return &r->local;
}

static bool fits(const struct conf_listen *l, enum conf_side side, enum flow_transport transport,
                 uint8_t family)
{
    return l->transport == transport && l->addr.family == family &&
           (l->side == side || l->side == CONF_SIDE_ANY);
}

bool egress_has(const struct egress *e, enum conf_side side, enum flow_transport transport,
                uint8_t family)
{
    const struct context *c = e->context;
    for (size_t i = 0; i < c->n_listeners; i++)
        if (fits(&c->listens[i], side, transport, family))
            return true;
    return false;
}

/* The better, the higher: one for that side before one for any; then the address from which the
 * system's routes lead to the peer, before a wildcard, before another address: from that one the
 * way back might be another, or none. */
static unsigned rank(struct egress *e, const struct conf_listen *l, enum conf_side side,
                     const struct addr *peer)
{
    unsigned by_route = addr_is_any(&l->addr)                             ? 1
                        : addr_is_same_host(&l->addr, local_for(e, peer)) ? 2
                                                                          : 0;
    return (l->side == side) * 4U + by_route;
}

/* The index of a listener, or ERR_ABSENT. Routes matter only where there is a choice. */
static int find(struct egress *e, enum conf_side side, enum flow_transport transport,
                const struct addr *peer)
{
    const struct context *c = e->context;
    int best = ERR_ABSENT;
    for (size_t i = 0; i < c->n_listeners; i++) {
        const struct conf_listen *l = &c->listens[i];
        if (!fits(l, side, transport, peer->family))
            continue;
        if (best < 0 || rank(e, l, side, peer) > rank(e, &c->listens[best], side, peer))
            best = (int)i;
    }
    return best;
}

int egress_reach(struct egress *e, enum conf_side side, const struct egress_peer *to,
                 struct flow_ref *out)
{
    int best = find(e, side, to->transport, &to->addr);
    if (best < 0 || (to->transport == FLOW_TLS && !to->tls))
        return ERR_ABSENT;
    const struct listener *l = &e->context->listeners[best];
    if (to->transport != FLOW_UDP) {
        const struct stream_peer peer = {to->addr, to->transport == FLOW_TLS ? to->tls : NULL,
                                         to->name, to->is_open_only};
        return listener_connect(l, &peer, out);
    }
    *out = listener_flow_to(l, &to->addr);
    return 0;
}

void egress_retire(struct egress *e, enum flow_transport transport, const struct addr *peer)
{
    const struct context *c = e->context;
    for (size_t i = 0; i < c->n_listeners; i++)
        if (c->listens[i].transport == transport && transport != FLOW_UDP)
            listener_retire(&c->listeners[i], peer);
}

int egress_pick(struct egress *e, enum conf_side side, const struct addr *target,
                struct flow_ref *out)
{
    const struct egress_peer to = {.transport = FLOW_UDP, .addr = *target};
    return egress_reach(e, side, &to, out);
}

void egress_print_sent_by(struct egress *e, const struct flow_ref *flow, struct buf *out)
{
    const struct context *c = e->context;
    const struct conf_listen *l = &c->listens[flow->listener];
    struct addr bound = listener_addr(&c->listeners[flow->listener]);
    if (!str_is_none(l->advertise_host))
        buf_add(out, l->advertise_host);
    else if (flow->local.family)
        addr_print_host(&flow->local, out);
    else
        addr_print_host(addr_is_any(&bound) ? local_for(e, &flow->peer) : &bound, out);
    buf_add_char(out, ':');
    buf_add_u64(out, l->advertise_port ? l->advertise_port : bound.port);
}

static bool is_at(const struct addr *a, uint16_t port, struct str host, uint16_t want)
{
    struct addr named;
    return port == want && addr_parse_host(host, &named) == 0 && addr_is_same_host(a, &named);
}

bool egress_is_us(const struct egress *e, struct str host, uint16_t port,
                  const struct flow_ref *came_by)
{
    const struct context *c = e->context;
    uint16_t want = port ? port : SIP_PORT;
    for (size_t i = 0; i < c->n_listeners; i++) {
        const struct conf_listen *l = &c->listens[i];
        struct addr bound = listener_addr(&c->listeners[i]);
        uint16_t advertised = l->advertise_port ? l->advertise_port : bound.port;
        if (l->advertise_host.n && advertised == want && uri_is_same_host(l->advertise_host, host))
            return true;
        if (is_at(&bound, bound.port, host, want))
            return true;
        if (came_by->listener == i && came_by->local.family &&
            is_at(&came_by->local, bound.port, host, want))
            return true;
    }
    return false;
}

bool egress_may_be_us(const struct egress *e, struct str host, uint16_t port)
{
    const struct context *c = e->context;
    uint16_t want = port ? port : SIP_PORT;
    struct addr named;
    if (str_is_none(host) || addr_parse_host(host, &named))
        return false;
    for (size_t i = 0; i < c->n_listeners; i++) {
        struct addr bound = listener_addr(&c->listeners[i]);
        if (addr_is_any(&bound) && bound.port == want && bound.family == named.family)
            return true;
    }
    return false;
}
