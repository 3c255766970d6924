/* The user part of our own Record-Route URIs: which phone a dialog belongs to, by which flow it is
 * reached, of which line it is, and which upstream and server of it is beyond, under an HMAC over
 * that, the Call-ID and the caller's tag (D70). So a request in a dialog finds its way without any
 * state, over a restart, too, and nobody else can make us carry one. Which way it goes its tags say
 * and not its source: a phone may have another address behind its NAT by now. Whom the phone speaks
 * with stands behind that, under an HMAC of its own with the other's tag. Pure; any thread. */
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

/* The longest user part; the part of it that is about the other end. */
enum { ROUTE_LEN = 160, ROUTE_PEER_LEN = 17 };

struct route {
    enum route_side side;
    bool is_caller; /* the phone has begun the dialog */
    uint8_t zero;
    uint16_t core;   /* what stands for the upstream; 0: none */
    uint16_t server; /* and for the one of its servers that the dialog is with; 0: none */
    uint32_t name;   /* what stands for the phone's own address in the dialog */
    uint64_t line;   /* an upstream registration of its line; 0: not known */
    struct way phone;
};

/* A request's own. */
struct route_dialog {
    struct str call_id, from_tag, to_tag;
};

/* What a request says, read from the user part of our URI. */
struct route_read {
    struct route route;
    bool is_from_phone; /* the phone has sent it */
    bool is_peer_known; /* and to that one whom we have seen at the other end */
    uint32_t target;    /* what stands for where that one is reached; 0: he has not said */
};

/* Appends the user part for the dialog that a request of this Call-ID and From tag begins. */
void route_print(const struct token_key *key, const struct route *route,
                 const struct route_dialog *begun_by, struct buf *out);

/* Whom the phone speaks with: tag is his. */
struct route_peer {
    struct str call_id, tag;
    uint32_t target;
};

/* Appends that, behind the user part that route_print has made. */
void route_print_peer(const struct token_key *key, const struct route_peer *peer, struct str user,
                      struct buf *out);

/* A user part, in lower case, without that. */
struct str route_without_peer(struct str user);

/* False: not one of ours for this dialog. Either tag may be the caller's. Any case of letters.
 * Constant time over the MACs. What is said of the other end counts for a request to just that one;
 * for any other it is as if nothing was said. */
bool route_parse(const struct token_key *key, struct str user, const struct route_dialog *request,
                 struct route_read *out);

#endif
