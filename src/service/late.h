/* Late fork: a call that rings learns that a device of its line has registered. The workers share
 * one counter for each of many groups of lines, so that a registration costs no more than a look at
 * one of them while nobody rings there. */
#ifndef BW_SERVICE_LATE_H
#define BW_SERVICE_LATE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/hmap.h"
#include "net/inbox.h"
#include "service/context.h"

enum { LATE_SLOTS = 16384, LATE_WORKERS_MAX = 256 };

/* Of all workers; zero before. The inboxes are set before any thread starts. */
struct late {
    atomic_uint ringing[LATE_SLOTS];
    struct inbox *inboxes[LATE_WORKERS_MAX];
    inbox_fn *deliver; /* calls late_on_message with the worker's context and the post's tail */
};

/* A call that waits for devices of its line. Embedded in it; zero before. */
struct late_watch {
    struct hmap_node node;
    struct str aor; /* the call's own memory */
    void (*on_arrival)(struct late_watch *w);
    bool is_set;
};

/* aor and on_arrival are set. What was committed after the worker's turn began and before this
 * call is not announced: read the line once more, a turn later. ERR_NOMEM. The worker's thread. */
int late_watch(struct context *c, struct late_watch *w);

/* Legal for one that is not set, too. */
void late_unwatch(struct context *c, struct late_watch *w);

/* A device of the line has been accepted and its binding is committed: whoever rings for it is
 * told, on every worker, once each of them gets to it. Any worker's thread. */
void late_announce(struct context *c, struct str aor);

/* An announcement has reached the worker of c. on_arrival may end its own watch, no other. */
void late_on_message(struct context *c, struct str aor);

#endif
