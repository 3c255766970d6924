/* The way to the registrars: one REGISTER at a time for each upstream registration, the others
 * wait their turn (D60); what the answers mean (D49-D62); our own refreshes and removals. Lives on
 * the worker that owns the AoR. */
#ifndef BW_SERVICE_UPSTREAM_H
#define BW_SERVICE_UPSTREAM_H

#include "service/reg.h"

struct upstream;

struct upstream_calls {
    void (*resume)(struct reg *r); /* a REGISTER that waited has its turn; it is decided anew */
    /* An AoR's record has changed, or, is_prompt, one of ours has waited for its time. */
    void (*look)(struct context *c, struct str aor, bool is_prompt);
};

int upstream_new(struct context *c, const struct upstream_calls *calls, struct upstream **out);
void upstream_free(struct upstream *u); /* NULL is legal */

/* No REGISTER of this registration can go now: one is on its way and blocks others. */
bool upstream_is_blocked(const struct upstream *u, uint64_t upreg_id);

/* Nor any: the domain's upstream has asked to be left alone for a while (D56). */
bool upstream_is_left_alone(const struct upstream *u, const struct conf_domain *d);

/* A turn by the pace is to be had for a phone's REGISTER of this registration, or is kept for it
 * because it answers a challenge (D56a); and takes it for r, by its class. */
bool upstream_has_turn(const struct context *c, const struct regview *v, uint64_t upreg_id,
                       enum pace_class k);
bool upstream_take_turn(struct reg *r);

/* Sends a phone's REGISTER as the verdict says, for the registration that r->up names. It is
 * answered in every case. in: what it was decided on. */
void upstream_submit(struct reg *r, const struct verdict *v, const struct absorb_input *in);

/* Holds it, for the registration that r->up names, until the one in flight has ended: at most 4 for
 * a registration, one for a source, 5 s; else 503. */
void upstream_wait(struct reg *r);

/* ---- for renew.h */

/* What is known of a registration's turns; NULL: nothing. */
const struct leg *upstream_leg(const struct upstream *u, uint64_t upreg_id);

/* One of ours takes its place among the REGISTERs of r->up.upreg_id: ERR_NOMEM. Then it is sent, or
 * waits; once its time has come, `look` decides about all of the AoR anew, and it is gone. What
 * upstream_start returns is the caller's to handle. wait_ms 0: until the one that is on its way has
 * ended. */
int upstream_join(struct reg *r);
int upstream_start(struct reg *r, const struct absorb_input *in);
void upstream_hold(struct reg *r, uint64_t wait_ms);

#endif
