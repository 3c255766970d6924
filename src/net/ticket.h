/* The keys of our TLS tickets (RFC 5077), several generations of them: the newest one seals, each
 * opens what it has sealed. One set for all workers and listeners; who makes the keys and keeps
 * them over a restart is not told here. Any thread. */
#ifndef BW_NET_TICKET_H
#define BW_NET_TICKET_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;

enum { TICKET_NAME_LEN = 16, TICKET_IV_LEN = 16, TICKET_SECRET_LEN = 32 };

/* A key seals for a day, and opens for as long as any of its tickets is good. */
enum { TICKET_KEY_S = 86400, TICKET_LIFE_S = 7 * 86400, TICKET_KEYS_MAX = 9 };

struct ticket_key {
    uint64_t made_at_s;                /* service clock */
    uint8_t name[TICKET_NAME_LEN];     /* random; stands in the ticket */
    uint8_t cipher[TICKET_SECRET_LEN]; /* AES-256-CBC */
    uint8_t mac[TICKET_SECRET_LEN];    /* HMAC-SHA-256 */
};

/* Newest first. Zero but for the lock: there are none. */
struct tickets {
    pthread_mutex_t lock;
    size_t n;
    struct ticket_key keys[TICKET_KEYS_MAX];
    bool is_superseded; /* ticketfile's, under its lock: others are kept for the next start */
};

/* From now on these; n: 1 to TICKET_KEYS_MAX. */
void ticket_set(struct tickets *t, const struct ticket_key *keys, size_t n);

/* A copy of all; how many there are. */
size_t ticket_get(struct tickets *t, struct ticket_key out[TICKET_KEYS_MAX]);

/* What OpenSSL's callback for ticket keys is to return: -1: an error; 0: no such key; 1: done; 2:
 * done, and the ticket should be replaced. seal chooses name and IV, open is told them. */
int ticket_seal(struct tickets *t, uint8_t name[TICKET_NAME_LEN], uint8_t iv[TICKET_IV_LEN],
                struct evp_cipher_ctx_st *cipher, struct evp_mac_ctx_st *mac);
int ticket_open(struct tickets *t, const uint8_t name[TICKET_NAME_LEN],
                const uint8_t iv[TICKET_IV_LEN], struct evp_cipher_ctx_st *cipher,
                struct evp_mac_ctx_st *mac);

#endif
