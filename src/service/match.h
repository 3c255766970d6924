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

#endif
