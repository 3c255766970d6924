/* HMAC-SHA-256 with a context that is kept, so that a challenge allocates nothing. Of one worker,
 * on its thread. */
#ifndef BW_SERVICE_SEAL_H
#define BW_SERVICE_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/token.h"

struct seal;

/* The key is copied. 0; ERR_NOMEM, also where the library refuses. */
int seal_new(const struct token_key *key, struct seal **out);

/* NULL is legal. */
void seal_free(struct seal *s);

/* Over the parts, each behind its length. False: the library refuses, and *out is all zero. */
bool seal_make(struct seal *s, const struct str *parts, size_t n, uint8_t out[TOKEN_MAC_LEN]);

#endif
