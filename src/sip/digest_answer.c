#include "sip/digest_answer.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/err.h"

static const struct {
    struct str name;      /* RFC 7616 6.1 */
    const char *provider; /* what the library calls it */
} algorithms[DIGEST_ALGORITHM_MAX] = {
    [DIGEST_MD5] = {{"MD5", 3}, "MD5"},
    [DIGEST_SHA_256] = {{"SHA-256", 7}, "SHA2-256"},
    [DIGEST_SHA_512_256] = {{"SHA-512-256", 11}, "SHA2-512/256"},
};

struct digest_answer {
    EVP_MD *kinds[DIGEST_ALGORITHM_MAX];        /* NULL: not offered */
    EVP_MD_CTX *contexts[DIGEST_ALGORITHM_MAX]; /* one each: a change of algorithm allocates */
};

int digest_answer_new(struct digest_answer **out)
{
    struct digest_answer *d = calloc(1, sizeof *d);
    if (!d)
        return ERR_NOMEM;
    bool is_whole = true;
    for (int i = 0; i < DIGEST_ALGORITHM_MAX; i++) {
        d->kinds[i] = EVP_MD_fetch(NULL, algorithms[i].provider, NULL);
        d->contexts[i] = EVP_MD_CTX_new();
        is_whole = is_whole && d->contexts[i];
    }
    if (is_whole)
        *out = d;
    else
        digest_answer_free(d);
    return is_whole ? 0 : ERR_NOMEM;
}

void digest_answer_free(struct digest_answer *d)
{
    if (!d)
        return;
    for (int i = 0; i < DIGEST_ALGORITHM_MAX; i++) {
        EVP_MD_free(d->kinds[i]);
        EVP_MD_CTX_free(d->contexts[i]);
    }
    free(d);
}

bool digest_answer_algorithm(struct str name, enum digest_algorithm *out)
{
    *out = DIGEST_MD5;
    if (str_is_none(name))
        return true;
    for (int i = 0; i < DIGEST_ALGORITHM_MAX; i++) {
        if (!str_ieq(name, algorithms[i].name))
            continue;
        *out = (enum digest_algorithm)i;
        return true;
    }
    return false;
}

struct str digest_answer_algorithm_name(enum digest_algorithm algorithm)
{
    return algorithms[algorithm].name;
}

/* ---------------------------------------------------------------- hashing */

/* Hex digits of the hash over the parts with a colon between each two. */
static int hash(struct digest_answer *d, enum digest_algorithm algorithm, const struct str *parts,
                size_t n_parts, struct digest_hex *out)
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned n_raw = 0;
    EVP_MD_CTX *context = d->contexts[algorithm];
    if (!d->kinds[algorithm] || EVP_DigestInit_ex2(context, d->kinds[algorithm], NULL) != 1)
        return ERR_ABSENT;
    bool is_fine = true;
    for (size_t i = 0; i < n_parts; i++) {
        is_fine = is_fine && (i == 0 || EVP_DigestUpdate(context, ":", 1) == 1);
        is_fine = is_fine && EVP_DigestUpdate(context, parts[i].p, parts[i].n) == 1;
    }
    if (!is_fine || EVP_DigestFinal_ex(context, raw, &n_raw) != 1)
        return ERR_ABSENT;
    struct buf hex = buf_over(out->text, sizeof out->text);
    buf_add_hex(&hex, raw, n_raw);
    BUG_ON(hex.has_overflown);
    out->n = hex.len;
    return 0;
}

int digest_answer_ha1(struct digest_answer *d, enum digest_algorithm algorithm,
                      const struct digest_account *account, struct digest_hex *out)
{
    const struct str parts[] = {account->user, account->realm, account->password};
    return hash(d, algorithm, parts, 3, out);
}

int digest_answer_userhash(struct digest_answer *d, enum digest_algorithm algorithm,
                           const struct digest_account *account, struct digest_hex *out)
{
    const struct str parts[] = {account->user, account->realm};
    return hash(d, algorithm, parts, 2, out);
}

static bool has_qop(const struct digest_credentials *c)
{
    return c->qop.n > 0;
}

static void print_count(uint32_t count, char text[8])
{
    const uint8_t raw[4] = {(uint8_t)(count >> 24), (uint8_t)(count >> 16), (uint8_t)(count >> 8),
                            (uint8_t)count};
    struct buf hex = buf_over(text, 8);
    buf_add_hex(&hex, raw, sizeof raw);
}

static struct str hex_str(const struct digest_hex *h)
{
    return (struct str){h->text, h->n};
}

/* H(A2): of the method and the URI, and with auth-int of the body. */
static int hash_request(struct digest_answer *d, enum digest_algorithm algorithm,
                        const struct digest_request *request,
                        const struct digest_credentials *credentials, struct digest_hex *out)
{
    struct digest_hex body;
    struct str parts[] = {request->method, credentials->uri, STR_NONE};
    if (!str_ieq(credentials->qop, STR("auth-int")))
        return hash(d, algorithm, parts, 2, out);
    int err = hash(d, algorithm, &request->body, 1, &body);
    parts[2] = hex_str(&body);
    return err ? err : hash(d, algorithm, parts, 3, out);
}

int digest_answer_response(struct digest_answer *d, const struct digest_secret *secret,
                           const struct digest_request *request,
                           const struct digest_credentials *credentials, struct digest_hex *out)
{
    const struct digest_credentials *c = credentials;
    struct digest_hex ha2;
    int err = hash_request(d, secret->algorithm, request, c, &ha2);
    if (err)
        return err;
    if (!has_qop(c)) {
        const struct str parts[] = {secret->ha1, c->nonce, hex_str(&ha2)};
        return hash(d, secret->algorithm, parts, 3, out);
    }
    char text[8];
    print_count(c->nonce_count, text);
    struct str count = str_is_none(c->count_text) ? (struct str){text, sizeof text} : c->count_text;
    const struct str parts[] = {secret->ha1, c->nonce, count, c->cnonce, c->qop, hex_str(&ha2)};
    return hash(d, secret->algorithm, parts, 6, out);
}

int digest_answer_session(struct digest_answer *d, const struct digest_secret *secret,
                          const struct digest_credentials *credentials, struct digest_hex *out)
{
    const struct str parts[] = {secret->ha1, credentials->nonce, credentials->cnonce};
    return hash(d, secret->algorithm, parts, 3, out);
}

bool digest_answer_is_equal(const struct digest_hex *want, struct str got)
{
    char lower[DIGEST_HEX_MAX];
    if (got.n != want->n)
        return false;
    for (size_t i = 0; i < got.n; i++)
        lower[i] = ascii_lower(got.p[i]);
    return CRYPTO_memcmp(lower, want->text, want->n) == 0;
}

/* ---------------------------------------------------------------- printing */

static void add_quoted(struct buf *out, struct str name, struct str value)
{
    if (str_is_none(value))
        return;
    buf_add(out, name);
    buf_add(out, STR("=\""));
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '"' || value.p[i] == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, value.p[i]);
    }
    buf_add_char(out, '"');
}

static void add_bare(struct buf *out, struct str name, struct str value)
{
    if (str_is_none(value))
        return;
    buf_add(out, name);
    buf_add(out, value);
}

void digest_answer_print(const struct digest_credentials *credentials, struct buf *out)
{
    const struct digest_credentials *c = credentials;
    add_quoted(out, STR("Digest username"), c->username);
    add_quoted(out, STR(", realm"), c->realm);
    add_quoted(out, STR(", nonce"), c->nonce);
    add_quoted(out, STR(", uri"), c->uri);
    add_quoted(out, STR(", response"), c->response);
    add_bare(out, STR(", algorithm="), c->algorithm);
    add_quoted(out, STR(", opaque"), c->opaque);
    if (!has_qop(c))
        return;
    char count[8];
    print_count(c->nonce_count, count);
    add_bare(out, STR(", qop="), c->qop);
    add_bare(out, STR(", nc="), (struct str){count, sizeof count});
    add_quoted(out, STR(", cnonce"), c->cnonce);
}
