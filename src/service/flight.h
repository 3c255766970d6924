/* A REGISTER on its way upstream: what it asks for, what rides along, its place in the one sequence
 * of its registration (D32, D33, D58). What becomes of it, the leg's callbacks are told. The
 * worker's thread. */
#ifndef BW_SERVICE_FLIGHT_H
#define BW_SERVICE_FLIGHT_H

#include "service/reg.h"

/* Sends it, on its leg, as r->up.as says. in: what was decided on. least_s: upstream takes nothing
 * shorter, or 0. ERR_ABSENT: no listener fits; ERR_FULL with is_held_back: the server asks for
 * less; others as a transaction's. */
int flight_start(struct reg *r, const struct absorb_input *in, uint32_t least_s);

/* Why it was not sent. err: of flight_start. */
enum reason flight_fault(const struct reg *r, int err);

/* The server has failed (left out for_s from now on, 0: as long as it is usual): sends it to the
 * next one. False: there is none, or others have gone meanwhile. */
bool flight_divert(struct reg *r, uint32_t for_s);

/* One more goes for this REGISTER, whatever the pace: charged to those that come later. */
void flight_charge(const struct reg *r);

/* What a final answer, or silence (0), says of the upstream's pace, and of the server that it is
 * from: it is well, and the line stays with it if it has accepted or challenged it (D90). */
void flight_note(const struct reg *r, unsigned status);

/* Sends what r->up is by now, under the next CSeq, in place of what is on its way. */
int flight_repeat(struct reg *r);

#endif
