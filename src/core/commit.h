/* Changes of a record, each a small step of what the policy has decided; nothing here decides.
 * `next` is the copy that is going to be committed. Pure; any thread. */
#ifndef BW_CORE_COMMIT_H
#define BW_CORE_COMMIT_H

#include <stddef.h>
#include <stdint.h>

#include "core/register.h"

/* What a binding gets beyond what the REGISTER says of it. */
struct commit_terms {
    struct proof proof; /* PROOF_NONE: it keeps its own */
    uint32_t granted_s;
    uint64_t upreg_id;
    uint64_t new_id;
    size_t n_old; /* bindings that `next` had before this commit added any */
};

/* Takes the bindings of a set, by index. */
void commit_drop(struct aor_record *next, uint64_t set);

/* Adds or refreshes the binding of a contact. known_id: that of the binding it names, or 0. Room
 * has been made sure of. */
void commit_contact(const struct absorb_input *in, const struct register_contact *c,
                    uint64_t known_id, const struct commit_terms *terms, struct aor_record *next);

/* Moves expiry and CSeq only. */
void commit_extend(const struct absorb_input *in, uint32_t granted_s, struct binding *b);

/* The binding's device is where the REGISTER came from: its way and Call-ID are now the REGISTER's,
 * and its proof, if it has just proven itself to us. After commit_extend. */
void commit_move(const struct absorb_input *in, bool is_proof, struct binding *b);

/* The bindings that were reached by that stream (flow_id, not 0) have no flow any more and are in
 * their grace from now on. How many there are. */
size_t commit_lose(struct aor_record *next, uint64_t flow_id, uint64_t now_s);

/* Withdraws every proof: each device must prove itself with its next REGISTER (D53). */
void commit_distrust(struct aor_record *next);

/* Records what upstream holds by its answer, whatever becomes of the bindings: a registration, or
 * none any more, which is due at once for those who still stand on it. A late answer to an older
 * request changes nothing (D31); nor can a record that is full take another one. */
void commit_upstream(struct aor_record *next, uint64_t upreg_id, const struct upstream_grant *grant,
                     uint64_t now_s);

/* The registration of a fixed line: it stands though nobody does on it, and no other one of the AoR
 * does. 0: none does any more. Before commit_settle. */
void commit_fix(struct aor_record *next, uint64_t upreg_id);

/* Upstream registrations that stand for nobody: live ones are to be removed (D58, D59), dead ones
 * go, but for the last one of the line, which is UPREG_ENDED for its time (D69). How many that
 * concerned. */
size_t commit_settle(struct aor_record *next, uint64_t now_s);

#endif
