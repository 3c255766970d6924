/* A challenge as a demand on a client: which of those in a 401 or 407 it can answer at all, and the
 * answer (RFC 3261 22.2, 22.3, RFC 7616, RFC 8760). Pure; one thread at a time for one struct
 * digest_answer. */
#ifndef BW_SIP_DEMAND_H
#define BW_SIP_DEMAND_H

#include "sip/digest_answer.h"
#include "sip/msg.h"

/* More in one response are not looked at. */
enum { DEMAND_MAX = 16 };

struct demand {
    struct digest_challenge digest;
    enum digest_algorithm algorithm; /* the higher, the stronger */
    bool is_session;                 /* "-sess" */
    struct str qop;                  /* to answer with, a constant: auth, else auth-int; or none */
    bool is_proxy;                   /* of a Proxy-Authenticate */
};

/* Those of a response that could be answered, in its order: Digest, with an algorithm that is known
 * and qop auth, auth-int or none. How many; what they point to is in the arena. */
size_t demand_read(struct arena *a, const struct msg *m, struct demand out[DEMAND_MAX]);

/* Who answers: by password, or by H(A1) in lower-case hex for the challenge's algorithm. */
struct demand_account {
    struct str user, password, ha1; /* one of the two is none */
};

/* What the answer is for. */
struct demand_request {
    struct str method, uri;
    struct str cnonce; /* the same for all answers to one nonce */
    uint32_t count;    /* of answers to the nonce, this one included */
    struct str body;   /* counts with qop auth-int only; may be none */
};

/* Appends the value of an Authorization or Proxy-Authorization header. Copies of the H(A1) on the
 * stack are wiped. ERR_ABSENT: the library does not offer the algorithm. */
int demand_answer(struct digest_answer *d, const struct demand *c,
                  const struct demand_account *account, const struct demand_request *q,
                  struct buf *out);

/* The nextnonce of an Authentication-Info (or, is_proxy, Proxy-Authentication-Info) header of a
 * response (RFC 7616 3.5), in the arena; none: there is none. */
struct str demand_next_nonce(struct arena *a, const struct msg *m, bool is_proxy);

#endif
