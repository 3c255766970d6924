/* The stateful forward (RFC 3261 16): a request from the access side goes to its domain's
 * upstream, its responses come back the same way. The worker's thread. */
#ifndef BW_SERVICE_PROXY_H
#define BW_SERVICE_PROXY_H

#include "net/flow.h"
#include "service/context.h"

/* A new request of any method but ACK and CANCEL: forwards or refuses it. */
void proxy_request(struct context *c, const struct packet *p, const struct msg *m);

/* An ACK that belongs to no transaction, so to a 2xx: sent on without state (13.2.2.4). */
void proxy_ack(struct context *c, const struct packet *p, const struct msg *m);

/* Answers what still waits with 503, and cancels what rings: the drain is over. */
void proxy_give_up(struct context *c);

#endif
