#include "service/seal.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

#include "base/err.h"

struct seal {
    EVP_MAC *kind;
    EVP_MAC_CTX *context;
    struct token_key key;
};

static bool has_digest(struct seal *s)
{
    char sha256[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha256, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(s->context, params) == 1;
}

int seal_new(const struct token_key *key, struct seal **out)
{
    struct seal *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    s->key = *key;
    s->kind = EVP_MAC_fetch(NULL, "HMAC", NULL);
    s->context = s->kind ? EVP_MAC_CTX_new(s->kind) : NULL;
    if (!s->context || !has_digest(s)) {
        seal_free(s);
        return ERR_NOMEM;
    }
    *out = s;
    return 0;
}

void seal_free(struct seal *s)
{
    if (!s)
        return;
    EVP_MAC_CTX_free(s->context);
    EVP_MAC_free(s->kind);
    explicit_bzero(&s->key, sizeof s->key);
    free(s);
}

static bool feed(EVP_MAC_CTX *context, struct str part)
{
    uint8_t len[8];
    for (size_t i = 0, n = part.n; i < sizeof len; i++, n >>= 8)
        len[i] = (uint8_t)n;
    return EVP_MAC_update(context, len, sizeof len) == 1 &&
           EVP_MAC_update(context, (const unsigned char *)part.p, part.n) == 1;
}

bool seal_make(struct seal *s, const struct str *parts, size_t n, uint8_t out[TOKEN_MAC_LEN])
{
    size_t len = 0;
    /* with the key each time: without it some versions of the library begin with what was left */
    bool is_fine = EVP_MAC_init(s->context, s->key.bytes, sizeof s->key.bytes, NULL) == 1;
    for (size_t i = 0; i < n; i++)
        is_fine = is_fine && feed(s->context, parts[i]);
    is_fine = is_fine && EVP_MAC_final(s->context, out, &len, TOKEN_MAC_LEN) == 1;
    if (!is_fine)
        memset(out, 0, TOKEN_MAC_LEN);
    return is_fine;
}
