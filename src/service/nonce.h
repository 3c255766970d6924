/* The nonces of our challenges (RFC 7616 3.3, 5.4): issue time, home and number under an HMAC, so
 * that one that nobody answers costs no memory. The counts that came with one are remembered by its
 * home, the worker that made it, in a table of fixed size: a nonce is good there only, while it is
 * young, and as long as no later one that was used has taken its place. Any other of ours is old.
 * So nothing is taken twice, on whatever worker it arrives, before a restart and after. Of one
 * worker, on its thread. */
#ifndef BW_SERVICE_NONCE_H
#define BW_SERVICE_NONCE_H

#include "service/seal.h"

enum { NONCE_LEN = 48, NONCE_LIFE_S = 300 };

struct nonce_mint;

/* seal: the caller's, outlives it. ERR_NOMEM. */
int nonce_new(struct seal *seal, struct nonce_mint **out);

/* NULL is legal. */
void nonce_free(struct nonce_mint *n);

/* A new one for a realm. An empty slice where the library refuses. */
struct str nonce_print(struct nonce_mint *n, struct str realm, uint64_t now_s, char out[NONCE_LEN]);

enum nonce_age {
    NONCE_YOUNG,
    NONCE_OLD,    /* ours, but good no more */
    NONCE_FOREIGN /* not ours */
};

enum nonce_age nonce_parse(struct nonce_mint *n, struct str text, struct str realm, uint64_t now_s,
                           uint32_t *number);

struct nonce_use {
    uint32_t number;  /* of a young one */
    uint32_t count;   /* nc; 0: the client counts not (RFC 2069), so it is good once */
    uint64_t request; /* a hash of what makes it this request: the same again is a retransmission */
};

enum nonce_outcome {
    NONCE_TAKEN,
    NONCE_REPLAYED, /* the count has come before; up to 63 behind the highest may come late */
    NONCE_USED_UP   /* it is old by now */
};

/* Notes a request whose answer was right. */
enum nonce_outcome nonce_take(struct nonce_mint *n, const struct nonce_use *use);

#endif
