/* What a Contact of a REGISTER says beyond its URI: expiry, q, instance (RFC 3261 10, RFC 5626).
 * Pure; any thread. */
#ifndef BW_SIP_CONTACT_H
#define BW_SIP_CONTACT_H

#include <stdbool.h>
#include <stdint.h>

#include "sip/nameaddr.h"
#include "sip/uri.h"

enum { CONTACT_NO_EXPIRES = -1, CONTACT_NO_Q = -1 };

struct contact {
    struct nameaddr addr;
    struct uri uri;      /* zero for a star */
    int64_t expires_s;   /* 0…2^32-1; CONTACT_NO_EXPIRES: absent or malformed (D14-D16) */
    int q;               /* thousandths, 0…1000; CONTACT_NO_Q: absent */
    struct str instance; /* +sip.instance between its quotes, with <>; or none (D22) */
    uint32_t reg_id;     /* 1…2^31-1; 0: absent, malformed, or without an instance (D22) */
};

/* The next contact of a header value. 1: *out is set; 0: the end; ERR_PARSE: not a contact, or q
 * malformed or out of range (D21). Its URI may have any scheme. A star has no parameters that count
 * (D11). A parameter that appears twice counts where it is first. */
int contact_next(struct str *rest, struct contact *out);

/* The number of an Expires header: 0 and *out, or ERR_PARSE: treat as absent (D14). More than
 * 2^32-1 counts as that. */
int contact_expires(struct str value, uint32_t *out);

#endif
