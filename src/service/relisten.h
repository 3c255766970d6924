/* What a reload may change of listeners that are open: certificates and origins. The worker's
 * thread. */
#ifndef BW_SERVICE_RELISTEN_H
#define BW_SERVICE_RELISTEN_H

#include "service/context.h"

void relisten_take(struct context *c);

#endif
