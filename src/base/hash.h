/* SipHash-2-4: the keyed hash behind every table and every choice of an owner, so that nobody
 * outside can aim at one bucket or one worker. Not for authentication. Any thread. */
#ifndef BW_BASE_HASH_H
#define BW_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct hash_key {
    uint64_t k0, k1;
};

/* A fresh random key. */
struct hash_key hash_key_new(void);

uint64_t hash_bytes(const struct hash_key *key, const void *p, size_t n);

static inline uint64_t hash_str(const struct hash_key *key, struct str s)
{
    return hash_bytes(key, s.p, s.n);
}

#endif
