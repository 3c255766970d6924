/* Whether a REGISTER that upstream has accepted may be applied to the record as it is by then, and
 * what its proof is worth. Pure; any thread. */
#ifndef BW_CORE_ACCEPT_H
#define BW_CORE_ACCEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/reason.h"
#include "core/survey.h"

/* REASON_ACCEPTED, and *evicted has the bindings that make room (D87); REASON_STALE_CSEQ,
 * REASON_NOT_PROVEN, REASON_FULL. All or nothing (D19): asked before anything is touched. */
enum reason accept_judge(const struct absorb_input *in, const struct upstream_grant *grant,
                         const struct survey *s, uint64_t *evicted);

/* The proof that upstream's 2xx is. PROOF_NONE: none, the REGISTER was relayed under a licence (L1,
 * L2) that goes on as it was. */
struct proof accept_proof(const struct absorb_input *in);

/* A 2xx that cost no proof gives no power over what stands on another way, or is not the licence's
 * own. at: the binding. */
bool accept_is_beyond_proof(const struct absorb_input *in, int at);

/* Upstream holds something for us now. */
bool accept_is_granted(const struct upstream_grant *grant);

/* The upstream registration that the grant is about, known or new. */
uint64_t accept_upreg_id(const struct upstream_grant *grant);

#endif
