/* Answers STUN Binding requests that come on SIP's own UDP sockets, as keepalives of phones do (RFC
 * 5626 4.4.2). No state. The worker's thread. */
#ifndef BW_SERVICE_STUNSERVE_H
#define BW_SERVICE_STUNSERVE_H

#include "service/context.h"

/* True: it was STUN, and has been answered or dropped, and counted. A source that sends more than
 * limits.requests-per-source, counted apart from its SIP, or is banned gets nothing. */
bool stunserve_take(struct context *c, const struct packet *p);

#endif
