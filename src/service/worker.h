/* A worker: one event loop with its sockets, transactions and timers. The main thread makes it,
 * starts its thread, and speaks to it by messages; nothing else is shared. */
#ifndef BW_SERVICE_WORKER_H
#define BW_SERVICE_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "conf/conf.h"
#include "core/token.h"
#include "net/census.h"
#include "net/flow.h"
#include "net/inbox.h"
#include "service/late.h"
#include "service/natlife.h"
#include "service/silence.h"

struct alarms;
struct ledger;
struct lifecycle;
struct noise;
struct removal;
struct shield_table;
struct source_table;
struct store;
struct tally;
struct tap;
struct told;
struct trail_entry;
struct worker;

/* What all workers agree on. */
struct worker_group {
    unsigned n;
    struct worker **workers; /* filled in by worker_new; whole before any thread starts */
    struct hash_key owner_key, loop_key;
    struct token_key token_key, nonce_key;
    struct store *store; /* outlives the workers */
    struct late late;
    struct board *board;    /* outlives the workers; NULL: none */
    struct namebook *names; /* the same */
    struct flow_group flows;
    struct census census;
    struct silence silence;
    struct natlife natlife;
    struct source_table *sources; /* outlives the workers */
    struct alarms *alarms;        /* outlives the workers; NULL: nobody reads */
    struct lifecycle *lifecycle;  /* the same */
    struct tap *tap;              /* the same */
    struct tally *tally;          /* outlives the workers */
    struct told *told;            /* so does this */
    struct memo_table *memos;     /* and this; NULL: no refresh goes the short way */
    struct shield_table *shields; /* outlives the workers and all snapshots */
    struct handover *handover;    /* sockets for the listeners; NULL: there are none */
};

/* Opens the sockets of every listen section. Takes a reference on the configuration. 0; ERR_NOMEM;
 * ERR_IO: *failed is the listen section, errno says why. */
int worker_new(struct worker_group *group, unsigned index, struct conf *conf,
               const struct conf_listen **failed, struct worker **out);

/* The socket of its i-th listener, which stays its own; -1: there are no more. Before it runs. */
int worker_socket(const struct worker *w, size_t i);

/* After its loop has stopped. NULL is legal. */
void worker_free(struct worker *w);

/* Runs the loop until worker_stop; the body of the thread. */
void worker_run(struct worker *w);

/* For the store: the inbox that owns an AoR, and what takes its events there. Any thread. */
struct inbox *worker_inbox_of(const struct worker_group *group, struct str aor);
void worker_on_store_event(struct inbox_node *node, void *arg);

/* Any thread, by message, each done at the worker's next turn: */

/* A new configuration; takes a reference of its own. ERR_NOMEM. */
int worker_reload(struct worker *w, struct conf *conf);

/* From now on new requests, but for those inside a dialog, hear 503. on_idle(arg) runs on the
 * worker's thread once no request waits for an answer and no call for its ACK any more, or at the
 * end of timeout_ms, when those that still wait have been answered 503. Once. ERR_NOMEM. */
int worker_drain(struct worker *w, uint64_t timeout_ms, void (*on_idle)(void *arg), void *arg);

/* The node is to be left: new requests but REGISTERs hear 503 from now on, and devices are told the
 * shortest expiry. Its listeners stay open. ERR_NOMEM. */
int worker_depart(struct worker *w);

/* The upstream of that name has lost its data: what we can prove ourselves registers again, fixed
 * lines and devices' registrations, as far as it was accepted before since_s (service clock; of all
 * workers the same). is_ordered: by the operator (resync_start). ERR_NOMEM. */
int worker_resync(struct worker *w, struct str upstream, uint64_t since_s, bool is_ordered);

/* The operator takes the upstream of that name out of use, or lets it come back (outage.h). To one
 * worker: they share what comes of it. ERR_NOMEM. */
int worker_hold(struct worker *w, struct str upstream, bool is_held);

/* On no worker's thread: removal_ask of the worker that owns the AoR. */
int worker_remove(const struct worker_group *group, struct str aor, struct removal *out);

/* Any thread: the decisions on an AoR that one worker remembers (trail_read); how many. */
size_t worker_trail(const struct worker_group *group, unsigned worker, struct str aor,
                    struct trail_entry *out);

/* Any thread: what one worker has counted, for ledger_read. */
const struct ledger *worker_ledger(const struct worker_group *group, unsigned worker);

/* Any thread: what one worker has heard from whom, for noise_loudest and noise_slowest. */
const struct noise *worker_noise(const struct worker_group *group, unsigned worker);

void worker_stop(struct worker *w);

#endif
