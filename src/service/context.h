/* What one worker owns and the rooms of service/ work with. Only the worker's thread touches it;
 * the fields are set by worker.c. */
#ifndef BW_SERVICE_CONTEXT_H
#define BW_SERVICE_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/hmap.h"
#include "base/list.h"
#include "conf/conf.h"
#include "core/surge.h"
#include "core/token.h"
#include "net/flow.h"
#include "service/denied.h"
#include "service/mark.h"
#include "sip/msg.h"

struct alarms;
struct auth;
struct board;
struct digest_answer;
struct egress;
struct gruuseal;
struct inbox;
struct keepalive;
struct keeper;
struct late;
struct ledger;
struct memo_table;
struct lifecycle;
struct noise;
struct listener;
struct loop;
struct lost;
struct natlife;
struct ongoing_table;
struct shadow;
struct silence;
struct pacer;
struct probes;
struct refused;
struct roster;
struct servers;
struct source_table;
struct store;
struct store_reader;
struct tally;
struct told;
struct trail;
struct txn_table;
struct upstream;

struct context {
    unsigned n_workers;
    struct hash_key owner_key;             /* equal on all workers */
    unsigned worker;                       /* its number */
    struct conf *conf;                     /* the snapshot of this turn */
    const struct conf_domain *last_domain; /* of it, that a REGISTER was for; or NULL */
    struct loop *loop;
    struct flow_table *flows;
    const struct conf_listen *listens; /* as they were at the start: they change at a restart */
    struct listener *listeners;        /* one for each of them */
    size_t n_listeners;
    struct txn_table *txns;
    struct egress *egress;
    struct servers *servers; /* of upstreams */
    struct roster *roster;   /* those that are given by name */
    struct digest_answer *digest;
    struct denied denied;       /* accounts of ours at upstreams */
    struct arena scratch;       /* emptied after each message */
    struct mark_maker marks;    /* our branches and tags */
    struct hash_key loop_key;   /* marks in branches (RFC 3261 16.6 step 8); equal on all workers */
    struct hash_key answer_key; /* what a repeat is known by, and answered with again (D29, D45);
                                   equal on all workers and after a restart */
    struct msg_limits limits;
    struct token_key token_key; /* of our Contact upstream */
    struct auth *auth;          /* our own challenges */
    struct gruuseal *gruuseal;  /* temporary names of devices */
    struct store *store;
    struct store_reader *reader;
    struct inbox *inbox;          /* ours: store results, events */
    struct keeper *keeper;        /* fixed lines */
    struct lost *lost;            /* connections that have ended under devices */
    struct probes *probes;        /* of their contacts */
    struct namebook *names;       /* of all workers: whom certificates name; or NULL */
    struct keepalive *keepalive;  /* of registered devices */
    struct natlife *natlife;      /* shared by all workers */
    struct board *board;          /* of all workers: what the admin API sees; or NULL */
    struct pacer *pacer;          /* REGISTERs that wait for their turn upstream */
    struct upstream *upstream;    /* legs and REGISTERs on their way */
    struct list regs;             /* of reg.c, but for those that wait for a leg */
    struct list done_regs;        /* of reg.c: they go at the end of the turn */
    struct list calls;            /* of call.c */
    struct late *late;            /* what the workers share for late.c */
    struct hmap watches;          /* of late.c: calls that wait for devices */
    struct hmap callers;          /* of caller.c */
    struct silence *silence;      /* of upstreams; shared by all workers */
    struct source_table *sources; /* shared by all workers */
    struct alarms *alarms;        /* shared by all workers; or NULL */
    void (*resync)(struct str upstream, void *arg); /* on all workers */
    void *resync_arg;
    struct lifecycle *lifecycle; /* the same */
    struct refused *refused;
    struct tally *tally; /* what the workers share for ongoing.c */
    struct ongoing_table *ongoing;
    struct told *told;        /* shared by all workers */
    struct trail *trail;      /* the last decisions */
    struct ledger *ledger;    /* of each domain */
    struct memo_table *memos; /* what all workers share for memo.c; NULL: no short way */
    struct shadow *shadow;    /* what other modes would do */
    struct noise *noise;      /* of which sources */
    uint64_t in_hand_us;      /* when the packet was taken, sys_now_us; 0: this one is not timed */
    unsigned n_packets;
    struct surge surge; /* of absorbed REGISTERs */
    bool is_draining;   /* new requests outside a dialog get 503 */
    bool is_departing;  /* the same, but for REGISTERs: devices are to come back soon */
};

/* The worker that owns an AoR or a Call-ID. */
static inline unsigned context_owner(const struct context *c, struct str key)
{
    return (unsigned)(hash_str(&c->owner_key, key) % c->n_workers);
}

#endif
