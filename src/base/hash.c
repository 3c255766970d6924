#include "base/hash.h"

#include <endian.h>
#include <string.h>

#include "base/sys.h"

struct hash_key hash_key_new(void)
{
    struct hash_key key;
    sys_random(&key, sizeof key);
    return key;
}

static inline uint64_t rotl(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

struct sip_state {
    uint64_t v0, v1, v2, v3;
};

static inline void sip_rounds(struct sip_state *s, int n)
{
    while (n--) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotl(s->v1, 13) ^ s->v0;
        s->v3 = rotl(s->v3, 16) ^ s->v2;
        s->v0 = rotl(s->v0, 32);
        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = rotl(s->v1, 17) ^ s->v2;
        s->v3 = rotl(s->v3, 21) ^ s->v0;
        s->v2 = rotl(s->v2, 32);
    }
}

static inline void sip_word(struct sip_state *s, uint64_t word)
{
    s->v3 ^= word;
    sip_rounds(s, 2);
    s->v0 ^= word;
}

uint64_t hash_bytes(const struct hash_key *key, const void *p, size_t n)
{
    struct sip_state s = {key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du,
                          key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u};
    const uint8_t *at = p;
    for (size_t left = n; left >= 8; left -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        sip_word(&s, le64toh(word));
    }
    uint64_t last = (uint64_t)n << 56;
    for (size_t i = 0; i < (n & 7); i++)
        last |= (uint64_t)at[i] << (8 * i);
    sip_word(&s, last);
    s.v2 ^= 0xff;
    sip_rounds(&s, 4);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
