/* The short way of a refresh. Where a REGISTER was absorbed, a word is kept of its bytes (their
 * keyed hash, but for branch, From tag and CSeq), of where it came from and of the configuration,
 * and beside its lease what the decision rested on (core/lasting). The same bytes from there are
 * then answered from these words and the lease alone: not indexed, not parsed, no record read.
 *
 * Kept only where the answer made this way is byte for byte the one that was made the long way.
 * Every commit of the record, every publication of the lease, every new snapshot of the
 * configuration and every loss of data upstream make it void: all of that is part of what has to
 * fit. It is a cache of fixed room that all workers share without a lock: what is torn, overwritten
 * or late fits nothing, and goes the long way. Nothing of it outlives the process. */
#ifndef BW_SERVICE_MEMO_H
#define BW_SERVICE_MEMO_H

#include "core/absorb.h"
#include "service/context.h"
#include "service/regview.h"
#include "sip/build.h"

struct memo_table;

/* from: a key whose hashes are never shown. ERR_NOMEM. */
int memo_table_new(const struct hash_key *from, struct memo_table **out);
void memo_table_free(struct memo_table *t); /* NULL is legal */

/* The worker's thread. True: a refresh, and it has its answer. */
bool memo_answer(struct context *c, const struct packet *p);

/* An absorbed refresh that has been answered the long way. */
struct memo_lesson {
    const struct packet *packet;
    const struct msg *msg;
    const struct regview *view;
    const struct absorb_input *in; /* as it was decided upon */
    const struct verdict *verdict;
    const struct build_reply *reply;
};

/* The worker's thread. */
void memo_learn(struct context *c, const struct memo_lesson *lesson);

#endif
