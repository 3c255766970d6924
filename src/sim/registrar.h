/* What a registrar answers: REGISTER by RFC 3261 10.3 with digest challenges (RFC 7616, RFC 8760),
 * OPTIONS with 200, anything else with 405. Knows no sockets and no clock. One thread. */
#ifndef BW_SIM_REGISTRAR_H
#define BW_SIM_REGISTRAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "sim/location.h"
#include "sip/digest_answer.h"

struct arena;
struct registrar;

enum { REGISTRAR_ACCOUNTS_MAX = 64, REGISTRAR_REFUSALS_MAX = 16 };

/* The place in registrar_challenge_words. */
enum registrar_challenge {
    CHALLENGE_AUTO, /* always where there is a password, else never */
    CHALLENGE_ALWAYS,
    CHALLENGE_NEVER,
    CHALLENGE_ONCE /* always, and each nonce is good for one request */
};

extern const char *const registrar_challenge_words[];

struct registrar_account {
    struct str user, password;
};

struct registrar_refusal {
    uint32_t status;
    char user[64]; /* empty: every user's */
};

struct registrar_conf {
    const char *domain;   /* NULL: any */
    const char *password; /* of users without an account; NULL: they have none */
    struct registrar_account accounts[REGISTRAR_ACCOUNTS_MAX];
    size_t n_accounts;
    uint32_t challenge;                                     /* enum registrar_challenge */
    enum digest_algorithm algorithms[DIGEST_ALGORITHM_MAX]; /* offered, the preferred one first */
    size_t n_algorithms;
    uint32_t nonce_life_s;
    struct location_conf location;
    struct registrar_refusal refusals[REGISTRAR_REFUSALS_MAX];
    size_t n_refusals;
    uint32_t retry_after_s;    /* in refusals; 0: none */
    const char *service_route; /* a URI, or NULL (RFC 3608) */
    bool ignores_path;         /* not stored, not returned (RFC 3327) */
};

struct registrar_stats {
    uint64_t requests, registers, ok, challenges, refusals, other;
};

/* What became of one request. Slices live as long as the arena and the message. */
struct registrar_outcome {
    struct str reply;
    bool is_register;
    unsigned status;
    struct str aor, call_id;
    uint32_t cseq;
    const struct contact *contacts;
    size_t n_contacts;
    int64_t expires_s; /* of the Expires header; CONTACT_NO_EXPIRES */
    struct str path;
    bool has_credentials;
};

/* conf stays the caller's, and may change between two requests. ERR_NOMEM. */
int registrar_new(const struct registrar_conf *conf, uint64_t now_ms, struct registrar **out);

/* NULL is legal. */
void registrar_free(struct registrar *r);

/* 0: *out is set; ERR_ABSENT: nothing to be answered (a response, an ACK, not SIP); ERR_NOMEM. */
int registrar_answer(struct registrar *r, struct arena *a, struct str bytes,
                     const struct addr *source, struct registrar_outcome *out);

/* Before registrar_answer: what time it is. Bindings expire. */
void registrar_advance(struct registrar *r, uint64_t now_ms);

/* "STATUS" or "STATUS:USER": 300…699; "off" forgets them all. ERR_PARSE, ERR_FULL. */
int registrar_add_refusal(struct registrar_conf *conf, const char *text);

struct location *registrar_location(struct registrar *r);
const struct registrar_stats *registrar_stats(const struct registrar *r);

#endif
