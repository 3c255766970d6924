#include "net/listener.h"

#include "net/stream.h"
#include "net/udp.h"

int listener_open(struct loop *l, struct flow_table *t, const struct listener_conf *conf,
                  struct listener *out)
{
    if (conf->transport == FLOW_UDP) {
        const struct udp_conf uc = {.addr = conf->addr,
                                    .listener = conf->index,
                                    .is_shared = conf->is_shared,
                                    .is_first = conf->is_first,
                                    .passed_fd = conf->passed_fd,
                                    .max_len = conf->max_len,
                                    .buffer_size = conf->buffer_size};
        return udp_open(l, t, &uc, conf->fn, conf->arg, &out->udp);
    }
    const struct stream_conf sc = {.transport = conf->transport,
                                   .addr = conf->addr,
                                   .listener = conf->index,
                                   .is_shared = conf->is_shared,
                                   .is_first = conf->is_first,
                                   .passed_fd = conf->passed_fd,
                                   .max_len = conf->max_len,
                                   .fn = conf->fn,
                                   .is_exempt = conf->is_exempt,
                                   .arg = conf->arg,
                                   .census = conf->census,
                                   .names = conf->names,
                                   .tls = conf->tls,
                                   .origins = conf->origins};
    return stream_open(l, t, &sc, &out->stream);
}

void listener_close(struct listener *l)
{
    udp_close(l->udp);
    stream_close(l->stream);
    *l = (struct listener){0};
}

struct addr listener_addr(const struct listener *l)
{
    return l->udp ? udp_addr(l->udp) : stream_addr(l->stream);
}

int listener_fd(const struct listener *l)
{
    return l->udp ? udp_fd(l->udp) : stream_fd(l->stream);
}

void listener_set_tls(struct listener *l, struct tls_context *tls)
{
    stream_set_tls(l->stream, tls);
}

void listener_set_origins(struct listener *l, const struct wshake_conf *origins)
{
    stream_set_origins(l->stream, origins);
}

struct flow_ref listener_flow_to(const struct listener *l, const struct addr *peer)
{
    return udp_flow_to(l->udp, peer);
}

void listener_retire(const struct listener *l, const struct addr *peer)
{
    stream_retire(l->stream, peer);
}

int listener_connect(const struct listener *l, const struct stream_peer *peer, struct flow_ref *out)
{
    return stream_connect(l->stream, peer, out);
}
