/* What the Route headers of a request say of us: how many of them are ours, and which phones'
 * dialogs they name (RFC 3261 16.4, D70). No state; the worker's thread. */
#ifndef BW_SERVICE_DIALOG_H
#define BW_SERVICE_DIALOG_H

#include "core/binding.h"
#include "service/context.h"

enum { DIALOG_LEGS_MAX = 2 };

struct dialog {
    unsigned n_routes;                /* leading elements that name us */
    struct way legs[DIALOG_LEGS_MAX]; /* phones, in order: two for a call between phones of ours */
    unsigned n_legs;
    bool is_from_phone; /* that of the first leg has sent the request */
    bool is_caller;     /* and it has begun the dialog */
    uint16_t core;      /* the mark of the upstream beyond it; 0: none */
    uint16_t server;    /* and of the server of it (servers_mark); 0: none */
    uint64_t line;      /* an upstream registration of that phone's line; 0: not known */
    uint64_t peer_line; /* the same of the second leg's */
    uint32_t name;      /* remote_name of that phone in this dialog */
    bool is_peer_known; /* to whom that phone has sent it was seen at the other end */
    bool is_to_peer;    /* and where that one has said that he is: the call goes on */
    struct str call_id;
    struct str path_user; /* the user part of a Path of ours (upreq.c), or none */
    struct str next;      /* the URI of the first Route that is not ours, or none */
    bool is_forged;       /* one is like ours, but does not verify for this dialog */
};

void dialog_read(struct context *c, const struct packet *p, const struct msg *m,
                 struct dialog *out);

/* The URI of a Record-Route is one that we have made for this dialog. */
bool dialog_is_signed(struct context *c, const struct msg *m, struct str uri);

/* A phone has begun a call, and this is the other end's answer on its way there: the value of
 * the Record-Route by which the phone will go on says whose it is (RFC 3261 16.6 step 4 allows
 * that; the others have their copy from the request). *old none: there is nothing to write. */
void dialog_sign_answer(struct context *c, const struct msg *answer, struct str *old,
                        struct str *with);

/* Of a Contact: what a route keeps of where it is; 0: none can be read. */
uint32_t dialog_target(const struct context *c, const struct msg *m);

/* RFC 3261 16.4: where a strict router has put our Record-Route into the Request-URI, the request
 * as a loose router would have sent it: the last Route is the Request-URI, and ours the first
 * Route. Any other request as it is. NULL: the scratch arena is exhausted. */
struct msg *dialog_loosen(struct context *c, const struct packet *p, struct msg *m);

/* What stands for an upstream in our Record-Route, over a restart, too; 0 for NULL. */
uint16_t dialog_core_mark(const struct conf_upstream *u);

/* The upstream of a mark; NULL: it is not there any more. */
const struct conf_upstream *dialog_core(const struct conf *conf, uint16_t mark);

#endif
