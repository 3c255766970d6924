/* The upstream leg of a registration: who is on the way and who waits. Kept for a while after the
 * last, so that CSeq rises and an open challenge is remembered. The worker's thread. */
#ifndef BW_SERVICE_LEG_H
#define BW_SERVICE_LEG_H

#include "base/hmap.h"
#include "base/list.h"
#include "core/binding.h"
#include "core/token.h"
#include "net/wheel.h"
#include "service/context.h"
#include "service/txn.h"
#include "service/wallet.h"

struct reg;

enum { LEG_REFS = 4, LEG_WAITING_MAX = 4, LEG_CALM_S = 64 };

struct leg {
    struct hmap_node node;
    struct context *context;
    struct hmap *map;
    struct reg *busy; /* blocks the others; NULL: nobody does */
    struct list waiting;
    unsigned n_waiting;
    unsigned n_users;                /* regs that point here */
    void (*resume)(struct reg *r);   /* decides about one whose turn has come */
    txn_fn *on_answer;               /* to what was sent; arg: the reg */
    void (*on_patience)(void *reg);  /* the answer takes long */
    struct reg *retry;               /* our own, that waits to be sent again; NULL: none */
    bool is_retry_next;              /* it is due, and goes before all that wait */
    void (*on_retry)(void *reg);     /* its turn has come */
    uint32_t cseq;                   /* the last one sent */
    char renewed[TOKEN_CALL_ID_LEN]; /* the Call-ID that it belongs to (D33) */
    bool is_renewed;
    bool has_turn;      /* kept for the answer to the challenge that a phone has been told */
    unsigned n_retries; /* of our own, in a row */
    struct lease_ref pending[LEG_REFS]; /* bindings that an open challenge holds (D30) */
    size_t n_pending;
    struct wheel_timer calm;
    struct wallet wallet; /* of upstream's challenges to what is ours */
    uint64_t upreg_id;
};

struct leg *leg_find(const struct hmap *map, uint64_t upreg_id);

/* Finds or makes it. NULL: no memory. */
struct leg *leg_get(struct context *c, struct hmap *map, uint64_t upreg_id);

/* A reg points here, or does no more. The last one starts the calm. */
void leg_join(struct leg *l);
void leg_leave(struct leg *l);

/* The bindings of a REGISTER on its way: not absorbed until its final answer, or 64 s after a
 * challenge. */
void leg_hold(struct leg *l, const struct lease_ref *refs, size_t n);
void leg_release(struct leg *l);

void leg_free(struct leg *l);

#endif
