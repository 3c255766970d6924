/* The nonces that a registrar has handed out, and how far each has been used. The latest are
 * remembered, in a ring; an older one is unknown, which a client sees as stale. One thread. */
#ifndef BW_SIM_NONCES_H
#define BW_SIM_NONCES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct nonces;

/* lifetime_s: how long one may be used. ERR_NOMEM. */
int nonces_new(uint32_t lifetime_s, struct nonces **out);

/* NULL is legal. */
void nonces_free(struct nonces *n);

/* Appends a new one, hexadecimal. */
void nonces_add(struct nonces *n, uint64_t now_ms, struct buf *out);

/* One use of a nonce. */
struct nonces_use {
    struct str nonce;
    uint32_t count; /* nc; 0: the client sent none */
    uint32_t cseq;  /* of the request: the same again is a retransmission */
    bool is_once;   /* each nonce is good for one request only */
};

/* Uses it. False: stale, whether unknown, too old, used up, or with a count that has been seen. */
bool nonces_use(struct nonces *n, const struct nonces_use *use, uint64_t now_ms);

#endif
