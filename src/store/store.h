/* The location truth: records in LMDB through one writer thread, leases beside them. A change is a
 * pure function that runs on the current record inside the write transaction; commits go in groups
 * and are acknowledged only when they hold as durability promises. Workers read through readers of
 * their own. */
#ifndef BW_STORE_STORE_H
#define BW_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/absorb.h"
#include "core/binding.h"
#include "net/inbox.h"
#include "store/codec.h"
#include "store/group.h"
#include "store/lease.h"
#include "store/records.h"
#include "store/update.h"

struct store;
struct store_reader;

enum { STORE_AOR_MAX = 511 }; /* bytes of an AoR */

enum store_durability { DURABILITY_POWER, DURABILITY_PROCESS };

void store_event_free(struct store_event *e);

struct store_conf {
    const char *state_dir;
    const char *runtime_dir;
    enum store_durability durability;
    uint32_t lease_checkpoint_s;
    uint32_t max_queue;  /* updates that may wait */
    uint32_t leases_max; /* 0: 16 million */
    size_t map_len;      /* of the database, to begin with; it grows. 0: 1 GiB */
    struct codec_names names;
    bool is_marked; /* changes are marked for the cluster (records.h) */
    /* The policy of an AoR, for grace and sweep; any thread. NULL: its domain is gone. */
    const struct absorb_conf *(*policy)(struct str aor, void *arg);
    /* The inbox that owns an AoR; any thread. NULL: nobody (tests). */
    struct inbox *(*owner)(struct str aor, void *arg);
    inbox_fn *on_event;
    void *arg;
    /* Every commit of a change, as group.h has it, on the store thread and in store_open; fast.
     * NULL: nobody wants to know. */
    group_change_fn *on_change;
    void *change_arg;
};

/* Makes state-dir and takes its lock, which ends with *fd (-1: not opened; to be closed after an
 * error, too). ERR_IO: logged. */
int store_lock(const char *dir, int *fd);

/* Opens or makes LMDB and the lease table under an exclusive lock, rebuilds leases, starts nothing.
 * ERR_IO, ERR_NOMEM: logged with what to do. ERR_BADCONF: a foreign or newer store; untouched. */
int store_open(const struct store_conf *conf, struct store **out);

/* Runs the writer until store_stop: the body of the store thread. Checkpoints are written by a
 * thread of its own. */
void store_run(struct store *s);

/* One turn of the writer, where no thread runs it: in a simulation. No reader of the calling thread
 * may be inside. The milliseconds until the next turn is wanted; 0: at once. */
uint32_t store_turn(struct store *s);

/* Any thread. Everything queued is committed first; nothing more is taken. */
void store_stop(struct store *s);

void store_close(struct store *s); /* after store_run has returned; NULL is legal */

struct lease_table *store_leases(struct store *s);
/* What lies in LMDB, for the cluster's thread, which reads, and writes as a guest. */
struct records *store_records(struct store *s);
/* Lines and bindings by domain, for headcount_read; as long as the store. */
const struct headcount *store_headcount(const struct store *s);
size_t store_count(const struct store *s); /* AoRs */
/* Of the listen sections, by their index; as long as the store. */
const struct codec_names *store_names(const struct store *s);

/* ---- changing */

/* Any thread. The entry that is allocated here is also the result's node, so delivering it cannot
 * fail. ERR_FULL: the queue, or the store stops; ERR_TOOBIG: an AoR of more than 511 bytes;
 * ERR_NOMEM. */
int store_update(struct store *s, const struct store_request *r);

/* ---- reading, in a worker */

int store_reader_new(struct store *s, struct store_reader **out);
void store_reader_free(struct store_reader *r); /* NULL is legal */

/* The AoR's record in the arena; an empty one where there is none. Sees everything that had been
 * acknowledged before the last store_reader_reset. ERR_IO (damaged: logged, counted), ERR_NOMEM. */
int store_read(struct store_reader *r, struct arena *a, struct str aor,
               const struct aor_record **out);

/* The AoR that an upstream registration's id belongs to. ERR_ABSENT. */
int store_find_upreg(struct store_reader *r, struct arena *a, uint64_t upreg_id, struct str *aor);

/* The AoR behind one in the order of their bytes, which need not be there; none: the first.
 * ERR_ABSENT: there is no other; ERR_IO, ERR_NOMEM. */
int store_next(struct store_reader *r, struct arena *a, struct str after, struct str *aor);

/* At the end of each loop turn: the snapshot is given up. */
void store_reader_reset(struct store_reader *r);

#endif
