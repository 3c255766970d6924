/* Asks the fixed contacts of lines with OPTIONS whether they are there; each contact is asked by
 * one worker. Any answer says so (RFC 3261 11.1; D90). The worker's thread. */
#ifndef BW_SERVICE_PROBE_H
#define BW_SERVICE_PROBE_H

#include "service/context.h"

struct probes;

int probe_new(struct context *c, struct probes **out);

/* Before the transactions go. NULL is legal. */
void probe_free(struct probes *p);

/* The configuration is another one; at the start, too. */
void probe_sync(struct probes *p);

#endif
