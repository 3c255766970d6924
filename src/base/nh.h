/* NH, the almost-universal hash of UMAC (RFC 4418) on 64-bit words, closed by a multiply-shift
 * hash: a keyed name of several parts of text, for a fifth of what SipHash costs. Two different
 * lists of parts have the same name by one chance in 2^64 or so, whoever chose them, as long as he
 * never sees a name. For what stays in this process; not for authentication. Any thread. */
#ifndef BW_BASE_NH_H
#define BW_BASE_NH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"

/* For about as many bytes of all parts together, less 32 for each. */
enum { NH_WORDS = 384, NH_MAX = 8 * NH_WORDS };

struct nh_key {
    unsigned __int128 close[4];
    uint64_t words[NH_WORDS];
};

struct nh {
    const struct nh_key *key;
    unsigned __int128 sum;
    size_t n_words; /* NH_WORDS: more than the key is for */
};

/* Derived from another key, which is not to be used for anything that is shown. */
void nh_key_init(struct nh_key *out, const struct hash_key *from);

void nh_init(struct nh *h, const struct nh_key *key);
void nh_add(struct nh *h, struct str part);

/* 0: it was too long. */
uint64_t nh_name(const struct nh *h);

#endif
