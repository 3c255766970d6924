/* Where phones send from: many addresses behind one socket where the target is IPv4 loopback, whose
 * whole network is this machine's; else many sockets. On the loop's thread. */
#ifndef BW_SIM_SOURCES_H
#define BW_SIM_SOURCES_H

#include <stdint.h>

#include "net/udp.h"

/* The most of each kind. */
enum { SOURCES_ADDRESSES_MAX = 1 << 23, SOURCES_SOCKETS_MAX = 1000 };

struct sources_conf {
    struct addr target;
    uint32_t n; /* how many; more than there can be are as many as there can be */
};

struct sources;

/* fn gets every datagram. ERR_IO (errno says why), ERR_NOMEM. */
int sources_open(struct loop *l, const struct sources_conf *conf, packet_fn *fn, void *arg,
                 struct sources **out);

/* NULL is legal. */
void sources_close(struct sources *s);

/* The address and port of the source that phone number i has: i modulo their number. */
struct addr sources_addr(const struct sources *s, uint32_t i);

/* Sends from there to the target; as flow_send. */
int sources_send(struct sources *s, uint32_t i, struct str bytes);

/* Sends back to where a datagram came from, from where it came to; as flow_send. */
int sources_answer(struct sources *s, const struct flow_ref *to, struct str bytes);

/* True: a datagram came to the source that phone number i has. */
bool sources_is_for(const struct sources *s, uint32_t i, const struct packet *p);

#endif
