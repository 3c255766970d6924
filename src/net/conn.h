/* The connections of a stream listener (stream.h), accepted and opened: their ends, patience,
 * queues and what comes by them. All calls on the loop's thread, or before it runs. */
#ifndef BW_NET_CONN_H
#define BW_NET_CONN_H

#include "base/list.h"
#include "net/flow.h"
#include "net/sendq.h"
#include "net/ws.h"

struct census;
struct dial;
struct loop;
struct namebook;
struct stream_peer;
struct tallies;
struct tls_context;

/* Milliseconds. How long a message may take from its first byte to its last, and the peer to take
 * anything of what waits for it; how long a connection that no binding needs may be silent; how
 * long the peer of a WebSocket that ends has to take its last frame and go. A handshake, be it of
 * TLS or of a WebSocket or of both, is as a message. */
enum { STREAM_STALL_MS = 30000, STREAM_IDLE_MS = 180000, STREAM_PART_MS = 2000 };

/* How long one of ours may take to open, TLS included, and be silent. */
enum { STREAM_OPEN_MS = 5000, STREAM_KEPT_MS = 3600 * 1000 };

/* Bytes that may wait for one peer; more of them: it is read no further. */
enum { STREAM_QUEUE_MAX = 512 * 1024, STREAM_QUEUE_HIGH = 128 * 1024 };

enum { CONN_CHUNK = 16 * 1024 }; /* bytes a system call */

/* What they all have in common; its lists belong to conn.c. */
struct conn_host {
    struct loop *loop;
    struct flow_table *table;
    packet_fn *fn;
    bool (*is_exempt)(const struct addr *peer, void *arg);
    void *arg;
    struct census *census;
    struct namebook *names;
    struct tls_context *tls; /* NULL: plain TCP */
    const struct tallies *tallies;
    struct ws_conf web; /* of WebSockets */
    enum flow_transport transport;
    uint8_t listener;
    bool is_wildcard;
    size_t max_len;
    struct list conns, dirty, dead; /* dirty: has something to send this turn */
    struct sendq_pool pool;
    char chunk[CONN_CHUNK];
};

/* How one begins. */
struct conn_start {
    int fd; /* its own from now on, whatever conn_open answers */
    struct addr peer;
    bool is_counted;              /* in the census */
    const struct stream_peer *to; /* we open it; NULL: it was accepted */
    struct dial *dial;            /* the same */
};

/* ERR_NOMEM. */
int conn_open(struct conn_host *h, const struct conn_start *start);

/* What is queued is sent as far as it can be, and the dead are freed. */
void conn_flush_all(struct conn_host *h);

void conn_end_all(struct conn_host *h);

#endif
