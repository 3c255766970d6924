/* The names of SIP: methods, header fields with their compact forms, and reason phrases, as
 * tables. Pure; any thread. */
#ifndef BW_SIP_HDR_H
#define BW_SIP_HDR_H

#include <stdint.h>

#include "base/str.h"

enum sip_method {
    METHOD_OTHER, /* legal, but not one that we treat specially */
    METHOD_INVITE,
    METHOD_ACK,
    METHOD_BYE,
    METHOD_CANCEL,
    METHOD_OPTIONS,
    METHOD_REGISTER,
    METHOD_PRACK,
    METHOD_SUBSCRIBE,
    METHOD_NOTIFY,
    METHOD_PUBLISH,
    METHOD_INFO,
    METHOD_REFER,
    METHOD_MESSAGE,
    METHOD_UPDATE,
    METHOD_MAX
};

enum hdr_id {
    HDR_OTHER,
    HDR_VIA,
    HDR_FROM,
    HDR_TO,
    HDR_CALL_ID,
    HDR_CSEQ,
    HDR_CONTACT,
    HDR_MAX_FORWARDS,
    HDR_ROUTE,
    HDR_RECORD_ROUTE,
    HDR_CONTENT_LENGTH,
    HDR_CONTENT_TYPE,
    HDR_EXPIRES,
    HDR_MIN_EXPIRES,
    HDR_AUTHORIZATION,
    HDR_PROXY_AUTHORIZATION,
    HDR_WWW_AUTHENTICATE,
    HDR_PROXY_AUTHENTICATE,
    HDR_AUTHENTICATION_INFO,
    HDR_REQUIRE,
    HDR_PROXY_REQUIRE,
    HDR_SUPPORTED,
    HDR_UNSUPPORTED,
    HDR_ALLOW,
    HDR_PATH,
    HDR_SERVICE_ROUTE,
    HDR_P_ASSOCIATED_URI,
    HDR_P_ASSERTED_IDENTITY,
    HDR_P_PREFERRED_IDENTITY,
    HDR_REMOTE_PARTY_ID,
    HDR_PRIVACY,
    HDR_DATE,
    HDR_RETRY_AFTER,
    HDR_REASON,
    HDR_WARNING,
    HDR_MAX_BREADTH,
    HDR_TIMESTAMP,
    HDR_USER_AGENT,
    HDR_MAX
};

enum { HDR_FOLDED_LEN = 16, HDR_PLACES = 128 };

#define HDR_PLACE(first, last, n) (((first)*9u + (last)*3u + (n)*8u) % HDR_PLACES)

/* Methods compare with case (RFC 3261 7.1). */
enum sip_method hdr_method(struct str name);
/* One of these but for the case of its letters, so an unknown one (RFC 3261 7.1). */
bool hdr_is_method_miswritten(struct str name);
struct str hdr_method_name(enum sip_method method); /* METHOD_OTHER: an empty slice */

/* Full or compact name, any case; HDR_OTHER for a name that has no row. */
enum hdr_id hdr_find(struct str name);

/* ---- what hdr_find and who looks at a name's sixteen bytes at once find one with */

/* The only name that it may be, by its length, first and last letter. */
struct hdr_place {
    uint8_t id;                  /* enum hdr_id */
    char folded[HDR_FOLDED_LEN]; /* the name in lower case with its colon, where it is not longer */
};

extern const struct hdr_place hdr_places[HDR_PLACES];

static inline const struct hdr_place *hdr_place(const char *name, size_t n)
{
    const unsigned first = (unsigned char)name[0] | 0x20u;
    const unsigned last = (unsigned char)name[n - 1] | 0x20u;
    return &hdr_places[HDR_PLACE(first, last, (unsigned)n)];
}

struct str hdr_name(enum hdr_id id); /* the full name as the RFC spells it */

/* The default phrase of a status; "Unknown" where the table has none. */
struct str hdr_reason(unsigned status);

/* True when s is a non-empty RFC 3261 token. */
bool hdr_is_token(struct str s);

#endif
