/* From where a request leaves: the listener that fits its target, and what our Via says. The
 * worker's thread. */
#ifndef BW_SERVICE_EGRESS_H
#define BW_SERVICE_EGRESS_H

#include "base/addr.h"
#include "base/buf.h"
#include "conf/conf.h"
#include "net/flow.h"

struct context;
struct egress;

int egress_new(struct context *c, struct egress **out);
void egress_free(struct egress *e); /* NULL is legal */

/* A server is not used any more: a connection that we have to it ends once it is silent for a
 * while. */
void egress_retire(struct egress *e, enum flow_transport transport, const struct addr *peer);

/* Whom a request is for. */
struct egress_peer {
    enum flow_transport transport;
    struct addr addr;
    struct tls_context *tls; /* TLS: a client's */
    const char *name;        /* and the name that the peer's certificate must have */
    bool is_open_only;       /* ERR_AGAIN while a connection is being opened */
};

/* The flow to a peer through a listener of that side (or of side any) with its transport and
 * address family, of several the one at the address that the system's routes lead from; of a stream
 * the connection that we have to it, or a new one. ERR_ABSENT: there is no such listener, or no
 * TLS; ERR_GONE: it cannot be reached; others as stream_connect. */
int egress_reach(struct egress *e, enum conf_side side, const struct egress_peer *to,
                 struct flow_ref *out);

/* egress_reach over UDP. */
int egress_pick(struct egress *e, enum conf_side side, const struct addr *target,
                struct flow_ref *out);

/* There is a listener for it. */
bool egress_has(const struct egress *e, enum conf_side side, enum flow_transport transport,
                uint8_t family);

/* Appends the sent-by of a Via for a flow: the listener's advertise, else its address; for a
 * wildcard the address that the system's routes give for the peer. */
void egress_print_sent_by(struct egress *e, const struct flow_ref *flow, struct buf *out);

/* A URI's host and port (0: 5060) name one of our listeners: its address, what it advertises, or
 * for a wildcard the address that the request came to. */
bool egress_is_us(const struct egress *e, struct str host, uint16_t port,
                  const struct flow_ref *came_by);

/* An IP address and port (0: 5060) that may be a wildcard listener's: nobody knows all of those. */
bool egress_may_be_us(const struct egress *e, struct str host, uint16_t port);

#endif
