/* Whose turn it is on an upstream leg: one REGISTER at a time, the others wait and are then decided
 * anew (D60). The worker's thread. */
#ifndef BW_SERVICE_TURN_H
#define BW_SERVICE_TURN_H

#include "service/leg.h"
#include "service/reg.h"

/* How long a silent REGISTER holds up others, and how long one waits (D60). */
enum { TURN_MS = 5000 };

/* Holds it until its turn: at most LEG_WAITING_MAX on a leg, one for a source, TURN_MS; else 503. l
 * may be NULL: there is no room then. */
void turn_wait(struct leg *l, struct reg *r);

/* It does not hold up others any more, whether or not it is over. */
void turn_unblock(struct reg *r);

/* It is over: nothing of it is expected upstream any more. Harmless without a leg. */
void turn_leave(struct reg *r);

#endif
