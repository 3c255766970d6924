/* Flows: ways to a peer, known by handles. A handle is {worker, slot, generation}, never a
 * pointer; when the thing behind a slot dies its generation goes on and every handle to it is
 * stale. A UDP listener is one slot on every worker, and any worker may send through its own
 * socket of it; the handle then also says which peer. One table a worker, used on its thread. */
#ifndef BW_NET_FLOW_H
#define BW_NET_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/str.h"

enum flow_transport { FLOW_UDP, FLOW_TRANSPORT_MAX };

struct flow_ref {
    struct addr peer;  /* where its packets come from and go to */
    struct addr local; /* UDP on a wildcard address: the address they came to; else family 0 */
    uint32_t slot;
    uint32_t generation; /* 0: no flow at all */
    uint16_t worker;
    uint8_t transport; /* enum flow_transport */
    uint8_t listener;  /* index of the listen section that it belongs to */
};

/* What a listener gives to the worker. */
struct packet {
    struct str bytes; /* valid until the callback returns */
    struct flow_ref flow;
    uint64_t received_ms; /* loop_now_ms */
};

typedef void packet_fn(const struct packet *p, void *arg);

/* Sends bytes on the flow; copies what it keeps. 0, ERR_FULL, ERR_IO. */
typedef int flow_send_fn(void *self, const struct flow_ref *to, struct str bytes);

struct flow_table;

int flow_table_new(unsigned worker, struct flow_table **out);

/* Every flow must have been deleted. NULL is legal. */
void flow_table_free(struct flow_table *t);

/* A new slot; *out gets worker, slot and generation, its other fields are the caller's to fill.
 * ERR_NOMEM. self stays the caller's. */
int flow_add(struct flow_table *t, flow_send_fn *send, void *self, struct flow_ref *out);

/* From now on the handle and its copies are stale. */
void flow_del(struct flow_table *t, const struct flow_ref *ref);

/* ERR_GONE: the flow is dead (or generation is 0); else what the flow's send says. A UDP handle
 * from another worker goes out through this worker's socket of the same listener. A datagram of
 * more than 1300 bytes is counted (D83). */
int flow_send(struct flow_table *t, const struct flow_ref *to, struct str bytes);

bool flow_is_live(const struct flow_table *t, const struct flow_ref *ref);

/* Same path: same slot and generation, and for UDP the same peer and listener whatever worker. */
bool flow_is_same(const struct flow_ref *a, const struct flow_ref *b);

/* Upper-case word for a Via, "UDP". */
struct str flow_transport_name(enum flow_transport transport);

/* Datagrams may be lost; streams deliver (RFC 3261 17: which timers run). */
bool flow_is_reliable(enum flow_transport transport);

#endif
