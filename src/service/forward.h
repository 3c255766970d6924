/* What a request becomes on its next hop: validation (RFC 3261 16.3), the way it takes (16.5) and
 * the edits (16.6). No state; the worker's thread. */
#ifndef BW_SERVICE_FORWARD_H
#define BW_SERVICE_FORWARD_H

#include "net/flow.h"
#include "service/context.h"
#include "sip/build.h"

struct forward {
    struct flow_ref flow;
    struct str bytes; /* in the scratch arena */
    struct str branch;
    char branch_text[MARK_BRANCH_LEN];
};

/* Why a request is not sent on; a row each in the table behind forward_reply. */
enum forward_refusal {
    FORWARD_OK,
    FORWARD_BAD_URI,
    FORWARD_SCHEME,
    FORWARD_HOPS,
    FORWARD_LOOP,
    FORWARD_EXTENSION, /* of a Proxy-Require */
    FORWARD_REQUIRED,  /* not forward_build's: of a Require, to whoever answers himself */
    FORWARD_DOMAIN,
    FORWARD_UNKNOWN,
    FORWARD_EGRESS,
    FORWARD_NO_MEMORY,
    FORWARD_REFUSALS
};

/* Decides and builds; *out is set for FORWARD_OK only. */
enum forward_refusal forward_build(struct context *c, const struct packet *p, const struct msg *m,
                                   struct forward *out);

/* The answer to a refused request; counts it. Header lines it needs are in the scratch arena. */
struct build_reply forward_reply(struct context *c, const struct msg *m, enum forward_refusal why);

/* The edits that any request gets on its way (16.6): received and rport in the sender's Via, ours
 * on top, Max-Forwards, our own Route gone. out->flow must be set; sets out->branch. */
void forward_edit(struct context *c, struct build *b, const struct packet *p, struct forward *out);

/* Appends the value of our Via for out->flow and out->branch. */
void forward_print_via(struct context *c, const struct forward *out, struct buf *text);

/* A response on its way back: our Via is gone. 0 or ERR_NOMEM; ERR_PARSE: no Via would be left. */
int forward_response(struct context *c, const struct msg *m, struct str *out);

/* The Request-URI's host is an address of ours or a served domain, whatever its user. */
bool forward_is_served(struct context *c, const struct packet *p, const struct msg *m);

/* The URI means this server itself, not a line: an address of ours or a served domain, no user. */
bool forward_is_us(struct context *c, const struct packet *p, const struct msg *m);

#endif
