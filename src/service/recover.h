/* What became due at an upstream while it was down is registered once it is back, at its pace: each
 * worker walks over its AoRs, first for those that upstream has dropped or soon will, then for all
 * that is due and ours to do; devices that must prove themselves come with their own next REGISTER.
 * Once none of a worker's lines has devices that stand on what upstream has dropped, the worker is
 * through; once all are, the upstream is up (outage). The worker's thread. */
#ifndef BW_SERVICE_RECOVER_H
#define BW_SERVICE_RECOVER_H

#include "service/context.h"

struct recover;

int recover_new(struct context *c, struct recover **out); /* ERR_NOMEM */
void recover_free(struct recover *r);                     /* NULL is legal */

/* The configuration is another one; at the start, too. */
void recover_sync(struct recover *r);

#endif
