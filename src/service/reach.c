#include "service/reach.h"

#include "net/listener.h"
#include "net/loop.h"

struct way reach_way(const struct flow_ref *flow)
{
    return (struct way){.peer = flow->peer,
                        .local = flow->local,
                        .flow_id = flow_id(flow),
                        .transport = flow->transport,
                        .listener = flow->listener};
}

bool reach_flow(const struct context *c, const struct way *way, struct flow_ref *out)
{
    if (way->listener >= c->n_listeners ||
        c->listens[way->listener].transport != (enum flow_transport)way->transport)
        return false;
    if (way->transport == FLOW_UDP) {
        *out = listener_flow_to(&c->listeners[way->listener], &way->peer);
        out->local = way->local;
        return true;
    }
    *out = (struct flow_ref){.peer = way->peer,
                             .local = way->local,
                             .transport = way->transport,
                             .listener = way->listener};
    flow_of_id(way->flow_id, out);
    return flow_is_live(c->flows, out);
}

void reach_hold(const struct context *c, const struct conf_domain *domain,
                const struct flow_ref *flow)
{
    const struct absorb_conf *policy = &domain->absorb;
    uint64_t for_s = (uint64_t)policy->max_expires_s + policy->grace_s;
    if (flow->transport != FLOW_UDP)
        flow_hold(c->flows, flow, loop_now_ms(c->loop) + for_s * 1000);
}

void reach_move(const struct context *c, struct str aor, const struct way *from,
                const struct flow_ref *to)
{
    struct flow_ref old;
    if (from->flow_id == flow_id(to))
        return;
    flow_join(c->flows, to, aor);
    if (from->flow_id && reach_flow(c, from, &old))
        flow_leave(c->flows, &old, aor);
}
