#include "service/gruuseal.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "service/seal.h"

enum { NONCE = 12, CLAIM = 24, TAG = 16, SEALED = NONCE + CLAIM + TAG };

struct gruuseal {
    struct seal *seal; /* of the nonces */
    EVP_CIPHER *kind;
    EVP_CIPHER_CTX *closing, *opening;
};

/* A key of its own for each use. */
static bool set_keys(struct gruuseal *s, const struct token_key *key)
{
    uint8_t cipher[TOKEN_MAC_LEN];
    struct token_key nonces = {.id = key->id};
    const struct str of_cipher = STR("gruu-cipher"), of_nonces = STR("gruu-nonces");
    bool is_set = sizeof nonces.bytes == TOKEN_MAC_LEN &&
                  token_mac(key, &of_nonces, 1, nonces.bytes) &&
                  token_mac(key, &of_cipher, 1, cipher) && seal_new(&nonces, &s->seal) == 0 &&
                  EVP_EncryptInit_ex2(s->closing, s->kind, cipher, NULL, NULL) == 1 &&
                  EVP_DecryptInit_ex2(s->opening, s->kind, cipher, NULL, NULL) == 1;
    OPENSSL_cleanse(cipher, sizeof cipher);
    OPENSSL_cleanse(&nonces, sizeof nonces);
    return is_set;
}

int gruuseal_new(const struct token_key *key, struct gruuseal **out)
{
    struct gruuseal *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    s->kind = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    s->closing = EVP_CIPHER_CTX_new();
    s->opening = EVP_CIPHER_CTX_new();
    if (!s->kind || !s->closing || !s->opening || !set_keys(s, key)) {
        gruuseal_free(s);
        return ERR_NOMEM;
    }
    *out = s;
    return 0;
}

void gruuseal_free(struct gruuseal *s)
{
    if (!s)
        return;
    seal_free(s->seal);
    EVP_CIPHER_CTX_free(s->closing);
    EVP_CIPHER_CTX_free(s->opening);
    EVP_CIPHER_free(s->kind);
    free(s);
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

static bool make_nonce(struct gruuseal *s, const uint8_t claim[CLAIM], uint64_t request,
                       uint8_t out[NONCE])
{
    uint8_t number[8], mac[TOKEN_MAC_LEN];
    put_u64(number, request);
    const struct str parts[] = {{(const char *)claim, CLAIM}, {(const char *)number, 8}};
    bool is_made = seal_make(s->seal, parts, 2, mac);
    memcpy(out, mac, NONCE);
    return is_made;
}

bool gruuseal_close(struct gruuseal *s, struct str domain, const struct gruu_claim *claim,
                    uint64_t request, char out[GRUUSEAL_LEN])
{
    uint8_t plain[CLAIM], sealed[SEALED];
    int n = 0, n_last = 0;
    put_u64(plain, claim->upreg_id);
    put_u64(plain + 8, claim->instance);
    put_u64(plain + 16, claim->call_id);
    bool is_made =
        make_nonce(s, plain, request, sealed) &&
        EVP_EncryptInit_ex2(s->closing, NULL, NULL, sealed, NULL) == 1 &&
        EVP_EncryptUpdate(s->closing, NULL, &n, (const unsigned char *)domain.p, (int)domain.n) ==
            1 &&
        EVP_EncryptUpdate(s->closing, sealed + NONCE, &n, plain, CLAIM) == 1 &&
        EVP_EncryptFinal_ex(s->closing, sealed + NONCE + CLAIM, &n_last) == 1 &&
        n + n_last == CLAIM &&
        EVP_CIPHER_CTX_ctrl(s->closing, EVP_CTRL_AEAD_GET_TAG, TAG, sealed + NONCE + CLAIM) == 1;
    struct buf text = buf_over(out, GRUUSEAL_LEN);
    if (is_made)
        buf_add_hex(&text, sealed, sizeof sealed);
    return is_made;
}

static bool read_hex(struct str text, uint8_t out[SEALED])
{
    if (text.n != GRUUSEAL_LEN)
        return false;
    for (size_t i = 0; i < SEALED; i++) {
        int high = ascii_hex(text.p[2 * i]), low = ascii_hex(text.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool gruuseal_open(struct gruuseal *s, struct str domain, struct str text, struct gruu_claim *out)
{
    uint8_t sealed[SEALED], plain[CLAIM];
    int n = 0, n_last = 0;
    if (!read_hex(text, sealed) || EVP_DecryptInit_ex2(s->opening, NULL, NULL, sealed, NULL) != 1 ||
        EVP_DecryptUpdate(s->opening, NULL, &n, (const unsigned char *)domain.p, (int)domain.n) !=
            1 ||
        EVP_DecryptUpdate(s->opening, plain, &n, sealed + NONCE, CLAIM) != 1 ||
        EVP_CIPHER_CTX_ctrl(s->opening, EVP_CTRL_AEAD_SET_TAG, TAG, sealed + NONCE + CLAIM) != 1 ||
        EVP_DecryptFinal_ex(s->opening, plain + CLAIM, &n_last) != 1 || n + n_last != CLAIM)
        return false;
    *out = (struct gruu_claim){get_u64(plain), get_u64(plain + 8), get_u64(plain + 16)};
    return true;
}
