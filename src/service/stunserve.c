#include "service/stunserve.h"

#include "base/stats.h"
#include "service/guard.h"
#include "sip/stun.h"

bool stunserve_take(struct context *c, const struct packet *p)
{
    struct stun_request request;
    char answer[STUN_ANSWER_MAX];
    if (p->flow.transport != FLOW_UDP || !stun_is(p->bytes))
        return false;
    if (stun_parse(p->bytes, &request) != STUN_BINDING) {
        stats_inc(STAT_NOT_STUN);
        return true;
    }
    if (!guard_let_in_keepalive(c, p))
        return true;
    stats_inc(request.n_unknown ? STAT_STUN_REFUSED : STAT_STUN_ANSWERED);
    size_t n = stun_answer(&request, &p->flow.peer, answer);
    (void)flow_send(c->flows, &p->flow, (struct str){answer, n}); /* lost like any datagram */
    return true;
}
