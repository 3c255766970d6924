/* Our own challenges and the answers to them, for domains with authentication = local (RFC 3261 22,
 * RFC 7616, RFC 8760). Nothing here allocates but from the scratch arena. The worker's thread. */
#ifndef BW_SERVICE_AUTH_H
#define BW_SERVICE_AUTH_H

#include "service/context.h"
#include "sip/build.h"

struct auth;

/* nonce_key: for nonces, and for what nobody may know of users that there are not. ERR_NOMEM. */
int auth_new(const struct token_key *nonce_key, struct auth **out);

/* NULL is legal. */
void auth_free(struct auth *a);

enum { AUTH_LINES_MAX = 5 };

/* Who must have sent a request. */
struct auth_claim {
    const struct conf_domain *domain;
    struct str lines[AUTH_LINES_MAX]; /* AoRs, of which one has to be the user's own */
    size_t n_lines;                   /* 0: any user of the realm */
    struct str own;                   /* the line that is registered where the request comes from,
                                         which a ban spares; or none */
    bool is_proxy;                    /* 407 and Proxy-Authorization, else 401 and Authorization */
};

enum auth_verdict {
    AUTH_PROVEN,
    AUTH_UNPROVEN,   /* no answer, or one to a challenge that has aged: challenge it */
    AUTH_DISPROVEN,  /* a wrong answer: challenge it again */
    AUTH_OTHER_USER, /* a right one, of somebody whose line it is not */
    AUTH_BANNED      /* an answer of who is banned, and not in its own line's name: not judged */
};

struct auth_result {
    enum auth_verdict verdict;
    bool is_stale;   /* AUTH_UNPROVEN: the nonce was ours, but is good no more */
    size_t line;     /* AUTH_PROVEN: which of the claim's lines */
    struct str user; /* AUTH_PROVEN, AUTH_OTHER_USER: as in the credentials */
};

/* Judges a request, counts it and tells the guard; a right answer uses its nonce up. A user that
 * there is not costs what a wrong password costs. A client's certificate that names one of the
 * lines proves as much as an answer (RFC 5922). The verdict is in the result, too. */
enum auth_verdict auth_check(struct context *c, const struct packet *p, const struct msg *m,
                             const struct auth_claim *claim, struct auth_result *out);

/* The answer to what is not proven: a challenge for each algorithm, the strongest first; counted.
 */
struct build_reply auth_challenge(struct context *c, const struct packet *p,
                                  const struct auth_claim *claim, const struct auth_result *result);

/* Takes the answers to our challenges out of a request that goes on: they are nobody else's. */
void auth_strip(struct context *c, struct build *b);

/* A response of upstream to a caller who has proven himself to us wants from us what he has proven
 * already: with this realm, the domain's, he would answer us and not upstream. Raises the alarm.
 * Challenges of other realms are between the two (D86). realm none: never. */
bool auth_is_for_us(struct context *c, const struct msg *response, struct str realm);

#endif
