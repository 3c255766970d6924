/* What is remembered of an upstream's challenges for one registration: the nonces that may be
 * answered, and that it has refused what we had. Part of a leg. The worker's thread. */
#ifndef BW_SERVICE_WALLET_H
#define BW_SERVICE_WALLET_H

#include "sip/demand.h"

enum { WALLET_MAX = 4, WALLET_CNONCE_LEN = 16 };

struct wallet_nonce {
    struct demand challenge; /* its slices: block */
    char cnonce[WALLET_CNONCE_LEN];
    uint32_t count; /* answers so far */
    bool is_asked; /* by a challenge to the REGISTER that is on its way, not by an earlier answer */
    char *block;
};

/* Zero: nothing is remembered. */
struct wallet {
    struct wallet_nonce list[WALLET_MAX]; /* one for each realm, of proxies and others */
    size_t n;
    uint64_t keep_until_s; /* service clock: the nonces may be of use until then */
    uint64_t refused_hash; /* of the account that was refused; 0: none was */
    uint64_t refused_until_s;
    unsigned n_refused; /* in a row */
};

void wallet_empty(struct wallet *w); /* of its nonces */

/* The nonce of a challenge's realm; NULL: none. */
struct wallet_nonce *wallet_find(struct wallet *w, const struct demand *c);

/* Puts a challenge in the place of that of its realm. False: no memory, or no room. */
bool wallet_put(struct wallet *w, const struct demand *c);

/* Another nonce for the same, which nobody has asked for yet (RFC 7616 3.5). A session (-sess)
 * would not survive it and is forgotten. */
void wallet_renew(struct wallet *w, struct wallet_nonce *n, struct str nonce);

void wallet_forget(struct wallet *w, struct wallet_nonce *n);

/* How long what is remembered is still of use; 0: it is not. */
uint64_t wallet_keep_ms(const struct wallet *w, uint64_t now_s);

#endif
