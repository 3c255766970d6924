/* Who looks on: copies of the messages that come and go, for traces and for HEP. While nobody does,
 * a message costs one relaxed load (flow_show). A watcher has a filter, and a bounded queue of its
 * own that drops and counts what finds no room; workers put in, one thread takes out. Any thread.
 */
#ifndef BW_NET_TAP_H
#define BW_NET_TAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/list.h"
#include "net/flow.h"

/* One place is kept for the daemon's own watcher, the others are for traces. Of each watcher:
 * messages and bytes that may wait. */
enum { TAP_WATCHERS_MAX = 9, TAP_ITEMS_MAX = 4000, TAP_BYTES_MAX = 8 << 20, TAP_HOSTS_MAX = 32 };

struct tap {
    atomic_uint n_watchers;
    struct tap_core *core;
};

/* A message: what is said of it, then its bytes. */
struct tap_item {
    struct list node;
    uint64_t wall_ms;
    struct addr local, peer;
    bool is_in;
    enum flow_transport transport;
    struct str bytes; /* behind the struct; the taker may change them */
};

/* What a watcher wants to see; all of it must fit. Slices are copied. */
struct tap_filter {
    struct str user;         /* of the Request-URI, From or To, canonical; none: any */
    const struct str *hosts; /* beside it there: one of these; as many as TAP_HOSTS_MAX */
    size_t n_hosts;
    struct addr source; /* the other end; port 0: any; family 0: anybody */
    bool is_own;        /* the daemon's own, in the place that is kept for it */
};

struct tap_watch;

int tap_init(struct tap *t);  /* ERR_NOMEM */
void tap_fini(struct tap *t); /* nobody watches any more; one that is zero is fine */

/* Where a listener is bound: for messages whose flow does not say. Before threads start. */
void tap_set_listener(struct tap *t, uint8_t listener, const struct addr *local);

/* ERR_FULL: there are as many as may be, or hosts; ERR_NOMEM. */
int tap_watch(struct tap *t, const struct tap_filter *filter, struct tap_watch **out);
void tap_unwatch(struct tap_watch *w); /* NULL is legal */

/* The next message, which the caller frees with free(); NULL: there is none now. */
struct tap_item *tap_take(struct tap_watch *w);
bool tap_has(struct tap_watch *w);

/* How many it has missed since this was asked last. */
uint64_t tap_missed(struct tap_watch *w);

/* Who watches sees what the group's workers send and receive from now on. Before threads start. */
void tap_join(struct tap *t, struct flow_group *group);

#endif
