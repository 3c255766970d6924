/* The proxy's door: a request is refused, or becomes a call (RFC 3261 16). The worker's thread. */
#ifndef BW_SERVICE_PROXY_H
#define BW_SERVICE_PROXY_H

#include "net/flow.h"
#include "service/context.h"

/* A new request of any method but REGISTER, ACK and CANCEL. */
void proxy_request(struct context *c, const struct packet *p, const struct msg *m);

/* An ACK that belongs to no transaction, so to a 2xx: sent on without state, by its Route set alone
 * (13.2.2.4, D70). */
void proxy_ack(struct context *c, const struct packet *p, const struct msg *m);

#endif
