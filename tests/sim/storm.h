/* Many phones, each with a line of its own, and a registrar that takes all that comes: for what
 * happens when all of them speak at once. The judge fails the run for a REGISTER upstream beyond
 * the pace that was promised, and for a phone that is registered and hears anything but 200. */
#ifndef BW_TESTS_SIM_STORM_H
#define BW_TESTS_SIM_STORM_H

#include <stdbool.h>

struct mail;
struct peer;
struct run;
struct storm;

/* storm begin phones=N rate=N burst=N challenge=yes: they register, half as fast as the pace that
 * upstream is promised allows, and then refresh after five sixths of what they were granted. The
 * peer "upstream" is the registrar from now on; challenge: of each REGISTER, with a new nonce.
 * storm flap TIME: all of them register anew within that time.
 * storm silent, storm back: the registrar says nothing from now on, or speaks again.
 * storm count: from now on both sides' REGISTERs are counted.
 * storm share N: upstream got at most one for each N that the phones have sent since.
 * storm end: they send nothing more; each must have heard what it waited for. */
void storm_step(struct run *r);

/* True: one of them has taken the message. */
bool storm_receive(struct run *r, const struct peer *peer, const struct mail *m);

#endif
