/* Opaque tokens by which our own Contact upstream is known again: the id of an upstream
 * registration under an HMAC with a key id. [a-z0-9], at most 40 characters, the same after a
 * restart as long as the key is (architecture, section 5). And the identifiers of the one sequence
 * that we speak upstream (D32). Pure; any thread. */
#ifndef BW_CORE_TOKEN_H
#define BW_CORE_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"
#include "sip/uri.h"

enum { TOKEN_KEY_LEN = 32, TOKEN_LEN = 31, TOKEN_CALL_ID_LEN = 32, TOKEN_TAG_LEN = 16 };

struct token_key {
    uint8_t id; /* its first character in the token says which key: 0…35 */
    uint8_t bytes[TOKEN_KEY_LEN];
};

/* Those below that give a str give none when memory is exhausted. */

/* HMAC-SHA256 over parts, each behind its length. False: out of memory. */
enum { TOKEN_MAC_LEN = 32 };
bool token_mac(const struct token_key *key, const struct str *parts, size_t n,
               uint8_t out[TOKEN_MAC_LEN]);

/* Five bits a character, the highest first, in 0-9 and a-v: bits beyond the characters are left
 * out. Backwards the last byte is filled with zero bits, and there is one more of them than is
 * full. Any case of letters; false: another character. */
void token_print_bits(const uint8_t *bytes, char *out, size_t n_chars);
bool token_parse_bits(struct str s, uint8_t *out);

/* A key for keyed hashes, another one for each purpose: the same on every worker and after a
 * restart. False: out of memory. */
bool token_hash_key(const struct token_key *key, struct str purpose, struct hash_key *out);

/* The token of an upstream registration's id: the key's id, then in base 32 the id and 86 bits of
 * its HMAC. */
struct str token_print(const struct token_key *key, uint64_t id, char out[TOKEN_LEN]);

/* Verifies in constant time. False: not one of ours under this key. Any case of letters, for
 * registrars that change it. */
bool token_parse(const struct token_key *key, struct str token, uint64_t *id);

/* The one that stands in a URI of ours: in its parameter bw, or in the user part behind t-. False:
 * none. */
bool token_find(const struct token_key *key, const struct uri *u, uint64_t *id);

/* Call-ID and From tag upstream for a registration: HMAC of domain, AoR and device (empty in
 * aor-throttle; else the instance-id, or the phone's Call-ID), so that every node and every start
 * agrees without stored state. epoch: raised when the CSeq would wrap (D33). */
struct str token_call_id(const struct token_key *key, struct str aor, struct str device,
                         uint32_t epoch, char out[TOKEN_CALL_ID_LEN]);
struct str token_from_tag(const struct token_key *key, struct str call_id, char out[TOKEN_TAG_LEN]);

/* CSeq upstream: more than the last one, and at least the seconds since 2026-01-01, so it rises
 * across a crash and a restored state. Below 2^31; 0: used up, raise the epoch and begin with last
 * = 0 (D33). */
uint32_t token_cseq(uint32_t last, uint64_t service_s);

#endif
