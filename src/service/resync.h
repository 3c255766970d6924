/* The walks over all AoRs of a worker after an upstream has lost its data: what we can prove
 * ourselves is registered again, at the pace of that upstream: one that counts, one that sends. One
 * at a time; another one begins anew. The worker's thread. */
#ifndef BW_SERVICE_RESYNC_H
#define BW_SERVICE_RESYNC_H

#include "service/context.h"

struct resync;

int resync_new(struct context *c, struct resync **out); /* ERR_NOMEM */
void resync_free(struct resync *s);                     /* NULL is legal */

/* since_s: when it began, service clock; of all workers the same. is_ordered: by the operator, who
 * also has lines leave servers that they went to while a preferred one was away (D90). */
void resync_start(struct resync *s, struct str upstream, uint64_t since_s, bool is_ordered);

#endif
