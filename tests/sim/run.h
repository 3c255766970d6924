/* One run of one scenario: what its steps work with. Everything in it dies with the run; memory is
 * the run's arena. */
#ifndef BW_TESTS_SIM_RUN_H
#define BW_TESTS_SIM_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "agent.h"
#include "base/arena.h"
#include "base/list.h"
#include "base/stats.h"
#include "crowd.h"
#include "ladder.h"
#include "monitor.h"
#include "script.h"
#include "storm.h"
#include "world.h"

/* A packet that a peer has got and no step has looked at, or one that a step gave a label. */
struct mail {
    struct list node;
    uint64_t at_ms;
    struct addr from, to;
    struct str bytes;
    struct str label;
};

/* Somebody out there: known by an address, perhaps by a name. */
struct peer {
    struct list node;
    struct str name;
    struct addr addr;
    struct list mails;            /* unread */
    struct list pings;            /* keepalives, which nobody need expect */
    const struct mail *request;   /* the last one that a step expected here */
    uint32_t cseq;                /* of its REGISTERs */
    const struct mail *challenge; /* the last 401 or 407 that a step expected here */
    struct str nonce; /* of its last answer to one, and how many it has made with that */
    uint32_t nonce_count;
    bool is_stream; /* speaks over a connection */
    bool is_web;    /* which is a WebSocket */
    bool is_noisy;  /* sends nonsense, so whatever comes back is right */
};

struct run {
    const struct script *script;
    const struct step *step;
    struct arena arena;
    struct world world;
    struct list peers;
    struct list labels; /* mails */
    struct agents agents;
    struct crowd *crowd; /* NULL: none has begun */
    struct storm *storm; /* likewise */
    struct ladder ladder;
    struct monitor monitor;
    struct addr us;          /* where packets go unless a step says otherwise */
    struct str conf;         /* of the scenario, as it is now */
    uint64_t mark_ms;        /* what at= counts from */
    uint64_t serial;         /* of what is made up: branches, Call-IDs, tags */
    int64_t stats[STAT_MAX]; /* as they were at the start */
    bool is_booted;
    bool has_failed;
    bool is_quiet;    /* a failure is wanted */
    bool is_settling; /* the steps are over */
};

/* Runs a scenario once. False: it failed, and everything was said on standard output. The trace is
 * a sum over all packets: equal for equal runs. */
bool run_scenario(const struct script *script, uint64_t seed, bool is_verbose, uint64_t *trace);

/* The first failure of a run says where and why and shows the ladder; later ones are its
 * consequences. */
void run_fail(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What it calls its transport: in a Via, and in a URI. */
const char *run_transport_of(const struct peer *p);
const char *run_transport_parameter(const struct peer *p);

/* The peer with that address; a new one for an address not seen before. */
struct peer *run_peer_at(struct run *r, const struct addr *addr);

/* The peer that words from *nth on name: "upstream", "udp ADDRESS"; *nth goes behind them. NULL:
 * the run has failed. */
struct peer *run_peer_of(struct run *r, size_t *nth);

void run_add_peer(struct run *r, struct str name, const struct addr *addr);

/* Remembers a message under a name; an older one of that name is hidden. */
void run_add_label(struct run *r, struct str name, const struct mail *m);

/* NULL: the run has failed. */
const struct mail *run_find_label(struct run *r, struct str name);

/* The URI in the first Contact of a labelled message, or as contacts_take_gruu has it; none: there
 * is none, or no label. */
struct str run_find_uri(struct run *r, struct str label);

/* A peer's bytes go into the network, to r->us; socket: as world_packet has it. */
void run_send(struct run *r, const struct peer *from, struct str bytes, int socket);

/* The configuration that a scenario's text stands for: with defaults for what it leaves out. */
struct str run_conf_text(struct run *r, struct str own);

#endif
