/* The user part of our own Record-Route URIs: which phone a dialog belongs to, by which flow it is
 * reached, and which upstream and server of it is beyond, under an HMAC over that, the Call-ID and
 * the caller's tag (D70). So a request in a dialog finds its way without any state, over a restart,
 * too, and nobody else can make us carry one. Which way it goes its tags say and not its source: a
 * phone may have another address behind its NAT by now. Pure; any thread. */
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
enum { ROUTE_LEN = 128 };

struct route {
    enum route_side side;
    bool is_caller; /* the phone has begun the dialog */
    uint8_t zero;
    uint16_t core;   /* what stands for the upstream; 0: none */
    uint16_t server; /* and for the one of its servers that the dialog is with; 0: none */
    struct way phone;
};

/* A request's own. */
struct route_dialog {
    struct str call_id, from_tag, to_tag;
};

/* Appends the user part for the dialog that a request of this Call-ID and From tag begins. */
void route_print(const struct token_key *key, const struct route *route,
                 const struct route_dialog *begun_by, struct buf *out);

/* False: not one of ours for this dialog. Either tag may be the caller's: *is_from_phone says
 * whether the phone has sent the request. Any case of letters. Constant time over the MAC. */
bool route_parse(const struct token_key *key, struct str user, const struct route_dialog *request,
                 struct route *out, bool *is_from_phone);

#endif
