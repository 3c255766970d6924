/* The texts by which we know our own again: branches and tags. One maker a worker, on its
 * thread. */
#ifndef BW_SERVICE_MARK_H
#define BW_SERVICE_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"
#include "sip/msg.h"

struct mark_maker {
    unsigned worker;
    struct hash_key key;     /* of branches */
    struct hash_key tag_key; /* random, until it is replaced by one that others have, too */
    uint64_t serial;
};

enum { MARK_BRANCH_LEN = 45, MARK_TAG_LEN = 16 };

void mark_init(struct mark_maker *m, unsigned worker);

/* A branch: the cookie, the worker, something unique, and a mark by which a loop is known again
 * (RFC 3261 16.6 step 8). */
struct str mark_branch(struct mark_maker *m, uint64_t loop_mark, char out[MARK_BRANCH_LEN]);

/* The worker and the mark in a branch of ours; false for a stranger's. */
bool mark_branch_parse(struct str branch, unsigned *worker, uint64_t *loop_mark);

/* A To tag that stays the same for a request's repeats and the ACK to its refusal: keyed hash of
 * Call-ID, From tag, CSeq and branch (D45). */
struct str mark_tag(const struct mark_maker *m, const struct msg *request, char out[MARK_TAG_LEN]);

/* Of a keyed hash of the same, where there is one already. */
struct str mark_tag_of_hash(uint64_t hash, char out[MARK_TAG_LEN]);

/* The same for one that could not be indexed: keyed hash of its bytes. */
struct str mark_tag_of_bytes(const struct mark_maker *m, struct str request,
                             char out[MARK_TAG_LEN]);

#endif
