/* The operator takes an address of record away: its bindings go in one commit, its registrations
 * upstream as when the last device has left (D58, D59). Asked for on an admin thread, done by the
 * worker that owns the AoR. */
#ifndef BW_SERVICE_REMOVAL_H
#define BW_SERVICE_REMOVAL_H

#include "base/str.h"
#include "net/inbox.h"
#include "service/context.h"

/* What becomes of the AoR upstream. */
enum removal_upstream {
    REMOVAL_NOTHING,   /* nothing is there */
    REMOVAL_LEAVING,   /* we unregister it; one that is challenged without an account of ours stays
                          as an orphan until it runs out (D58) */
    REMOVAL_RUNS_OUT,  /* it was an orphan already, or in mirror a phone's own sequence */
    REMOVAL_FIXED_LINE /* the configuration keeps it registered */
};

struct removal {
    unsigned n_bindings;
    enum removal_upstream upstream;
};

const char *removal_word(enum removal_upstream what);

/* Any thread but a worker's: pushes the order to the inbox of the AoR's owner, whose handler is fn,
 * and waits for what comes of it, 5 s at most. 0; ERR_ABSENT: nothing was known of it; ERR_AGAIN:
 * it took too long, and may still be done; ERR_FULL, ERR_IO, ERR_NOMEM: nothing was changed. */
int removal_ask(struct inbox *owner, inbox_fn *fn, struct str aor, struct removal *out);

/* The owner's thread: what fn is to do with the node. */
void removal_start(struct context *c, struct inbox_node *node);

#endif
