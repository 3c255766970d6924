/* One TCP, TLS or WebSocket listener of one worker and the connections that it has accepted: what
 * comes in is handed on message by message, what is sent waits in a bounded queue and goes out at
 * the end of the loop's turn, in one system call for each connection. A connection is a flow; it
 * ends when the peer ends it, when the peer sends what is no SIP message, takes too long over one,
 * does not take what is sent to it, or says nothing for long while no binding needs it. A
 * simulation links another file with the same symbols. All calls on the loop's thread, or before it
 * runs. */
#ifndef BW_NET_STREAM_H
#define BW_NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "net/conn.h"
#include "net/dial.h"
#include "net/flow.h"
#include "net/wshake.h"

struct census;
struct namebook;
struct loop;
struct stream;
struct tls_context;

struct stream_conf {
    enum flow_transport transport;
    struct addr addr; /* bound; port 0: the system chooses */
    uint8_t listener; /* index, copied into every flow_ref */
    bool is_shared;   /* several workers bind it (SO_REUSEPORT) */
    bool is_first;    /* of the shared ones: refuse an address that another program holds */
    int passed_fd;    /* as in udp.h */
    size_t max_len;   /* bytes of a message */
    packet_fn *fn;    /* gets every message */
    /* Who may come with as many connections as he wants. */
    bool (*is_exempt)(const struct addr *peer, void *arg);
    void *arg;
    struct census *census;      /* of all workers */
    struct namebook *names;     /* the same; NULL: nobody asks whom certificates name */
    struct tls_context *tls;    /* NULL: plain TCP. It takes a reference of its own */
    struct wshake_conf origins; /* of a WebSocket; the texts outlive it, or its next ones */
};

/* Opens, binds, listens, joins the loop. ERR_IO: errno says why (nothing
 * logged); ERR_NOMEM. It flushes in a loop hook: whoever sends in a hook makes that one before. */
int stream_open(struct loop *l, struct flow_table *t, const struct stream_conf *conf,
                struct stream **out);

/* The connection that we have to the peer, else one that begins now, from the listener's address;
 * what is sent on it waits until it is open. It is kept like one that a binding needs. ERR_GONE: it
 * could not be opened, now or a while ago (dial.h); ERR_FULL; ERR_NOMEM. */
int stream_connect(struct stream *s, const struct stream_peer *peer, struct flow_ref *out);

/* The peer is not needed any more: a connection to it that we have opened ends once it was silent
 * for STREAM_IDLE_MS, unless it is asked for again. */
void stream_retire(struct stream *s, const struct addr *peer);

/* Sends what is queued and can be sent at once, closes all, frees. Not from within fn. NULL is
 * legal. */
void stream_close(struct stream *s);

/* For the connections to come; of a listener that has TLS. Takes a reference of its own. */
void stream_set_tls(struct stream *s, struct tls_context *tls);

/* The same; of a listener of WebSockets. */
void stream_set_origins(struct stream *s, const struct wshake_conf *origins);

/* Its descriptor; -1: it has none. */
int stream_fd(const struct stream *s);

/* The bound address, with the port that the system chose. */
struct addr stream_addr(const struct stream *s);

#endif
