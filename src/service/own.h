/* Our own accounts at the upstreams: a challenge is answered from the domain's
 * upstream-credentials, once; an account that upstream refuses is left alone for a while. The
 * worker's thread. */
#ifndef BW_SERVICE_OWN_H
#define BW_SERVICE_OWN_H

#include "service/reg.h"

enum own_answer {
    OWN_ANSWERED, /* send the REGISTER again */
    OWN_UNABLE,   /* not ours to answer, or there is no account for it */
    OWN_REFUSED   /* upstream does not take the account that we have, or did not of late */
};

/* A REGISTER is about to go out for the first time; its leg is set. */
void own_begin(struct reg *r);

/* Answers to what upstream has asked for, as far as we may and can; into r->up, in the scratch
 * arena. Each time before the REGISTER is built. */
void own_authorize(struct reg *r);

/* A 401 or 407. */
enum own_answer own_on_challenge(struct reg *r, const struct msg *m);

/* What a challenge without an answer, and a 2xx, say of the upstream: alarms come and go. */
void own_judge_challenge(const struct reg *r);
void own_judge_acceptance(const struct reg *r);

/* A 2xx. */
void own_on_accepted(struct reg *r, const struct msg *m);

/* Seconds, of a Retry-After; 0: none. */
uint32_t own_retry_after_s(const struct msg *m);

/* How long a refresh of ours that is due may still wait, so that what came together does not come
 * together again; 0 where upstream trusts our address, as the devices' own times are between. */
uint64_t own_jitter_ms(const struct context *c, const struct register_view *view,
                       const struct upreg *u);

/* How long to wait before one of ours that failed is sent again: why is what became of it. */
uint64_t own_wait_ms(const struct reg *r, enum reason why);

/* What became of one of ours: counts it; own_failed tells the keeper, too, if it was a line's. */
void own_count(enum reason why);
void own_failed(struct reg *r, enum reason why);

#endif
