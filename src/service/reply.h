/* Stateless answers (RFC 3261 8.2.7), and where any answer goes. The worker's thread. */
#ifndef BW_SERVICE_REPLY_H
#define BW_SERVICE_REPLY_H

#include "service/context.h"
#include "sip/build.h"
#include "sip/peek.h"

/* The flow that a response to a request takes: back to the source; on a stream, the connection that
 * the request came on. Over UDP, only where the client asks for
 * no rport and names the source's own address in its Via, the port is the Via's (RFC 3261 18.2.2,
 * RFC 3581 4): such a client is not behind NAT and may listen elsewhere than it sends from. */
struct flow_ref reply_flow(const struct via *via, const struct flow_ref *source);

/* Sends one response and keeps nothing; a repeat of the request gets the same again, To tag
 * included. */
void reply_send(struct context *c, const struct packet *p, const struct msg *request,
                const struct build_reply *reply);

/* The same to a request that could not be indexed. */
void reply_refuse(struct context *c, const struct packet *p, const struct peek *request,
                  const struct build_reply *reply);

#endif
