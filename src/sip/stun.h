/* STUN as far as a keepalive needs it (RFC 5626 4.4.2 and 8, RFC 5389): a phone asks on its SIP
 * socket, and learns from the answer whether its NAT still has the mapping that it had. No
 * authentication, no retransmission, no state. Pure; any thread. */
#ifndef BW_SIP_STUN_H
#define BW_SIP_STUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/str.h"

/* RFC 5389 7.1: no message is longer than what any network carries. No answer of ours is longer
 * than STUN_ANSWER_MAX: to the least request, of 20 bytes, 32 bytes over IPv4 and 44 over IPv6. */
enum { STUN_HEADER = 20, STUN_MAX = 548, STUN_ANSWER_MAX = 52, STUN_UNKNOWN_MAX = 4 };

struct stun_request {
    char id[12]; /* of the transaction */
    bool has_fingerprint;
    size_t n_unknown; /* attributes that must be understood and are not; the first ones of them */
    uint16_t unknown[STUN_UNKNOWN_MAX];
};

enum stun_verdict {
    STUN_BINDING, /* a Binding request; *out is set */
    STUN_OTHER,   /* well formed, and nothing to answer */
    STUN_BROKEN   /* its length, an attribute or the fingerprint is wrong */
};

/* It begins as STUN does and no SIP can (RFC 5389 6: two bits that are 0, the magic cookie). */
bool stun_is(struct str datagram);

/* Of a datagram that is. */
enum stun_verdict stun_parse(struct str datagram, struct stun_request *out);

/* The answer to where the request came from: XOR-MAPPED-ADDRESS, or error 420. With a fingerprint
 * if the request had one. Its length. */
size_t stun_answer(const struct stun_request *request, const struct addr *source,
                   char out[STUN_ANSWER_MAX]);

#endif
