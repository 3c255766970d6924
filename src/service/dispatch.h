/* The map of the daemon: what becomes of a packet. The worker's thread. */
#ifndef BW_SERVICE_DISPATCH_H
#define BW_SERVICE_DISPATCH_H

#include "net/flow.h"
#include "service/context.h"
#include "sip/peek.h"

/* The worker among n that owns a message: a response the one in our own branch, a request the one
 * that its Call-ID falls to. False: a response that answers nothing of ours. */
bool dispatch_owner(const struct peek *peek, const struct hash_key *key, unsigned n,
                    unsigned *owner);

/* A message whose owner is this worker. */
void dispatch_packet(struct context *c, const struct packet *p, const struct peek *peek);

#endif
