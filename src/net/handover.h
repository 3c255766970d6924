/* Sockets of listeners that somebody hands to us at the start: the service manager, which has
 * opened them (socket activation) or kept them while we were away. What came in meanwhile waits in
 * them. A listener takes those with its transport and address, each worker one of its own; where
 * there are fewer, workers share one. Before the threads run. */
#ifndef BW_NET_HANDOVER_H
#define BW_NET_HANDOVER_H

#include <stddef.h>

#include "net/flow.h"

struct handover;

int handover_new(struct handover **out); /* ERR_NOMEM */

/* Closes those that nobody has taken. NULL is legal. */
void handover_free(struct handover *h);

/* A bound socket, ours to close from now on, whatever comes. ERR_ABSENT: it is none of a kind that
 * listens for us, and is closed; ERR_NOMEM. */
int handover_add(struct handover *h, int fd);

/* A descriptor, the caller's to close; 0: there is none. h NULL: the same. */
int handover_take(struct handover *h, enum flow_transport transport, const struct addr *addr);

/* How many nobody has taken. */
size_t handover_count(const struct handover *h);

#endif
