/* The door: what is dropped before anybody reads it. The worker's thread. */
#ifndef BW_SERVICE_GUARD_H
#define BW_SERVICE_GUARD_H

#include <stdbool.h>

#include "net/flow.h"

/* False: a keepalive, or bytes that cannot be SIP; counted, nothing is answered. */
bool guard_admit(const struct packet *p);

#endif
