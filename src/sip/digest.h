/* Digest challenges and credentials (RFC 7616), parsed by libosip2 on slices that were counted and
 * bounded first. Values are un-quoted copies in the arena; a parameter that is there with an empty
 * value is empty, not none. glue_init comes first; not between glue_enter and glue_leave. Any
 * thread. */
#ifndef BW_SIP_DIGEST_H
#define BW_SIP_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* The most bytes of one value that is looked at; a longer one is ERR_TOOBIG. */
enum { DIGEST_VALUE_MAX = 4096 };

struct digest_challenge {
    struct str realm, nonce, opaque, domain, algorithm, qop; /* none where absent */
    bool is_stale;
    bool has_userhash;
};

struct digest_credentials {
    struct str username, realm, nonce, uri, response, algorithm, opaque, qop, cnonce;
    uint32_t nonce_count;  /* 0: absent */
    struct str count_text; /* its digits as they came, which the response is made with */
    bool has_userhash;
};

/* A WWW-Authenticate or Proxy-Authenticate value: one challenge. 0; ERR_ABSENT: another scheme than
 * Digest; ERR_PARSE: no realm or nonce, or malformed: NUL, a string without its quotes (but qop), a
 * parameter that we read twice; ERR_TOOBIG; ERR_NOMEM. */
int digest_parse_challenge(struct arena *a, struct str value, struct digest_challenge *out);

/* An Authorization or Proxy-Authorization value; the same, and username, uri and response must be
 * there, response in hex of the length of an algorithm we know, nc in hex. */
int digest_parse_credentials(struct arena *a, struct str value, struct digest_credentials *out);

#endif
