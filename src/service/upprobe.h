/* Asks upstreams with OPTIONS whether they are there, each by one worker: its servers in their
 * order, until one answers; any answer but 408 and 503 says so (D90). What comes of it, outage is
 * told. The worker's thread. */
#ifndef BW_SERVICE_UPPROBE_H
#define BW_SERVICE_UPPROBE_H

#include "service/context.h"

struct upprobes;

int upprobe_new(struct context *c, struct upprobes **out); /* ERR_NOMEM */

/* Before the transactions go. NULL is legal. */
void upprobe_free(struct upprobes *p);

/* The configuration is another one; at the start, too. */
void upprobe_sync(struct upprobes *p);

#endif
