/* What one worker owns and the rooms of service/ work with. Only the worker's thread touches it;
 * the fields are set by worker.c. */
#ifndef BW_SERVICE_CONTEXT_H
#define BW_SERVICE_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/list.h"
#include "conf/conf.h"
#include "net/flow.h"
#include "service/mark.h"
#include "sip/msg.h"

struct egress;
struct loop;
struct txn_table;
struct udp;

struct context {
    unsigned worker;         /* its number */
    const struct conf *conf; /* the snapshot of this turn */
    struct loop *loop;
    struct flow_table *flows;
    const struct conf_listen *listens; /* as they were at the start: they change at a restart */
    struct udp **listeners;            /* one for each of them */
    size_t n_listeners;
    struct txn_table *txns;
    struct egress *egress;
    struct arena scratch;     /* emptied after each message */
    struct mark_maker marks;  /* our branches and tags */
    struct hash_key loop_key; /* marks in branches (RFC 3261 16.6 step 8); equal on all workers */
    struct msg_limits limits;
    struct list passes; /* of proxy.c */
    bool is_draining;   /* new requests outside a dialog get 503 */
};

#endif
