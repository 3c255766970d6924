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

static inline void sip_round(struct sip_state *s)
{
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

static inline void sip_word(struct sip_state *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    sip_round(s);
    s->v0 ^= word;
}

static inline uint64_t load(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return le64toh(word);
}

/* The bytes behind the last whole word. Where there is one, it is read again with them. */
static inline uint64_t load_rest(const uint8_t *at, size_t n)
{
    const size_t rest = n & 7;
    uint64_t word = 0;
    if (rest == 0)
        return 0;
    if (n >= 8)
        return load(at + rest - 8) >> (64 - 8 * rest);
    for (size_t i = 0; i < rest; i++)
        word |= (uint64_t)at[i] << (8 * i);
    return word;
}

uint64_t hash_bytes(const struct hash_key *key, const void *p, size_t n)
{
    struct sip_state s = {key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du,
                          key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u};
    const uint8_t *at = p;
    for (size_t left = n; left >= 8; left -= 8, at += 8)
        sip_word(&s, load(at));
    sip_word(&s, (uint64_t)n << 56 | load_rest(at, n));
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
