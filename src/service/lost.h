/* Connections that have ended under devices that were reached by them. A device without a
 * connection cannot be called; its binding loses its flow at once and is in its grace from then on,
 * so that it goes, and upstream hears of it, unless the device comes back in time. What the writer
 * cannot take now is tried again. The worker's thread. */
#ifndef BW_SERVICE_LOST_H
#define BW_SERVICE_LOST_H

#include "service/context.h"

struct lost;

/* Hears of the ends of c->flows from now on, until lost_free. ERR_NOMEM. */
int lost_new(struct context *c, struct lost **out);
void lost_free(struct lost *l); /* NULL is legal */

#endif
