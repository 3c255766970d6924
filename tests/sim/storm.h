/* Many phones, each with a line of its own, and a registrar that takes all that comes: for what
 * happens when all of them speak at once. The judge fails the run for a REGISTER upstream beyond
 * the pace that was promised, and for a phone that is registered and hears anything but 200. */
#ifndef BW_TESTS_SIM_STORM_H
#define BW_TESTS_SIM_STORM_H

#include <stdbool.h>
#include <stdint.h>

struct mail;
struct peer;
struct run;
struct storm;

struct storm_plan {
    uint32_t n_phones;
    uint32_t rate, burst; /* that upstream is promised */
};

/* The phones register, half as fast as they may, and then refresh after five sixths of what
 * they were granted. The peer
 * "upstream" is the registrar from now on. */
void storm_start(struct run *r, const struct storm_plan *plan);

/* All of them register anew within that time. */
void storm_flap(struct run *r, uint64_t within_ms);

/* The registrar says nothing from now on, or speaks again. */
void storm_silence(struct run *r, bool is_silent);

/* They send nothing more; each must have heard what it waited for. */
void storm_end(struct run *r);

/* True: one of them has taken the message. */
bool storm_receive(struct run *r, const struct peer *peer, const struct mail *m);

#endif
