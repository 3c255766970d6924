/* Which node may act upstream for which lines: its tenure. Lines are dealt into shards; each shard
 * has one owner, which alone sends REGISTERs upstream for it. The database is the judge: it holds,
 * for each node, the epoch in which that node may write and when it was last heard, and for each
 * shard its owner and the epoch of that ownership, which only rises.
 *
 *   act     an owner acts until the send time of the last heartbeat that the database acknowledged
 *           + act_ms, of a clock that never steps
 *   fence   a node that was not heard for fence_ms, of the database's clock, loses its epoch and in
 *           the same transaction its shards; who does that has been heard itself, without a gap,
 *           for as long, so after an outage of the database all have time to come back
 *   adopt   a new owner acts only when it has read, from beginning to end and after it learned of
 *           its ownership, all that was written: the last owner cannot write any more. It sends
 *           nothing by itself: what is due comes when it is due
 *   hand    an owner that gives a shard to another one stops acting first, waits until nothing of
 *           it is on its way and all that it did is written, and then writes the new owner
 *
 * So at any time at most one node acts for a shard, as long as fence_ms - act_ms is more than the
 * clocks of two databases that replace each other differ by. A database that was restored from a
 * backup has another generation: all ownership that was learned before is void, and nobody takes
 * what is free until everybody has had the time to notice.
 *
 * This is the node's side, as a pure machine: it is told what happened and says what to do next;
 * the transactions are somebody else's. Any thread, one at a time. */
#ifndef BW_CORE_TENURE_H
#define BW_CORE_TENURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TENURE_SHARDS_MAX = 1024, TENURE_NODES_MAX = 64, TENURE_NOBODY = -1 };

/* All but n_shards and moves_a_minute follow from fence_ms: tenure_conf_of. */
struct tenure_conf {
    uint64_t beat_ms;        /* between two heartbeats */
    uint64_t gap_ms;         /* between two acknowledged ones: more is an interruption */
    uint64_t act_ms;         /* see above */
    uint64_t fence_ms;       /* see above */
    unsigned n_shards;       /* 1 to TENURE_SHARDS_MAX */
    unsigned moves_a_minute; /* shards handed to a node that has come; 0: it gets only free ones */
};

/* 150 s: heartbeats each 5 s, acting for 120 s. */
struct tenure_conf tenure_conf_of(uint64_t fence_ms, unsigned n_shards, unsigned moves_a_minute);

/* ---------------------------------------------------------------- what the database shows */

/* As a transaction saw it. */
struct tenure_node {
    int number; /* its own, for good */
    uint64_t epoch;
    uint64_t silent_ms; /* since it was last heard, by the database's clock */
    bool is_member;     /* neither fenced nor left */
    bool is_current;    /* it has read what there is to read: shards may be handed to it */
};

struct tenure_claim {
    int node; /* or TENURE_NOBODY */
    uint64_t epoch;
};

struct tenure_view {
    uint64_t generation;
    bool is_settled; /* of the first generation, or fence_ms old */
    size_t n_nodes;
    struct tenure_node nodes[TENURE_NODES_MAX];
    struct tenure_claim claims[TENURE_SHARDS_MAX];
};

/* Who should have a shard, of the nodes that can be trusted with one; TENURE_NOBODY: none of them.
 * Each node that comes or goes moves its own share alone (rendezvous). */
int tenure_choice(const struct tenure_conf *conf, const struct tenure_view *view, unsigned shard);

/* ---------------------------------------------------------------- the machine */

enum tenure_hold {
    TENURE_NONE,
    TENURE_ADOPTING, /* owned, but not all is read yet */
    TENURE_HELD,
    TENURE_LEAVING /* owned, to be handed over: nothing new goes upstream */
};

struct tenure_shard {
    enum tenure_hold hold;
    uint64_t epoch;
    uint64_t learned_ms; /* that it is ours */
    bool is_quiet;       /* LEAVING: nothing is on its way */
};

struct tenure {
    struct tenure_conf conf;
    int me;
    bool is_member;
    bool is_going; /* it wants to leave: takes nothing, hands over everything */
    uint64_t epoch, generation;
    uint64_t acked_ms; /* send time of the last heartbeat that was acknowledged */
    uint64_t since_ms; /* send time of the first one without a gap to the last */
    uint64_t sent_ms;  /* of the last one, acknowledged or not; 0: none yet */
    uint64_t moved_ms; /* since when n_moved shards were handed over */
    unsigned n_moved;
    struct tenure_shard shards[TENURE_SHARDS_MAX];
};

void tenure_init(struct tenure *t, const struct tenure_conf *conf, int me);

enum tenure_what {
    TENURE_TICK,
    TENURE_JOINED, /* the database has us as a member, in `epoch` */
    TENURE_HEARD,  /* the same for a heartbeat: sent_ms, view */
    TENURE_LOST,   /* the database refused something: our epoch is not the one it has */
    TENURE_READ,   /* all rows were read to the end, in a reading that began at sent_ms */
    TENURE_QUIET,  /* of a shard that is leaving nothing is on its way, nor to be written */
    TENURE_GOING   /* the node is to leave */
};

struct tenure_event {
    enum tenure_what what;
    uint64_t now_ms;
    uint64_t sent_ms; /* when the transaction, or the reading, began */
    uint64_t epoch;
    const struct tenure_view *view;
    unsigned shard;
};

/* What to do next, each in a transaction of its own that does nothing unless we are a member in our
 * epoch; none of it has to succeed, and what is still wanted is wished again. A shard may be handed
 * to ourselves: that ends an earlier hand whose outcome is not known. */
struct tenure_wish {
    bool join;            /* as a member with a new epoch */
    bool beat;            /* a heartbeat, with a view of all */
    int fence;            /* this node's shards go to their choices; TENURE_NOBODY */
    uint64_t fence_epoch; /* if it is still in this epoch, and still not heard for fence_ms */
    size_t n_takes;       /* free shards that are to be ours, if they are still free */
    uint16_t takes[TENURE_SHARDS_MAX];
    size_t n_hands; /* our shards that go to another node, or to nobody */
    struct {
        uint16_t shard;
        int to;
    } hands[TENURE_SHARDS_MAX];
};

/* What comes late, of an epoch that is over, is passed over. */
void tenure_step(struct tenure *t, const struct tenure_event *e, struct tenure_wish *out);

/* A REGISTER may go upstream for a line of that shard. */
bool tenure_can_act(const struct tenure *t, unsigned shard, uint64_t now_ms);

/* When acting ends unless the database is heard; 0: it does not act. */
uint64_t tenure_acts_until_ms(const struct tenure *t, unsigned shard);

#endif
