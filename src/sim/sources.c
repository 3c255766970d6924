#include "sim/sources.h"

#include <stdlib.h>

#include "base/err.h"

enum { MESSAGE_MAX = 16384, SOCKET_BUFFER = 4 << 20 };

/* 127.1.0.0: behind the addresses that servers on a test machine have. */
#define FIRST_ADDRESS 0x7f010000U

struct sources {
    struct flow_table *flows;
    struct addr target;
    bool is_one_socket;
    uint32_t n;
    uint32_t n_sockets;
    struct udp *sockets[];
};

static int open_socket(struct sources *s, struct loop *l, const struct addr *local, packet_fn *fn,
                       void *arg)
{
    const struct udp_conf conf = {
        .addr = *local,
        .max_len = MESSAGE_MAX,
        .buffer_size = s->is_one_socket ? SOCKET_BUFFER : 0,
    };
    int err = udp_open(l, s->flows, &conf, fn, arg, &s->sockets[s->n_sockets]);
    if (!err)
        s->n_sockets++;
    return err;
}

static int open_sockets(struct sources *s, struct loop *l, packet_fn *fn, void *arg)
{
    struct addr local = {.family = 4};
    int err = s->is_one_socket ? 0 : udp_route(&s->target, &local);
    const uint32_t n = s->is_one_socket ? 1 : s->n;
    while (!err && s->n_sockets < n)
        err = open_socket(s, l, &local, fn, arg);
    return err;
}

int sources_open(struct loop *l, const struct sources_conf *conf, packet_fn *fn, void *arg,
                 struct sources **out)
{
    const bool is_one_socket = conf->target.family == 4 && conf->target.ip[0] == 127;
    const uint32_t most = is_one_socket ? SOURCES_ADDRESSES_MAX : SOURCES_SOCKETS_MAX;
    const uint32_t n_used = conf->n < most ? conf->n : most;
    const uint32_t n_sockets = is_one_socket ? 1 : n_used;
    struct sources *s = calloc(1, sizeof *s + n_sockets * sizeof *s->sockets);
    if (!s)
        return ERR_NOMEM;
    s->target = conf->target;
    s->is_one_socket = is_one_socket;
    s->n = n_used;
    int err = flow_table_new(0, &s->flows);
    if (!err)
        err = open_sockets(s, l, fn, arg);
    if (err) {
        sources_close(s);
        return err;
    }
    *out = s;
    return 0;
}

void sources_close(struct sources *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->n_sockets; i++)
        udp_close(s->sockets[i]);
    flow_table_free(s->flows);
    free(s);
}

struct addr sources_addr(const struct sources *s, uint32_t i)
{
    const uint32_t place = i % s->n;
    if (!s->is_one_socket)
        return udp_addr(s->sockets[place]);
    const uint32_t ip = FIRST_ADDRESS + 1 + place;
    struct addr a = {.family = 4, .port = udp_addr(s->sockets[0]).port};
    for (int k = 0; k < 4; k++)
        a.ip[k] = (uint8_t)(ip >> (24 - 8 * k));
    return a;
}

int sources_send(struct sources *s, uint32_t i, struct str bytes)
{
    struct udp *u = s->sockets[s->is_one_socket ? 0 : i % s->n];
    struct flow_ref to = udp_flow_to(u, &s->target);
    if (s->is_one_socket)
        to.local = sources_addr(s, i);
    return flow_send(s->flows, &to, bytes);
}

int sources_answer(struct sources *s, const struct flow_ref *to, struct str bytes)
{
    return flow_send(s->flows, to, bytes);
}

bool sources_is_for(const struct sources *s, uint32_t i, const struct packet *p)
{
    if (s->is_one_socket) {
        const struct addr want = sources_addr(s, i);
        return addr_is_same_host(&want, &p->flow.local);
    }
    return udp_flow_to(s->sockets[i % s->n], &p->flow.peer).slot == p->flow.slot;
}
