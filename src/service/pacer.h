/* The queue of one worker before an upstream: REGISTERs that wait for their turn by shield.h, the
 * better right first. A phone's waits TURN_MS at most and then hears 503 with a Retry-After; one
 * that cannot be served in that time hears it at once. Of our own so many wait as there is room
 * for. The worker's thread. */
#ifndef BW_SERVICE_PACER_H
#define BW_SERVICE_PACER_H

#include "core/absorb.h"
#include "service/reg.h"

struct pacer;

/* look: one of ours has its turn; what its AoR needs is decided anew. */
struct pacer_calls {
    void (*resume)(struct reg *r);
    void (*look)(struct context *c, struct str aor, bool is_prompt);
};

int pacer_new(struct context *c, const struct pacer_calls *calls, struct pacer **out);

/* Hands all that wait to context.regs. NULL is legal. */
void pacer_free(struct pacer *p);

/* The right of a phone's REGISTER that is to be forwarded; in: what it was decided on. */
enum pace_class pacer_class(const struct absorb_input *in, const struct verdict *v);

/* Of one of ours. u: what is refreshed. */
enum pace_class pacer_class_own(const struct upreg *u, enum forward_as as, uint64_t now_s);

/* A turn is to be had now. */
bool pacer_can(const struct context *c, const struct conf_upstream *u, enum pace_class k);

/* Takes it. False: there is none. */
bool pacer_take(struct context *c, const struct conf_upstream *u, enum pace_class k);

/* Holds a phone's until its turn, or refuses it. r is answered in every case. */
void pacer_wait(struct reg *r, enum pace_class k);

/* The same for one of ours, which is on its leg, until `look`. False: no room. */
bool pacer_wait_own(struct reg *r, enum pace_class k);

/* Room for one more of ours, of whatever class. */
bool pacer_has_room(const struct context *c, const struct conf_upstream *u);

#endif
