/* A change of an AoR's record on its way to the writer and back: what the caller says, what the
 * reducer sees, what the caller is told; and what the sweep tells. Who may do what with them stands
 * in store.h. Any thread. */
#ifndef BW_STORE_UPDATE_H
#define BW_STORE_UPDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "core/absorb.h"
#include "core/binding.h"
#include "net/inbox.h"

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
    int code; /* what the reducer returned; ERR_*: it has not run */
    struct str aor;
    void *input; /* the caller's copy, as the reducer left it */
};
void store_result_free(struct store_result *r);

/* What a reducer sees. The expiry and the CSeq of now_state's bindings are their leases'. */
struct store_change {
    struct arena *arena;                /* lives as long as the result */
    const struct aor_record *now_state; /* until the reducer returns */
    struct aor_record *next;            /* a deep copy in the arena, to be changed */
    const struct lease_view *leases;    /* of now_state's bindings, seized; as now_state */
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

/* Told when the sweep has taken bindings of an AoR, or when its upstream registration is due: on
 * the inbox of the worker that owns the AoR. */
struct store_event {
    struct inbox_node node; /* the handler frees the event with store_event_free */
    struct str aor;
    enum { STORE_LAPSED, STORE_DUE } what;
};

/* The entry in the queue. */
struct update {
    struct store_result result;
    struct store_request request; /* as given, but aor and input are in result */
    struct arena arena;           /* of input, aor and the next record */
    struct update *next;
    struct store_event *event; /* the sweep's: for the AoR's owner, once it is committed */
};

/* A copy of the request with an arena of its own. ERR_NOMEM; ERR_TOOBIG: the AoR. */
int update_new(const struct store_request *r, struct update **out);
void update_free(struct update *u); /* NULL is legal */

/* ERR_NOMEM. */
int update_event_new(struct str aor, struct store_event **out);

#endif
