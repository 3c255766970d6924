/* The map of the daemon: what becomes of a packet. The worker's thread. */
#ifndef BW_SERVICE_DISPATCH_H
#define BW_SERVICE_DISPATCH_H

#include "net/flow.h"
#include "service/context.h"
#include "sip/peek.h"

/* Before all else, of each packet that comes by a socket: who has sent it, and for some when it was
 * taken, which context.in_hand_us says. */
void dispatch_note(struct context *c, const struct packet *p);

/* The worker among n that owns a message: a response the one in our own branch, a REGISTER the one
 * that its AoR falls to (which is tried under its licence where it came in: the storm path never
 * crosses a core), any other request the one of its Call-ID. False: a response that answers
 * nothing of ours. */
bool dispatch_owner(struct context *c, const struct peek *peek, unsigned *owner);

/* A REGISTER is indexed at once, so that nothing of it is read twice. DISPATCH_DONE: it was ours,
 * or is absorbed; DISPATCH_OTHERS: it belongs to *owner. DISPATCH_UNSEEN: it is none, or malformed;
 * nothing was done. */
enum dispatch_register { DISPATCH_DONE, DISPATCH_OTHERS, DISPATCH_UNSEEN };
enum dispatch_register dispatch_register(struct context *c, const struct packet *p,
                                         unsigned *owner);

/* A message whose owner is this worker. */
void dispatch_packet(struct context *c, const struct packet *p, const struct peek *peek);

#endif
