/* Whom we have connected to, and when whoever could not be reached is tried again: one connection
 * to each peer, used by all who have something for it, and a pause that doubles with each failure.
 * A data structure without I/O; one thread at a time. */
#ifndef BW_NET_DIAL_H
#define BW_NET_DIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/flow.h"

struct tls_context;

/* The first pause after a failure, and the longest. */
enum { DIAL_PAUSE_MS = 1000, DIAL_PAUSE_MAX_MS = 32000 };

/* More peers than these are not connected to at one time; a name of the DNS with its NUL. */
enum { DIALS_MAX = 64, DIAL_NAME = 256 };

/* Whom to connect to. */
struct stream_peer {
    struct addr addr;
    struct tls_context *tls; /* a client's, where the listener has TLS; else NULL */
    const char *name;        /* with TLS: as tls_connect */
    bool is_open_only;       /* what cannot wait: ERR_AGAIN while it is being opened */
};

struct dial {
    struct addr peer;
    const void *tls;      /* with which context; NULL: plain */
    char name[DIAL_NAME]; /* with TLS: whose certificate it must show */
    struct flow_ref flow; /* the connection, alive or not */
    uint64_t asked_ms, retry_ms;
    unsigned n_failures; /* since it was last open */
    bool is_up;          /* the connection lives, or is being opened */
    bool is_open;        /* and it can be used at once */
    bool is_retired;     /* nobody has asked for it since it was said to be needed no more */
};

struct dials {
    struct dial list[DIALS_MAX];
    size_t n;
};

/* The entry of a peer, a new one if need be: in place of the one that was asked for longest ago of
 * those without connection. With TLS each name has one of its own: what was proved for one name is
 * no proof for another (RFC 5922 7.3). It stays where it is while is_up. NULL: all are
 * up, or no name is so long. */
struct dial *dial_find(struct dials *d, const struct stream_peer *peer, uint64_t now_ms);

/* It has failed lately, and its pause is not over. */
bool dial_is_paused(const struct dial *d, uint64_t now_ms);

/* Its connection begins; is open, handshake included; has ended, open or not. */
void dial_on_start(struct dial *d, const struct flow_ref *flow);
void dial_on_open(struct dial *d);
void dial_on_end(struct dial *d, bool was_open, uint64_t now_ms);

#endif
