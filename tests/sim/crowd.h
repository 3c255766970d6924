/* Phones, strangers and a registrar that act by themselves, by the dice of the run, and a judge who
 * looks at all that passes between them for what must never be, whatever the order of events:
 * a grant beyond what upstream holds, two REGISTERs in flight for one contact upstream, anything
 * that a stranger brings about, a contact that upstream never accepted. */
#ifndef BW_TESTS_SIM_CROWD_H
#define BW_TESTS_SIM_CROWD_H

#include <stdbool.h>

#include "base/str.h"
#include "world.h"

struct crowd;
struct mail;
struct peer;
struct run;

struct crowd_plan {
    uint32_t n_phones, n_strangers;
    bool has_outages, has_long_outages;
    bool has_auth; /* it is us who challenge, for "secret"; the registrar asks nobody */
};

/* The phones begin; the peer "upstream" is the registrar from now on. */
void crowd_start(struct run *r, const struct crowd_plan *plan);

/* A new process of ours does not know what the last one has sent. */
void crowd_on_restart(struct run *r);

/* They send nothing more; the registrar stays. */
void crowd_stop(struct run *r);

/* True: one of them has taken the packet. */
bool crowd_receive(struct run *r, const struct peer *peer, const struct mail *m);

/* A packet that has left us. */
void crowd_on_sent(struct run *r, const struct world_packet *p);

#endif
