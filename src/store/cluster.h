/* This node's part in a cluster: several machines with one set of records, of which one acts and
 * the others stand by. A thread of its own speaks with the database; nobody waits for it.
 *
 *   FOLLOWS  reads what the one that acts has written; no store is open, nothing is served
 *   LEADS    it is this node's turn: the daemon opens its store on the records, serves, and hands
 *            the store over; changes are written to the database as they are marked in LMDB
 *   LOST     another one may act, or does: the process is to end, without sending anything
 *
 * Acting upstream is for the owner of shard 0, until cluster_deadline, which each acknowledged
 * heartbeat moves on: core/tenure.h. Functions are the main thread's but where they say so. */
#ifndef BW_STORE_CLUSTER_H
#define BW_STORE_CLUSTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/token.h"
#include "store/clusterdb.h"
#include "store/clusterface.h"
#include "store/codec.h"
#include "store/store.h"

struct cluster;

/* What it points to outlives the cluster. */
struct cluster_conf {
    const char *name, *node, *database;
    uint32_t fence_s;
    const char *state_dir, *runtime_dir;
    bool is_synced;
    struct codec_names names;
    struct token_key token; /* all nodes have the same */
};

/* Locks and opens the records, starts the thread. ERR_IO, ERR_NOMEM, ERR_BADCONF: logged. */
int cluster_start(const struct cluster_conf *conf, struct cluster **out);

/* Readable when the phase has changed; cluster_phase reads it empty. */
int cluster_fd(const struct cluster *c);
enum cluster_phase cluster_phase(struct cluster *c);

/* Of a node that leads: its store is open; until cluster_finish. Any change in it, any thread:
 * cluster_wake. */
void cluster_lead(struct cluster *c, struct store *s);
void cluster_wake(struct cluster *c);

/* REGISTERs may go upstream again since the last call, after a time in which they might not. */
bool cluster_has_regained(struct cluster *c);

/* REGISTERs may go upstream while sys_now_ms is below. Any thread. */
const _Atomic uint64_t *cluster_deadline(const struct cluster *c);

/* Nothing changes in the store any more: writes what there is to write, gives the ownership to a
 * node that stands by, if there is one that is up to date, and ends the thread. Takes seconds at
 * most, whatever the database does. */
void cluster_finish(struct cluster *c);

void cluster_free(struct cluster *c); /* after cluster_finish; NULL is legal */

/* ---- any thread */

void cluster_status(struct cluster *c, struct cluster_status *out);

#endif
