/* A decision on a REGISTER is put on the worker's trail, with the figures it rested on. The
 * worker's thread. */
#ifndef BW_SERVICE_TRAILNOTE_H
#define BW_SERVICE_TRAILNOTE_H

#include "core/register.h"
#include "net/flow.h"
#include "service/context.h"
#include "service/trail.h"

struct trailnote {
    struct str aor;
    enum reason why;
    unsigned status;               /* of the answer that goes back or has come; 0: none yet */
    const struct flow_ref *flow;   /* where the REGISTER came from; NULL: our own */
    const struct absorb_input *in; /* what was known; NULL: that did not matter */
};

void trailnote_add(struct context *c, const struct trailnote *n);

/* to - from, as a trail has it. */
int32_t trailnote_figure(uint64_t to_s, uint64_t from_s);

/* So many bits tell lines apart well enough, and leave room where they are kept by the million. */
enum { TRAILNOTE_HASH_BITS = 40 };

/* Any thread: of all decisions on an AoR that are remembered on one worker; see trail_read. */
uint64_t trailnote_hash(const struct hash_key *loop_key, struct str aor);

#endif
