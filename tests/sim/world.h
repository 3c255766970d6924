/* The daemon's workers, the network around them and the clock, all in virtual time on one thread.
 * Time stands still while anything has work to do, then jumps to the next event. */
#ifndef BW_TESTS_SIM_WORLD_H
#define BW_TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/str.h"
#include "dice.h"
#include "host.h"
#include "net/wheel.h"

/* What every link does to packets; a stream's only get its delay. */
struct world_link {
    uint32_t loss, dup; /* percent */
    uint32_t delay_ms;  /* of each packet, */
    uint32_t jitter_ms; /* and up to so much more: so they overtake each other */
};

struct world_packet {
    struct addr from, to;
    struct str bytes;
    bool is_to_us;
    bool is_stream;
    int socket; /* to us: the worker whose socket gets it; -1: as the kernel would choose */
};

enum world_event {
    WORLD_SENT,    /* enters the network */
    WORLD_LOST,    /* entered, and is gone */
    WORLD_ARRIVED, /* leaves it, at a peer or at us */
    WORLD_REFUSED  /* to us, and nobody listens there */
};

typedef void world_fn(enum world_event what, const struct world_packet *p, void *arg);

struct world {
    uint64_t now_ms;
    struct dice dice;
    struct world_link link;
    struct list flights; /* in order of arrival */
    struct wheel wheel;  /* of the peers */
    world_fn *fn;
    void *arg;
    struct host host;
    bool is_unplugged; /* what the daemon sends is lost, and nobody knows of it */
};

/* An empty world: clock, network, no daemon. Same seed, same run. */
void world_init(struct world *w, uint64_t seed, world_fn *fn, void *arg);
void world_fini(struct world *w);

/* A peer sends: copies the packet into the network. */
void world_send(struct world *w, const struct world_packet *p);

/* Lets everything happen that is due within ms. */
void world_pass(struct world *w, uint64_t ms);

/* Ends the daemon. A killed one sends nothing more, though its memory is taken down in order. */
void world_stop(struct world *w, enum host_end how);

/* The longest that a packet there and one back take. */
uint64_t world_round_trip_ms(const struct world *w);

#endif
