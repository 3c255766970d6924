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
#include "store/lease.h"

struct store;
struct store_reader;

enum store_durability { DURABILITY_POWER, DURABILITY_PROCESS };

/* Told when the sweep has taken bindings of an AoR, or when its upstream registration is due: on
 * the inbox of the worker that owns the AoR. */
struct store_event {
    struct inbox_node node; /* the handler frees the event with store_event_free */
    struct str aor;
    enum { STORE_LAPSED, STORE_DUE } what;
};
void store_event_free(struct store_event *e);

struct store_conf {
    const char *state_dir;
    const char *runtime_dir;
    enum store_durability durability;
    uint32_t lease_checkpoint_s;
    uint32_t max_queue; /* updates that may wait */
    struct codec_names names;
    /* The policy of an AoR, for grace and sweep; any thread. NULL: its domain is gone. */
    const struct absorb_conf *(*policy)(struct str aor, void *arg);
    /* The inbox that owns an AoR; any thread. NULL: nobody (tests). */
    struct inbox *(*owner)(struct str aor, void *arg);
    inbox_fn *on_event;
    void *arg;
};

/* Opens or makes LMDB and the lease table under an exclusive lock, rebuilds leases, starts nothing.
 * ERR_IO, ERR_NOMEM: logged with what to do. ERR_BADCONF: a foreign or newer store; untouched. */
int store_open(const struct store_conf *conf, struct store **out);

/* Runs the writer until store_stop: the body of the store thread. */
void store_run(struct store *s);

/* Any thread. Everything queued is committed first. */
void store_stop(struct store *s);

void store_close(struct store *s); /* after store_run has returned; NULL is legal */

struct lease_table *store_leases(struct store *s);
size_t store_count(const struct store *s); /* AoRs */

/* ---- changing */

enum store_outcome {
    STORE_COMMITTED,
    STORE_UNCHANGED, /* the reducer wanted no change */
    STORE_FAILED     /* disk full, I/O: nothing changed */
};

/* The result of an update, delivered to the caller's inbox; the handler frees it with
 * store_result_free. */
struct store_result {
    struct inbox_node node;
    uint64_t cookie;
    enum store_outcome outcome;
    int code; /* what the reducer returned */
    struct str aor;
    void *input; /* the caller's copy, as the reducer left it */
};
void store_result_free(struct store_result *r);

/* What a reducer sees. */
struct store_change {
    struct arena *arena;
    const struct aor_record *now_state;
    struct aor_record *next;         /* a deep copy, to be changed */
    const struct lease_view *leases; /* of now_state's bindings, seized */
    uint64_t now_s;
};

/* Pure and fast. Sets *is_changed when next is to be committed (empty of bindings and upregs: the
 * record goes); bindings whose contact, way, Call-ID, proof or right to be absorbed changed carry
 * is_changed. The return value comes back in store_result.code. */
typedef int store_reduce_fn(const struct store_change *c, void *input, bool *is_changed);

struct store_request {
    struct str aor;
    store_reduce_fn *reduce;
    const void *input;
    /* A deep copy of input in the entry's arena, made before store_update returns; NULL: the
     * arena is exhausted. */
    void *(*copy)(struct arena *a, const void *input);
    struct inbox *reply_to; /* NULL: nobody wants to know */
    inbox_fn *on_result;
    uint64_t cookie;
    bool is_background; /* sweeps and removals: may not take the last half of the queue */
};

/* Any thread. The entry that is allocated here is also the result's node, so delivering it cannot
 * fail. ERR_FULL: the queue; ERR_NOMEM. */
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

/* At the end of each loop turn: the snapshot is given up. */
void store_reader_reset(struct store_reader *r);

#endif
