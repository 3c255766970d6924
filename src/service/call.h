/* A request on its way over one or several branches, and its response context (RFC 3261 16.6 to
 * 16.10). Freed when its transactions have ended. The worker's thread. */
#ifndef BW_SERVICE_CALL_H
#define BW_SERVICE_CALL_H

#include "service/target.h"

/* Makes the server transaction and sends a copy by each plan. ERR_FULL, ERR_NOMEM: nothing was
 * sent or answered. */
int call_start(struct context *c, const struct packet *p, const struct msg *m,
               const struct target_set *targets);

/* Answers what still waits with 503, and cancels its branches: the drain is over. */
void call_give_up_all(struct context *c);

#endif
