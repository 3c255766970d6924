/* A line of a credentials file: user:realm:HA1, as htdigest writes it (MD5), or
 * user:realm:HA1:ALGORITHM. HA1 is the hexadecimal hash of user:realm:password, which is as good as
 * the password where it is used. Slices point into the line. Pure; any thread. */
#ifndef BW_SIP_HTDIGEST_H
#define BW_SIP_HTDIGEST_H

#include <stdbool.h>

#include "sip/digest_answer.h"

/* The longest user, and the longest realm. */
enum { HTDIGEST_NAME_MAX = 255 };

struct htdigest {
    struct str user, realm, ha1; /* user none: a comment, or nothing */
    enum digest_algorithm algorithm;
};

/* NULL: it is good. Else what is wrong and what was expected, with nothing of the HA1 in it. A line
 * that begins with # and one with nothing but blanks say nothing. */
const char *htdigest_parse(struct str line, struct htdigest *out);

/* Why a text can be no user, no realm; NULL: it can. */
const char *htdigest_user_fault(struct str user);
const char *htdigest_realm_fault(struct str realm);

/* The line, with its LF; MD5's in the form of htdigest, which other programs read, too. */
void htdigest_print(const struct htdigest *h, struct buf *out);

#endif
