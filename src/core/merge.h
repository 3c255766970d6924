/* Which of two versions of a replicated row stands: rows of one key that several nodes have
 * written reach every node in any order, and all nodes end with the same one.
 *
 * A version is two words, and the greater one wins, the first word first: one total order. Nothing
 * of the row itself is mixed into it, as that makes cycles. Of a binding the first word is a hybrid
 * clock (milliseconds since 1970 in its upper 48 bits, a count in the lower 16), which is always
 * above the version that it replaces; the second word is the node's number. Of what stands
 * upstream the words are the epoch of the shard's owner and a count: no clock, as only one node
 * writes in one epoch (tenure.h).
 *
 * A refresh that a node absorbs is not replicated, so a node may overtake a device's binding by
 * what it knew of an older REGISTER. The node that has the device's live flow sees that by CSeq and
 * asserts its own again, above the other; as CSeq rises with each such answer, that ends. Pure; any
 * thread. */
#ifndef BW_CORE_MERGE_H
#define BW_CORE_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct merge_version {
    uint64_t high, low;
};

/* Below 0: a is the older one; 0: the same; above 0: b is. */
int merge_compare(struct merge_version a, struct merge_version b);

/* Bytes that compare like the versions: what the database compares. */
enum { MERGE_BYTES = 16 };
void merge_encode(struct merge_version v, uint8_t out[MERGE_BYTES]);
int merge_decode(struct str bytes, struct merge_version *out); /* ERR_PARSE: another length */

/* ---------------------------------------------------------------- the clock */

/* What this node has stamped last; zeros to begin with. */
struct merge_clock {
    uint64_t last;
};

/* A version for a binding that this node writes now: above all that it has given, and above the
 * one that it replaces (NULL: none). */
struct merge_version merge_stamp(struct merge_clock *c, uint64_t wall_ms, uint64_t node,
                                 const struct merge_version *replaced);

/* How far a stamp of another node is ahead of our wall clock tells whose clock is wrong: nobody's
 * until 2 s; somebody's (an alarm) until 30 s; what is further ahead is not taken yet, or a wrong
 * clock would win against everybody for as long. */
enum merge_skew { MERGE_IN_TIME, MERGE_SKEWED, MERGE_AHEAD };
enum { MERGE_SKEW_MS = 2000, MERGE_AHEAD_MS = 30000 };

/* *wait_ms: until it is to be taken after all; 0 unless MERGE_AHEAD. */
enum merge_skew merge_skew(struct merge_version v, uint64_t wall_ms, uint64_t *wait_ms);

/* ---------------------------------------------------------------- rows */

/* A binding's row, as far as it is judged. */
struct merge_row {
    struct merge_version version;
    struct str call_id; /* of the REGISTER behind it */
    uint32_t cseq;
    bool is_removal; /* a tombstone */
};

enum merge_verdict {
    MERGE_KEEP,  /* ours is the newer one, or the same */
    MERGE_TAKE,  /* theirs stands */
    MERGE_ASSERT /* theirs is newer, and knows less: ours is to be written again, stamped above */
};

/* ours: NULL: there is none. has_flow: the device of ours is connected to this node. */
enum merge_verdict merge_decide(const struct merge_row *ours, bool has_flow,
                                const struct merge_row *theirs);

#endif
