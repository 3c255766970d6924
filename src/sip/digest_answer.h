/* The arithmetic of digest authentication (RFC 7616 3.4, RFC 8760): what a client answers to a
 * challenge, and what a server expects. qop "auth", "auth-int" or none (RFC 2069's form). One
 * thread at a time for one struct digest_answer. */
#ifndef BW_SIP_DIGEST_ANSWER_H
#define BW_SIP_DIGEST_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"
#include "sip/digest.h"

enum digest_algorithm { DIGEST_MD5, DIGEST_SHA_256, DIGEST_SHA_512_256, DIGEST_ALGORITHM_MAX };

/* A hash in lower-case hexadecimal: 32 digits for MD5, else 64. Not NUL-terminated. */
enum { DIGEST_HEX_MAX = 64 };

struct digest_hex {
    char text[DIGEST_HEX_MAX];
    size_t n;
};

/* The library's state, fetched once and used again: half the cost of a hash. */
struct digest_answer;

/* 0; ERR_NOMEM, also where the library refuses to start. */
int digest_answer_new(struct digest_answer **out);

/* NULL is legal. */
void digest_answer_free(struct digest_answer *d);

/* The algorithm of a challenge or credentials, any case; none means MD5 (RFC 7616 3.3). False: one
 * that is not offered here. */
bool digest_answer_algorithm(struct str name, enum digest_algorithm *out);
struct str digest_answer_algorithm_name(enum digest_algorithm algorithm);

/* Who asks, for H(A1). All un-quoted. */
struct digest_account {
    struct str user, realm, password;
};

/* H(A1) = H(user:realm:password). ERR_ABSENT: the library does not offer this algorithm (MD5 under
 * FIPS rules). */
int digest_answer_ha1(struct digest_answer *d, enum digest_algorithm algorithm,
                      const struct digest_account *account, struct digest_hex *out);

/* What a client says in place of the user where the server knows userhash (RFC 7616 3.4.4). The
 * account's password is not looked at. ERR_ABSENT as above. */
int digest_answer_userhash(struct digest_answer *d, enum digest_algorithm algorithm,
                           const struct digest_account *account, struct digest_hex *out);

/* What the credentials stand in. */
struct digest_request {
    struct str method;
    struct str body; /* counts with qop auth-int only; may be none */
};

struct digest_secret {
    enum digest_algorithm algorithm;
    struct str ha1; /* hexadecimal digits of that algorithm */
};

/* The response to put into, or to expect in, credentials: their nonce, uri, qop, nonce_count (as
 * count_text has it, if that is there) and cnonce count, the rest is not looked at. qop none or
 * empty: the form without it. ERR_ABSENT as above. */
int digest_answer_response(struct digest_answer *d, const struct digest_secret *secret,
                           const struct digest_request *request,
                           const struct digest_credentials *credentials, struct digest_hex *out);

/* The H(A1) of a "-sess" algorithm (RFC 7616 3.4.2): secret->ha1 bound to the nonce and the cnonce
 * with which the session began. ERR_ABSENT as above. */
int digest_answer_session(struct digest_answer *d, const struct digest_secret *secret,
                          const struct digest_credentials *credentials, struct digest_hex *out);

/* Equal without regard to case, in a time that tells nothing of where they differ. */
bool digest_answer_is_equal(const struct digest_hex *want, struct str got);

/* Appends the value of an Authorization header: "Digest username=…". Parameters that are none are
 * left out; qop brings nc and cnonce. */
void digest_answer_print(const struct digest_credentials *credentials, struct buf *out);

#endif
