/* One UDP listener of one worker: receives in batches (recvmmsg), queues what is sent and flushes
 * it at the end of the loop's turn (sendmmsg). A simulation links another file with the same
 * symbols. All calls on the loop's thread, or before it runs. */
#ifndef BW_NET_UDP_H
#define BW_NET_UDP_H

#include <stdbool.h>
#include <stddef.h>

#include "net/flow.h"

struct loop;
struct udp;

struct udp_conf {
    struct addr addr;   /* bound; port 0: the system chooses */
    uint8_t listener;   /* index, copied into every flow_ref */
    bool is_shared;     /* several workers bind it (SO_REUSEPORT) */
    bool is_first;      /* of the shared ones: refuse an address that another program holds */
    int passed_fd;      /* a bound socket, its own from now on (handover.h); 0: none */
    size_t max_len;     /* bytes of a datagram; longer ones are dropped and counted */
    size_t buffer_size; /* of the socket, each way; 0: the system's. Less given: one warning */
};

/* Opens, binds, joins the loop and adds its flow slot. fn gets every datagram. ERR_IO: errno says
 * why (nothing logged); ERR_NOMEM. It flushes in a loop hook: whoever sends in a hook makes that
 * one before. */
int udp_open(struct loop *l, struct flow_table *t, const struct udp_conf *conf, packet_fn *fn,
             void *arg, struct udp **out);

/* Sends what is queued, frees. Not from within fn. NULL is legal. */
void udp_close(struct udp *u);

/* A handle to a peer through this socket. */
struct flow_ref udp_flow_to(const struct udp *u, const struct addr *peer);

/* Its descriptor; -1: it has none. */
int udp_fd(const struct udp *u);

/* The bound address, with the port that the system chose. */
struct addr udp_addr(const struct udp *u);

/* The local address that the system's routes choose for a peer, with port 0. Any thread. ERR_IO:
 * no route. */
int udp_route(const struct addr *peer, struct addr *local);

#endif
