#include "service/reply.h"

#include "service/mark.h"

enum { SIP_PORT = 5060 };

struct flow_ref reply_flow(const struct via *via, const struct flow_ref *source)
{
    struct flow_ref to = *source;
    if (flow_is_reliable((enum flow_transport)source->transport) || via->has_rport ||
        !via->literal.family || !addr_is_same_host(&via->literal, &source->peer))
        return to;
    to.peer.port = via->port ? via->port : SIP_PORT;
    return to;
}

void reply_send(struct context *c, const struct packet *p, const struct msg *request,
                const struct build_reply *reply)
{
    char tag[MARK_TAG_LEN];
    struct build_reply r = *reply;
    r.to_tag = str_is_none(r.to_tag) ? mark_tag(&c->marks, request, tag) : r.to_tag;
    struct str bytes;
    if (build_response(&c->scratch, request, &p->flow.peer, &r, &bytes))
        return; /* counted as an exhausted arena by the dispatcher */
    struct flow_ref to = reply_flow(&request->via, &p->flow);
    (void)flow_send(c->flows, &to, bytes); /* lost like any datagram */
}

void reply_refuse(struct context *c, const struct packet *p, const struct peek *request,
                  const struct build_reply *reply)
{
    char tag[MARK_TAG_LEN];
    struct build_reply r = *reply;
    r.to_tag = mark_tag_of_bytes(&c->marks, request->bytes, tag);
    struct str bytes;
    if (build_refusal(&c->scratch, request, &p->flow.peer, &r, &bytes))
        return; /* nothing to answer to */
    struct str rest = request->via;
    struct via via;
    struct flow_ref to = p->flow;
    if (via_next(&rest, &via) == 1)
        to = reply_flow(&via, &p->flow);
    (void)flow_send(c->flows, &to, bytes);
}
