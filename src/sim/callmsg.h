/* The requests that a caller sends, and the bodies of both ends of a call (RFC 3261 8.1.1, 12.2.1;
 * RFC 4566). Pure; one thread at a time. */
#ifndef BW_SIM_CALLMSG_H
#define BW_SIM_CALLMSG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/buf.h"
#include "sip/msg.h"

struct callmsg {
    struct str method;
    uint32_t cseq;
    struct str uri, branch;
    struct str routes; /* the value of a Route header; empty or none: no such header */
    struct str to;     /* the whole value */
    struct str call_id, from_tag;
    struct addr local; /* the caller's */
    bool is_offer;     /* with a Contact and a session description */
};

/* Appends the request. */
void callmsg_print(const struct callmsg *c, struct buf *out);

/* Appends a session description for a host: audio that nobody sends. */
void callmsg_print_sdp(const struct addr *local, struct buf *out);

/* Appends the route set that a 2xx gives to the caller: its Record-Route from the last element to
 * the first (12.1.2). ERR_PARSE; ERR_FULL: more elements than a call can have hops. */
int callmsg_print_routes(const struct msg *m, struct buf *out);

/* Where a request goes: the address in its first route, without one in its URI. ERR_PARSE: that is
 * none. */
int callmsg_next_hop(struct str routes, struct str uri, struct addr *out);

#endif
