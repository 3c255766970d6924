#include "core/token.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdatomic.h>

#include "base/err.h"

/* One for the process, fetched at the first use and never freed: a fetch takes locks. */
static _Atomic(EVP_MAC *) hmac;

enum { CSEQ_MAX = 0x7fffffff };

/* 2026-01-01T00:00:00Z. */
static const uint64_t cseq_epoch_s = 1767225600;

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

/* ---------------------------------------------------------------- text */

void token_print_bits(const uint8_t *bytes, char *out, size_t n_chars)
{
    unsigned acc = 0, n_bits = 0;
    for (size_t i = 0; i < n_chars; i++) {
        if (n_bits < 5) {
            acc = (acc << 8 | *bytes++) & 0xfff;
            n_bits += 8;
        }
        n_bits -= 5;
        out[i] = digits[acc >> n_bits & 31];
    }
}

/* The value of a character in any case, or -1. */
static int digit_of(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    return ascii_is_alpha(c) ? ascii_lower(c) - 'a' + 10 : -1;
}

bool token_parse_bits(struct str s, uint8_t *out)
{
    unsigned acc = 0, n_bits = 0;
    for (size_t i = 0; i < s.n; i++) {
        int v = digit_of(s.p[i]);
        if (v < 0 || v > 31)
            return false;
        acc = (acc << 5 | (unsigned)v) & 0xfff;
        n_bits += 5;
        if (n_bits >= 8) {
            n_bits -= 8;
            *out++ = (uint8_t)(acc >> n_bits);
        }
    }
    *out = (uint8_t)(acc << (8 - n_bits));
    return true;
}

static void put_u64(uint8_t out[8], uint64_t v)
{
    for (int i = 7; i >= 0; i--, v >>= 8)
        out[i] = (uint8_t)v;
}

static uint64_t get_u64(const uint8_t in[8])
{
    uint64_t v = 0;
    for (int i = 0; i < 8; i++)
        v = v << 8 | in[i];
    return v;
}

/* ---------------------------------------------------------------- HMAC */

static EVP_MAC *hmac_get(void)
{
    EVP_MAC *m = atomic_load(&hmac);
    if (m)
        return m;
    EVP_MAC *fetched = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (!fetched || atomic_compare_exchange_strong(&hmac, &m, fetched))
        return fetched;
    EVP_MAC_free(fetched);
    return m;
}

/* Each part goes in behind its length, so that no two lists of parts read the same. */
static bool feed(EVP_MAC_CTX *ctx, const struct str *parts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t len[8];
        put_u64(len, parts[i].n);
        if (!EVP_MAC_update(ctx, len, sizeof len) ||
            !EVP_MAC_update(ctx, (const unsigned char *)parts[i].p, parts[i].n))
            return false;
    }
    return true;
}

bool token_mac(const struct token_key *key, const struct str *parts, size_t n,
               uint8_t out[TOKEN_MAC_LEN])
{
    char sha256[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *m = hmac_get();
    EVP_MAC_CTX *ctx = m ? EVP_MAC_CTX_new(m) : NULL;
    size_t len = 0;
    bool is_done = ctx && EVP_MAC_init(ctx, key->bytes, sizeof key->bytes, params) &&
                   feed(ctx, parts, n) && EVP_MAC_final(ctx, out, &len, TOKEN_MAC_LEN) &&
                   len == TOKEN_MAC_LEN;
    EVP_MAC_CTX_free(ctx);
    return is_done;
}

bool token_hash_key(const struct token_key *key, struct str purpose, struct hash_key *out)
{
    uint8_t full[TOKEN_MAC_LEN];
    const struct str parts[] = {STR("hash-key"), purpose};
    if (!token_mac(key, parts, 2, full))
        return false;
    *out = (struct hash_key){get_u64(full), get_u64(full + 8)};
    return true;
}

/* ---------------------------------------------------------------- tokens */

/* 30 characters carry 150 bits: the id and 86 bits of its HMAC. */
enum { BODY_LEN = 19, BODY_MAC_LEN = 11, LAST_BITS = 0xfc };

static bool fill_body(const struct token_key *key, uint64_t id, uint8_t body[BODY_LEN])
{
    uint8_t full[TOKEN_MAC_LEN];
    put_u64(body, id);
    const struct str parts[] = {STR("token"), {(const char *)body, 8}};
    if (!token_mac(key, parts, 2, full))
        return false;
    memcpy(body + 8, full, BODY_MAC_LEN);
    body[BODY_LEN - 1] &= LAST_BITS;
    return true;
}

struct str token_print(const struct token_key *key, uint64_t id, char out[TOKEN_LEN])
{
    uint8_t body[BODY_LEN];
    BUG_ON(key->id > 35);
    if (!fill_body(key, id, body))
        return STR_NONE;
    out[0] = digits[key->id];
    token_print_bits(body, out + 1, TOKEN_LEN - 1);
    return (struct str){out, TOKEN_LEN};
}

bool token_parse(const struct token_key *key, struct str token, uint64_t *id)
{
    uint8_t got[BODY_LEN] = {0}, want[BODY_LEN];
    if (token.n != TOKEN_LEN || digit_of(*token.p) != key->id ||
        !token_parse_bits(str_skip(token, 1), got))
        return false;
    uint64_t claimed = get_u64(got);
    if (!fill_body(key, claimed, want) || CRYPTO_memcmp(got, want, BODY_LEN) != 0)
        return false;
    *id = claimed;
    return true;
}

bool token_find(const struct token_key *key, const struct uri *u, uint64_t *id)
{
    struct str token;
    const bool has_room = u->params.n > TOKEN_LEN; /* most URIs have none, nor room for one */
    if (has_room && uri_param(u, STR("bw"), &token) && token_parse(key, token, id))
        return true;
    return str_has_iprefix(u->user, STR("t-")) && token_parse(key, str_skip(u->user, 2), id);
}

/* ---------------------------------------------------------------- the sequence upstream */

struct str token_call_id(const struct token_key *key, struct str aor, struct str device,
                         uint32_t epoch, char out[TOKEN_CALL_ID_LEN])
{
    uint8_t number[8], full[TOKEN_MAC_LEN];
    put_u64(number, epoch);
    const struct str parts[] = {STR("call-id"), aor, device, {(const char *)number, 8}};
    if (!token_mac(key, parts, 4, full))
        return STR_NONE;
    token_print_bits(full, out, TOKEN_CALL_ID_LEN);
    return (struct str){out, TOKEN_CALL_ID_LEN};
}

struct str token_from_tag(const struct token_key *key, struct str call_id, char out[TOKEN_TAG_LEN])
{
    uint8_t full[TOKEN_MAC_LEN];
    const struct str parts[] = {STR("from-tag"), call_id};
    if (!token_mac(key, parts, 2, full))
        return STR_NONE;
    token_print_bits(full, out, TOKEN_TAG_LEN);
    return (struct str){out, TOKEN_TAG_LEN};
}

uint32_t token_cseq(uint32_t last, uint64_t service_s)
{
    uint64_t clock = service_s > cseq_epoch_s ? service_s - cseq_epoch_s : 0;
    uint64_t next = (uint64_t)last + 1;
    if (next > CSEQ_MAX)
        return 0;
    if (clock > CSEQ_MAX)
        clock = CSEQ_MAX;
    return (uint32_t)(clock > next ? clock : next);
}
