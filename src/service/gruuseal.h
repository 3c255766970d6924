/* What a temporary GRUU stands for, as text that says nothing of it to others: encrypted and
 * authenticated with AES-256-GCM (RFC 5627 3.1, appendix A.2 in spirit). Nothing has to be kept of
 * those that were given, they outlive a restart as long as the key does, nobody can make one up,
 * and two of one device have nothing in common. The nonce is an HMAC of the contents and of the
 * REGISTER that asks, so that a repeat of it gets the same again (D29) and nothing else does. No
 * allocation after gruuseal_new. Of one worker, on its thread. */
#ifndef BW_SERVICE_GRUUSEAL_H
#define BW_SERVICE_GRUUSEAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/token.h"

struct gruuseal;

struct gruu_claim {
    uint64_t upreg_id; /* by which the line is found */
    uint64_t instance; /* hashes: of the device, and of the Call-ID that it registered with */
    uint64_t call_id;
};

/* Hexadecimal: nonce, contents, tag. */
enum { GRUUSEAL_LEN = 2 * (12 + 24 + 16) };

/* 0; ERR_NOMEM, also where the library refuses. */
int gruuseal_new(const struct token_key *key, struct gruuseal **out);

/* NULL is legal. */
void gruuseal_free(struct gruuseal *s);

/* domain: the only one that it can be opened for. request: a hash of the REGISTER. False: the
 * library refuses. */
bool gruuseal_close(struct gruuseal *s, struct str domain, const struct gruu_claim *claim,
                    uint64_t request, char out[GRUUSEAL_LEN]);

/* False: it was not made here for this domain. */
bool gruuseal_open(struct gruuseal *s, struct str domain, struct str text, struct gruu_claim *out);

#endif
