/* The answers to a REGISTER (RFC 3261 10.3 step 8, D35-D45): all bindings in the phones' own bytes
 * with what is left of their expiry. Output is in the scratch arena. The worker's thread. */
#ifndef BW_SERVICE_REGREPLY_H
#define BW_SERVICE_REGREPLY_H

#include "core/absorb.h"
#include "service/context.h"
#include "sip/build.h"

struct regreply_input {
    const struct conf_domain *domain;
    const struct aor_record *record;
    const struct lease_view *leases;  /* of its bindings; NULL: the record's own expiries hold */
    const struct register_view *view; /* whose the answer is */
    size_t base_len;                  /* of the message that the answer is made from */
    bool is_path_asked;               /* the request has Supported: path (D42) */
    bool is_own_way_only;             /* who asks has proven nothing about other devices (D13) */
    uint32_t most_s;                  /* that anybody is told; 0: no such bound */
    uint64_t now_s;
    const uint64_t *left_s; /* of each binding, while an answer is made; callers leave it NULL */
};

/* While the node is to be left (breakwaterctl drain) devices are to come back soon. */
uint32_t regreply_most_s(const struct context *c, const struct conf_domain *d);

/* Each contact that the REGISTER asks for would be listed. False: since it was accepted another one
 * has taken that away, and a 200 would be no true answer (D44). */
bool regreply_is_complete(const struct regreply_input *in);

/* The header lines of a 200 of our own: Contact lines, Expires where the domain wants it, Path,
 * Service-Route, P-Associated-URI, Date. A list that no datagram would hold is cut
 * (D83). STR_NONE: arena exhausted. */
struct str regreply_lines(struct context *c, const struct regreply_input *what);

/* The Date line of now: it is made once a second. */
struct str regreply_date(void);

/* Upstream's 2xx with our bindings in place of its contacts; Via and identifiers are the caller's
 * to edit. */
void regreply_edit(struct context *c, struct build *b, const struct regreply_input *in);

/* The answer to a refused REGISTER, with what its reason asks for: Min-Expires, Unsupported,
 * Retry-After (randomised, D87). D13, no unlicensed answer is larger than the request: it has
 * nothing of the record in it, and beyond the request's own lines only what RFC 3261 demands. (What
 * upstream answers, a challenge above all, passes as it is, D53.) */
struct build_reply regreply_refusal(struct context *c, const struct msg *m,
                                    const struct conf_domain *domain, const struct verdict *v);

#endif
