/* Keeps the fixed lines registered upstream: those whose AoR this worker owns. It knows when each
 * one's REGISTER is due, and how the last one went; sending is upstream.h's. The worker's thread.
 */
#ifndef BW_SERVICE_KEEPER_H
#define BW_SERVICE_KEEPER_H

#include "core/absorb.h"
#include "service/context.h"

struct keeper;

/* look: a line's turn has come, or its record may have changed; to be answered by
 * keeper_review. */
int keeper_new(struct context *c, void (*look)(struct context *c, struct str aor),
               struct keeper **out);
void keeper_free(struct keeper *k); /* NULL is legal */

/* The configuration is another one; at the start, too. The scratch arena is emptied. Lines that are
 * new, or fail, have their turn one after another, at most five a second with all workers; those
 * that are gone are released, and then removed upstream like any registration that nobody needs. */
void keeper_sync(struct keeper *k);

/* Upstream has lost its data: all lines of that upstream register again, at the same pace. */
void keeper_resync(struct keeper *k, struct str upstream);

/* Upstream is back: those that have failed there do so, whatever their next attempt was to wait. */
void keeper_retry(struct keeper *k, struct str upstream);

/* What the line of an AoR needs now, by its record. True: a REGISTER for *out (its id and Call-ID,
 * and what is known of it otherwise, in the scratch arena). Of in: now_state and now_s. */
bool keeper_review(struct keeper *k, const struct conf_domain *domain,
                   const struct absorb_input *in, struct upreg *out);

/* Its REGISTER is on its way. */
void keeper_on_attempt(struct keeper *k, struct str aor);

/* It failed; the next one has its time. */
struct keeper_failure {
    enum reason why;
    unsigned status;        /* of upstream's answer, or 0 */
    uint32_t retry_after_s; /* as upstream asked, or 0 */
    uint64_t left_alone_s;  /* the account is, for so long, or 0 */
};
void keeper_on_failure(struct keeper *k, struct str aor, const struct keeper_failure *what);

/* The registration is one that we keep, or kept, for a line: in mirror, too, its sequence is ours.
 */
bool keeper_is_ours(struct context *c, const struct conf_domain *domain,
                    const struct absorb_input *in, const struct upreg *u);

#endif
