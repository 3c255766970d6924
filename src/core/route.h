/* The user part of our own Record-Route URIs: which phone a dialog belongs to and by which flow it
 * is reached, under an HMAC over that and the Call-ID (D70). So a request in a dialog finds its way
 * without any state, over a restart, too, and nobody else can make us carry one. Pure; any
 * thread. */
#ifndef BW_CORE_ROUTE_H
#define BW_CORE_ROUTE_H

#include <stdbool.h>

#include "base/buf.h"
#include "core/binding.h"
#include "core/token.h"

enum route_side {
    ROUTE_BOTH,   /* one URI for both sides */
    ROUTE_ACCESS, /* the phone's side of two */
    ROUTE_CORE
};

/* The longest user part. */
enum { ROUTE_LEN = 96 };

/* Appends the user part for a dialog's Call-ID. */
void route_print(const struct token_key *key, enum route_side side, const struct way *phone,
                 struct str call_id, struct buf *out);

/* False: not one of ours for this Call-ID. Constant time over the MAC. */
bool route_parse(const struct token_key *key, struct str user, struct str call_id,
                 enum route_side *side, struct way *phone);

#endif
