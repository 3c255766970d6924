/* Flows: ways to a peer, known by handles. A handle is {worker, slot, generation}, never a
 * pointer; when the thing behind a slot dies its generation goes on and every handle to it is
 * stale. A UDP listener is one slot on every worker, and any worker may send through its own
 * socket of it; the handle then also says which peer. A stream is a slot of the worker that has
 * accepted it: others see whether it lives, and what they send goes to its worker by message. The
 * generations of streams begin at random, so that a handle of an earlier process is stale, too.
 * One table a worker, used on its thread. */
#ifndef BW_NET_FLOW_H
#define BW_NET_FLOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/family.h"
#include "base/str.h"

/* Bindings are stored with these numbers. */
enum flow_transport { FLOW_UDP, FLOW_TCP, FLOW_TLS, FLOW_WS, FLOW_WSS, FLOW_TRANSPORT_MAX };

struct flow_ref {
    struct addr peer;  /* where its packets come from and go to */
    struct addr local; /* on a wildcard address: the address they came to; else family 0 */
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
    struct family family; /* of the TLS session that it came in; or none */
};

typedef void packet_fn(const struct packet *p, void *arg);

/* Sends bytes on the flow; copies what it keeps. 0, ERR_FULL, ERR_IO. */
typedef int flow_send_fn(void *self, const struct flow_ref *to, struct str bytes);

struct flow_table;

enum { FLOW_WORKERS_MAX = 256 };

/* RFC 3261 18.1.1: what any network may be trusted to carry in one piece, in bytes. */
enum { FLOW_UNCUT_LEN = 1300 };

/* What a stream can do besides sending. */
struct flow_stream_ops {
    flow_send_fn *send;
    /* A binding needs it, until then at least (loop_now_ms). */
    void (*hold)(void *self, uint64_t until_ms);
    void (*close)(void *self); /* what came on it was no SIP */
    /* A binding more is reached by it, or one less: with the last that has gone elsewhere it ends.
     */
    void (*join)(void *self);
    void (*leave)(void *self);
};

/* Told on the thread that notices: the stream of that name, by which a device of that line was
 * reached, has ended. Must not touch the flows. */
typedef void flow_lost_fn(uint64_t flow_id, struct str aor, void *arg);

/* What another worker is to do with a stream of its own. */
struct flow_order {
    struct flow_ref to;
    enum { FLOW_ORDER_SEND, FLOW_ORDER_HOLD, FLOW_ORDER_JOIN, FLOW_ORDER_LEAVE } what;
    uint64_t until_ms; /* of a hold */
};

/* Takes an order and its bytes to the worker of order->to, where flow_obey carries it out. Any
 * thread. 0; ERR_FULL; ERR_NOMEM. */
typedef int flow_post_fn(const struct flow_order *order, struct str bytes, void *arg);

/* A message that is sent or was received. Any worker's thread. */
typedef void flow_look_fn(void *arg, const struct flow_ref *flow, bool is_in, struct str bytes);

/* The tables of all workers; whole before any thread starts, and zero before. */
struct flow_group {
    /* Who looks on at what is sent and received (tap.h); NULL: nobody ever. */
    const atomic_uint *n_lookers;
    flow_look_fn *look;
    void *look_arg;
    struct flow_table *tables[FLOW_WORKERS_MAX];
    flow_post_fn *post;
    void *arg;
};

/* While nobody looks on it costs one relaxed load. group NULL: nobody can. */
static inline void flow_show(const struct flow_group *group, const struct flow_ref *flow,
                             bool is_in, struct str bytes)
{
    if (group && group->n_lookers && atomic_load_explicit(group->n_lookers, memory_order_relaxed))
        group->look(group->look_arg, flow, is_in, bytes);
}

int flow_table_new(unsigned worker, struct flow_table **out);

/* From now on the others see its streams, and it theirs. The group outlives the table. */
void flow_table_join(struct flow_table *t, struct flow_group *group);

/* Who is told of the ends of this table's streams, and of those that are joined too late. NULL:
 * nobody, as before the first call. */
void flow_table_on_lost(struct flow_table *t, flow_lost_fn *fn, void *arg);

/* Every flow must have been deleted. NULL is legal. */
void flow_table_free(struct flow_table *t);

/* A new slot; *out gets worker, slot and generation, its other fields are the caller's to fill, the
 * transport before the call. UDP listeners come first, in one order on every worker. ERR_NOMEM.
 * self stays the caller's. */
int flow_add(struct flow_table *t, flow_send_fn *send, void *self, struct flow_ref *out);

/* The same for a stream. ops outlive it. */
int flow_add_stream(struct flow_table *t, const struct flow_stream_ops *ops, void *self,
                    struct flow_ref *out);

/* From now on the handle and its copies are stale. */
void flow_del(struct flow_table *t, const struct flow_ref *ref);

/* ERR_GONE: the flow is dead (or generation is 0); else what the flow's send says. A UDP handle
 * from another worker goes out through this worker's socket of the same listener; a stream of
 * another worker gets it by that one's hand, and nobody hears if it dies meanwhile (ERR_FULL: that
 * worker has too much to do). A datagram of more than 1300 bytes is counted (D83). */
int flow_send(struct flow_table *t, const struct flow_ref *to, struct str bytes);

/* A binding needs the flow until then, on the clock of loop_now_ms: a stream is not closed for its
 * silence before. Nothing for UDP, and for what is gone. */
void flow_hold(struct flow_table *t, const struct flow_ref *ref, uint64_t until_ms);

/* A device that has registered is reached by this stream from now on, or by another one: a stream
 * that has lost its last one so is closed. aor: its line, who is told to flow_lost_fn should the
 * stream end (or be gone already) before that; without memory he is not. Nothing for UDP. */
void flow_join(struct flow_table *t, const struct flow_ref *ref, struct str aor);
void flow_leave(struct flow_table *t, const struct flow_ref *ref, struct str aor);

/* Ends a stream of this worker on which no SIP came; nothing for UDP, and for what is gone. */
void flow_close(struct flow_table *t, const struct flow_ref *ref);

/* Carries out what another worker has posted. bytes: to send; or the AoR. Too late for a flow that
 * is gone. */
void flow_obey(struct flow_table *t, const struct flow_order *order, struct str bytes);

/* A name of a stream that can be kept: never given twice, 0 for UDP. */
uint64_t flow_id(const struct flow_ref *ref);

/* The handle that such a name stands for: worker, slot and generation of *out. */
void flow_of_id(uint64_t id, struct flow_ref *out);

bool flow_is_live(const struct flow_table *t, const struct flow_ref *ref);

/* Same path: same slot and generation, and for UDP the same peer and listener whatever worker. */
bool flow_is_same(const struct flow_ref *a, const struct flow_ref *b);

/* Upper-case word for a Via: "UDP". */
struct str flow_transport_name(enum flow_transport transport);

/* Nobody on the way reads or changes it: what sips wants (RFC 3261 26.2.2). */
bool flow_is_secure(enum flow_transport transport);

/* SIP comes in frames of a WebSocket (RFC 7118). */
bool flow_is_web(enum flow_transport transport);

/* Datagrams may be lost; streams deliver (RFC 3261 17: which timers run). */
bool flow_is_reliable(enum flow_transport transport);

#endif
