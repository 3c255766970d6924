/* A listener of one worker, whatever its transport. All calls on the loop's thread, or before it
 * runs. */
#ifndef BW_NET_LISTENER_H
#define BW_NET_LISTENER_H

#include "net/flow.h"
#include "net/wshake.h"

struct census;
struct namebook;
struct loop;
struct stream;
struct stream_peer;
struct tls_context;
struct udp;

struct listener {
    struct udp *udp; /* one of the two; none: it is not open */
    struct stream *stream;
};

struct listener_conf {
    enum flow_transport transport;
    struct addr addr;
    uint8_t index; /* of the listen section */
    bool is_shared, is_first;
    int passed_fd;      /* as in udp.h */
    size_t max_len;     /* bytes of a message */
    size_t buffer_size; /* UDP: of the socket, each way */
    packet_fn *fn;      /* gets every message */
    void *arg;
    bool (*is_exempt)(const struct addr *peer, void *arg); /* as in stream.h, and not for UDP */
    struct census *census;
    struct namebook *names;
    struct tls_context *tls;    /* of the secure transports only */
    struct wshake_conf origins; /* of the web transports only: as in stream.h */
};

/* As udp_open and stream_open. */
int listener_open(struct loop *l, struct flow_table *t, const struct listener_conf *conf,
                  struct listener *out);
void listener_close(struct listener *l);

struct addr listener_addr(const struct listener *l);
int listener_fd(const struct listener *l); /* -1: it has none */

/* From a reload on; of a listener with a secure transport. */
void listener_set_tls(struct listener *l, struct tls_context *tls);

/* The same; of a listener with a web transport. */
void listener_set_origins(struct listener *l, const struct wshake_conf *origins);
/* stream_connect of a listener that is none of UDP. */
int listener_connect(const struct listener *l, const struct stream_peer *peer,
                     struct flow_ref *out);

/* stream_retire of such a listener. */
void listener_retire(const struct listener *l, const struct addr *peer);

/* A handle to a peer through a UDP listener. */
struct flow_ref listener_flow_to(const struct listener *l, const struct addr *peer);

#endif
