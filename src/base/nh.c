#include "base/nh.h"

#include <string.h>

static uint64_t next_word(const struct hash_key *from, uint64_t *n)
{
    (*n)++;
    return hash_bytes(from, n, sizeof *n);
}

void nh_key_init(struct nh_key *out, const struct hash_key *from)
{
    uint64_t n = 0;
    for (size_t i = 0; i < sizeof out->close / sizeof *out->close; i++) {
        uint64_t high = next_word(from, &n);
        out->close[i] = (unsigned __int128)high << 64 | next_word(from, &n);
    }
    for (size_t i = 0; i < NH_WORDS; i++)
        out->words[i] = next_word(from, &n);
}

void nh_init(struct nh *h, const struct nh_key *key)
{
    h->key = key;
    h->sum = 0;
    h->n_words = 0;
}

static inline unsigned __int128 product(const uint64_t *key, uint64_t a, uint64_t b)
{
    return (unsigned __int128)(a + key[0]) * (b + key[1]);
}

static inline unsigned __int128 pair(const uint64_t *key, const char *p)
{
    uint64_t a, b;
    memcpy(&a, p, sizeof a);
    memcpy(&b, p + sizeof a, sizeof b);
    return product(key, a, b);
}

/* The last bytes again with those before them: with the length that says all that a padding would.
 */
static unsigned __int128 last_pair(const uint64_t *key, struct str part)
{
    char rest[16] = {0};
    if (part.n >= sizeof rest)
        return pair(key, str_end(part) - sizeof rest);
    for (size_t i = 0; i < part.n; i++)
        rest[i] = part.p[i];
    return pair(key, rest);
}

/* Its length first, so that no two lists of parts give the same words. */
void nh_add(struct nh *h, struct str part)
{
    const size_t words = 2 + (part.n + 15) / 16 * 2;
    if (part.n > NH_MAX || words >= NH_WORDS - h->n_words) {
        h->n_words = NH_WORDS;
        return;
    }
    const uint64_t *key = h->key->words + h->n_words;
    const char *p = part.p, *end = p + part.n / 16 * 16;
    unsigned __int128 sum = h->sum + product(key, part.n, 0);
    key += 2;
    for (; end - p >= 64; p += 64, key += 8)
        sum += pair(key, p) + pair(key + 2, p + 16) + pair(key + 4, p + 32) + pair(key + 6, p + 48);
    for (; p < end; p += 16, key += 2)
        sum += pair(key, p);
    if (part.n % 16)
        sum += last_pair(key, part);
    h->sum = sum;
    h->n_words += words;
}

uint64_t nh_name(const struct nh *h)
{
    const unsigned __int128 *k = h->key->close;
    if (h->n_words == NH_WORDS)
        return 0;
    const uint64_t name = (uint64_t)((k[0] + k[1] * (uint64_t)h->sum +
                                      k[2] * (uint64_t)(h->sum >> 64) + k[3] * h->n_words) >>
                                     64);
    return name ? name : 1;
}
