#include "net/ticket.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

#include "base/err.h"
#include "base/sys.h"

void ticket_set(struct tickets *t, const struct ticket_key *keys, size_t n)
{
    BUG_ON(n == 0 || n > TICKET_KEYS_MAX);
    pthread_mutex_lock(&t->lock);
    memcpy(t->keys, keys, n * sizeof *keys);
    t->n = n;
    pthread_mutex_unlock(&t->lock);
}

size_t ticket_get(struct tickets *t, struct ticket_key out[TICKET_KEYS_MAX])
{
    pthread_mutex_lock(&t->lock);
    size_t n = t->n;
    memcpy(out, t->keys, n * sizeof *out);
    pthread_mutex_unlock(&t->lock);
    return n;
}

/* The index of a key, or -1. */
static int take(struct tickets *t, const uint8_t *name, struct ticket_key *out)
{
    int found = -1;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->n && found < 0; i++)
        if (!name || memcmp(t->keys[i].name, name, TICKET_NAME_LEN) == 0)
            found = (int)i;
    if (found >= 0)
        *out = t->keys[found];
    pthread_mutex_unlock(&t->lock);
    return found;
}

static bool set_mac(struct evp_mac_ctx_st *mac, struct ticket_key *key)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof key->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

int ticket_seal(struct tickets *t, uint8_t name[TICKET_NAME_LEN], uint8_t iv[TICKET_IV_LEN],
                struct evp_cipher_ctx_st *cipher, struct evp_mac_ctx_st *mac)
{
    struct ticket_key key;
    if (take(t, NULL, &key) < 0)
        return -1;
    memcpy(name, key.name, TICKET_NAME_LEN);
    sys_random(iv, TICKET_IV_LEN);
    bool is_set = EVP_EncryptInit_ex2(cipher, EVP_aes_256_cbc(), key.cipher, iv, NULL) == 1 &&
                  set_mac(mac, &key);
    OPENSSL_cleanse(&key, sizeof key);
    return is_set ? 1 : -1;
}

int ticket_open(struct tickets *t, const uint8_t name[TICKET_NAME_LEN],
                const uint8_t iv[TICKET_IV_LEN], struct evp_cipher_ctx_st *cipher,
                struct evp_mac_ctx_st *mac)
{
    struct ticket_key key;
    int found = take(t, name, &key);
    if (found < 0)
        return 0;
    bool is_set = EVP_DecryptInit_ex2(cipher, EVP_aes_256_cbc(), key.cipher, iv, NULL) == 1 &&
                  set_mac(mac, &key);
    OPENSSL_cleanse(&key, sizeof key);
    return !is_set ? -1 : found == 0 ? 1 : 2;
}
