/* Transactions of one worker: the machines of core/txnfsm with their messages, timers and tables
 * (RFC 3261 17, RFC 6026, RFC 4320). A transaction belongs to the table; its user holds the
 * pointer until the TXN_NOTE_END, which comes exactly once, or until txn_client_drop. The dead are
 * reaped at the end of the loop's turn, never inside a callback. All on the worker's thread. */
#ifndef BW_SERVICE_TXN_H
#define BW_SERVICE_TXN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "net/flow.h"
#include "sip/build.h"
#include "sip/msg.h"

struct loop;
struct txn;
struct txn_table;

enum { TXN_ACK_MS = 2000 };

enum txn_note {
    TXN_NOTE_MESSAGE, /* client: a response that is not a repeat; server: an ACK after a 2xx */
    TXN_NOTE_CANCEL,  /* INVITE server: the caller's CANCEL, already answered */
    TXN_NOTE_TIMEOUT, /* client: no final response; INVITE server: no ACK */
    TXN_NOTE_ERROR,   /* the transport failed */
    TXN_NOTE_GONE,    /* the same of a stream: it has ended */
    TXN_NOTE_LATE,    /* server, not INVITE: a 100 is due (RFC 4320) */
    TXN_NOTE_END      /* terminated: forget the pointer */
};

/* m: the message of TXN_NOTE_MESSAGE and TXN_NOTE_CANCEL, valid until the call returns; else
 * NULL. */
typedef void txn_fn(struct txn *t, enum txn_note note, const struct msg *m, void *arg);

/* Who is told; fn NULL: nobody. */
struct txn_user {
    txn_fn *fn;
    void *arg;
};

struct mark_maker;

struct txn_conf {
    struct loop *loop;
    struct flow_table *flows;
    const struct mark_maker *marks; /* for To tags; outlives the table */
    uint32_t max;                   /* transactions at one time */
    /* A connection has ended that is still needed: *flow is another one to the same peer then. For
     * an answer (RFC 3261 18.2.2) request is what it answers, else NULL. ERR_GONE. Or NULL. */
    int (*reopen)(const struct msg *request, struct flow_ref *flow, void *arg);
    void *arg;
};

int txn_table_new(const struct txn_conf *conf, struct txn_table **out);

/* Users hear of the end of every transaction. NULL is legal. */
void txn_table_free(struct txn_table *t);

void txn_table_set_max(struct txn_table *t, uint32_t max);

/* No server transaction waits for its final response, and whoever got a 2xx to an INVITE has had
 * the time for its ACK, lost twice and repeated: it is sent on without state, but by us. */
bool txn_table_is_idle(const struct txn_table *t);

/* All transactions that are alive. */
size_t txn_table_size(const struct txn_table *t);

/* ---- server side */

/* Copies the request. The flow is where responses go. ERR_FULL: max reached, or no room left for
 * the client transaction that it will have; ERR_NOMEM. */
int txn_server_new(struct txn_table *t, const struct msg *request, const struct flow_ref *reply_to,
                   const struct txn_user *user, struct txn **out);

/* Takes a request that repeats one, or an ACK, to its transaction: true when there was one (RFC
 * 3261 17.2.3, by the rules of RFC 2543 where there is no cookie, D34). A copy from another host
 * is a stranger's, whatever it knows. An ACK to a 2xx is told to the user, but it is not for this
 * hop alone: false, so that it is sent on like any other. */
bool txn_server_receive(struct txn_table *t, const struct msg *request, const struct addr *source);

/* A request of this method with that top Via may repeat one. Of the Via its text and its branch;
 * the rest is read only if the branch looks like one that is there. */
bool txn_server_has(const struct txn_table *t, const struct via *via, struct str method,
                    const struct addr *source);

/* The INVITE transaction that a CANCEL means, or NULL (9.2). */
struct txn *txn_server_of_cancel(struct txn_table *t, const struct msg *cancel,
                                 const struct addr *source);

/* Tells the user of an INVITE transaction of a CANCEL. */
void txn_server_cancelled(struct txn *t, const struct msg *cancel);

/* Sends a response made elsewhere, with its Via already right; copies it. What the state does not
 * allow any more is dropped. A final response to a request that is no INVITE, for which its client
 * waits no more, is not sent either and ends the transaction (RFC 4320 4.2). */
void txn_server_send(struct txn *t, unsigned status, struct str bytes);

/* Makes and sends a response from the request. All but a 100 get a To tag. A final one for which
 * there is no memory ends the transaction. */
void txn_server_reply(struct txn *t, const struct build_reply *reply);

/* Ends a transaction that must stay without an answer (RFC 4320 4.2). */
void txn_server_drop(struct txn *t);

bool txn_server_is_open(const struct txn *t);

const struct msg *txn_server_request(const struct txn *t);

/* ---- client side */

struct txn_request {
    struct flow_ref flow;
    struct str bytes;  /* with our Via on top; copied */
    struct str branch; /* of that Via */
    bool is_invite;
    struct str method;
    /* While sys_now_ms is not below *until_ms nothing is sent again; an answer to what went before
     * is still taken. Outlives the table. NULL: no such limit. */
    const _Atomic uint64_t *until_ms;
};

/* Sends the request. ERR_FULL, ERR_NOMEM; ERR_IO or ERR_GONE: it could not be sent, and no
 * transaction is left. */
int txn_client_new(struct txn_table *t, const struct txn_request *request,
                   const struct txn_user *user, struct txn **out);

/* Takes a response to its transaction; false: it has none. */
bool txn_client_receive(struct txn_table *t, const struct msg *response);

/* Sends a CANCEL for an INVITE in Proceeding; its own transaction needs no user. reason: a Reason
 * header's value, or none. 0 or as txn_client_new, but never ERR_FULL. */
int txn_client_cancel(struct txn *t, struct str reason);

/* Ends a transaction that its user has given up (9.1: an INVITE that outlives its CANCEL); the user
 * hears no more. */
void txn_client_drop(struct txn *t);

#endif
