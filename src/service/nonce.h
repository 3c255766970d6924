/* The nonces of our challenges (RFC 7616 3.3, 5.4): issue time, home, number and whom it is for
 * under an HMAC, so that one that nobody answers costs no memory, and one that comes back has been
 * read by him: what stands at his address, and no forger, has got the challenge. The counts that
 * came with one are remembered by its home, the worker that made it, in a table of fixed size: a
 * nonce is good there only, while it is young, and as long as no later one that was used has taken
 * its place. Any other of ours is old. So nothing is taken twice, on whatever worker it arrives,
 * before a restart and after.
 *
 * Whom it is for is an address without its port, so a NAT that gives another one costs nothing. A
 * device that has moved to another address finds its nonce old there and asks once more by itself,
 * as stale=true bids it; its password has not been looked at. RFC 7616 3.3 warns of such nonces
 * where the requests of one user come through several proxies: between a phone and us is none. Of
 * one worker, on its thread. */
#ifndef BW_SERVICE_NONCE_H
#define BW_SERVICE_NONCE_H

#include "service/seal.h"

enum { NONCE_LEN = 56, NONCE_LIFE_S = 300 };

struct nonce_mint;

/* seal: the caller's, outlives it. ERR_NOMEM. */
int nonce_new(struct seal *seal, struct nonce_mint **out);

/* NULL is legal. */
void nonce_free(struct nonce_mint *n);

/* What a nonce is good for. */
struct nonce_scope {
    struct str realm;
    uint32_t source; /* a keyed hash of the address that it is sent to, one for all workers */
};

/* A new one. An empty slice where the library refuses. */
struct str nonce_print(struct nonce_mint *n, const struct nonce_scope *scope, uint64_t now_s,
                       char out[NONCE_LEN]);

enum nonce_age {
    NONCE_YOUNG,
    NONCE_OLD,    /* ours, but good no more, or sent to another address */
    NONCE_FOREIGN /* not ours */
};

enum nonce_age nonce_parse(struct nonce_mint *n, struct str text, const struct nonce_scope *scope,
                           uint64_t now_s, uint32_t *number);

struct nonce_use {
    uint32_t number;  /* of a young one */
    uint32_t count;   /* nc; 0: the client counts not (RFC 2069), so it is good once */
    uint64_t request; /* a hash of what makes it this request */
    bool may_repeat;  /* the same again is a retransmission */
};

enum nonce_outcome {
    NONCE_TAKEN,
    NONCE_REPLAYED, /* the count has come before; up to 63 behind the highest may come late */
    NONCE_USED_UP   /* it is old by now */
};

/* Notes a request whose answer was right. */
enum nonce_outcome nonce_take(struct nonce_mint *n, const struct nonce_use *use);

#endif
