/* One Via element (RFC 3261 20.42, RFC 3581) as slices. Pure; any thread. */
#ifndef BW_SIP_VIA_H
#define BW_SIP_VIA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/buf.h"
#include "base/str.h"

struct via {
    struct str text;      /* the whole element */
    struct str transport; /* "UDP", … as written */
    struct str host;      /* sent-by; IPv6 with brackets */
    struct addr literal;  /* its address, without the port; family 0 where it is a name */
    uint16_t port;        /* 0: none written */
    struct str params;    /* from the first ';', or none */
    struct str branch;    /* none if absent */
    struct str received;  /* its value, or none */
    struct str maddr;     /* its value, or none */
    bool has_rport;
    struct str rport;          /* the whole parameter ";rport…" with its ';', for an edit */
    struct str rport_value;    /* none where it has no "=" */
    struct str received_param; /* the whole parameter ";received=…" with its ';', or none */
    bool is_plain;             /* no white space, no received, one rport at most */
};

/* The next element of a Via value. 1: *out is set; 0: the end; ERR_PARSE. Requires SIP/2.0, and a
 * sent-by of RFC 3261 25.1. A parameter that appears twice counts where it is first. An empty
 * element is an error; a blank value is the end. */
int via_next(struct str *rest, struct via *out);

/* The magic cookie of RFC 3261 stands in front of the branch. */
bool via_has_cookie(const struct via *v);

/* Appends the element as a server must pass it on (RFC 3261 18.2.1, RFC 3581 4): received filled
 * in, at the end, where the sent-by host is not the source's address, or rport is asked for; rport
 * with the source's port where asked for; a received or rport value that the sender made up goes
 * (D82), however often it stands there. */
void via_print_received(const struct via *v, const struct addr *source, struct buf *out);

/* Where a response to this Via goes (RFC 3261 18.2.2, RFC 3581 4): received or sent-by address,
 * rport's value or sent-by port or 5060 (5061 for TLS, 80 for WS, 443 for WSS). maddr is left to
 * the caller. ERR_PARSE where that is no IP literal, or rport's value no port. */
int via_reply_addr(const struct via *v, struct addr *out);

#endif
