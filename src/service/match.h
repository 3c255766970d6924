/* Which server transaction a request belongs to: by branch and sent-by (RFC 3261 17.2.3), or where
 * the client knows no cookie by the rules of RFC 2543 (D34); and it comes from the same host, for a
 * copy from another one is a stranger's, whatever it knows. The hash covers all that is compared,
 * so nobody can pile up transactions under one. Pure; any thread. */
#ifndef BW_SERVICE_MATCH_H
#define BW_SERVICE_MATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/hash.h"
#include "base/hmap.h"
#include "sip/msg.h"

/* What is looked for: the transaction of a message, as if that had another method (an ACK and a
 * CANCEL are their INVITE's) or another To tag (an ACK has that of the response). */
struct match {
    const struct msg *m;
    const struct addr *source;
    struct str method, to_tag;
};

uint64_t match_hash(const struct hash_key *key, const struct match *what);

/* It is the transaction that this request from there made. */
bool match_is(const struct match *what, const struct msg *request, const struct addr *source);

/* How many transactions have a branch that looks like this one. Most requests are of none, and
 * where the sieve says so nothing needs to be hashed. It is not keyed: who fills it costs us the
 * hash that we saved, no more. */
enum { MATCH_SIEVE_LOG = 14, MATCH_SIEVE = 1 << MATCH_SIEVE_LOG };
struct match_sieve {
    uint32_t n[MATCH_SIEVE];
};

/* by: 1 for one more, -1 for one less, 0. */
void match_sieve_move(struct match_sieve *s, struct str branch, int by);

/* False: a request of this method with that top Via is none that made a transaction. Of the Via its
 * text and its branch; the rest is read only where the sieve does not know. */
bool match_is_likely(const struct hmap *map, const struct match_sieve *sieve, const struct via *via,
                     struct str method, const struct addr *source);

/* The first with the hash of what is looked for, or NULL. */
struct hmap_node *match_first(const struct hmap *map, const struct match_sieve *sieve,
                              const struct match *what);

#endif
