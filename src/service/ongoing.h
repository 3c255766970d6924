/* The calls of lines whose domain limits them (max-calls, calls-per-second), from the INVITE to the
 * BYE. A call belongs to the worker of its Call-ID; how many a line has is counted by all workers
 * together (tally.h). A restart forgets them. The worker's thread. */
#ifndef BW_SERVICE_ONGOING_H
#define BW_SERVICE_ONGOING_H

#include "service/callerid.h"

struct ongoing_call;
struct ongoing_table;

/* A call whose BYE nobody has seen ends so long after its answer, or after its last re-INVITE or
 * UPDATE; one whose BYE nobody has answered so long after that. */
enum { ONGOING_MAX_MS = 2 * 3600 * 1000, ONGOING_SILENT_MS = 5 * 60 * 1000 };

/* What a request may do to a call that is up. */
enum ongoing_part { ONGOING_NONE, ONGOING_BYE, ONGOING_REFRESH };

/* A request that begins such a call, or belongs to one; by value; zero: neither. */
struct ongoing {
    struct ongoing_call *held; /* an INVITE that is not answered: its own */
    uint64_t line, begun_s;    /* an INVITE: by a limit on the rate; line 0: none */
    enum ongoing_part part;
    uint64_t dialog, peer; /* of the call */
};

int ongoing_new(struct context *c, struct ongoing_table **out);
void ongoing_free(struct ongoing_table *t); /* NULL is legal */

/* Any request, before anything can go wrong with it: a call that upstream ends has ended, be its
 * caller there to hear of it or not. */
void ongoing_on_request(struct context *c, const struct packet *p, const struct msg *m);

/* The next three for each request that is sent on, in this order. */

/* line: whose call it is, also in a dialog that this phone has begun; NULL if it is from upstream.
 * FORWARD_OK; FORWARD_TOO_MANY, FORWARD_TOO_FAST, FORWARD_NO_MEMORY: then *out is zero. A phone's
 * BYE counts if it goes to the other end of its call, and by the way that the answer has named;
 * anybody's if it comes from where the answer came from. An INVITE in a dialog that is no call that
 * is known takes a place like any other. */
enum forward_refusal ongoing_begin(struct context *c, const struct packet *p, const struct msg *m,
                                   const struct callerid_line *line, struct ongoing *out);

/* The answer to the request; m, from: of who sent it, or NULL if it is our own. */
struct ongoing_answer {
    unsigned status;
    const struct msg *m;
    const struct addr *from;
};

void ongoing_on_answer(struct context *c, struct ongoing *o, const struct ongoing_answer *answer);

/* There will be no further one. */
void ongoing_end(struct context *c, struct ongoing *o);

#endif
