/* A REGISTER on its way upstream: what it asks for, what rides along, its place in the one sequence
 * of its registration (D32, D33, D58). What becomes of it, the leg's callbacks are told. The
 * worker's thread. */
#ifndef BW_SERVICE_FLIGHT_H
#define BW_SERVICE_FLIGHT_H

#include "service/reg.h"

/* Sends it, on its leg, as r->up.as says. in: what was decided on. least_s: upstream takes nothing
 * shorter, or 0. ERR_ABSENT: no listener fits; others as a transaction's. */
int flight_start(struct reg *r, const struct absorb_input *in, uint32_t least_s);

/* Sends what r->up is by now, under the next CSeq, in place of what is on its way. */
int flight_repeat(struct reg *r);

#endif
