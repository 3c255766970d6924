/* What a request becomes on its next hop (RFC 3261 16.3, 16.6) and a response on its way back. No
 * state; output is in the scratch arena; the worker's thread. */
#ifndef BW_SERVICE_FORWARD_H
#define BW_SERVICE_FORWARD_H

#include "core/binding.h"
#include "net/flow.h"
#include "service/context.h"
#include "service/identity.h"
#include "sip/build.h"

struct uri;

#define FORWARD_ALL_ROUTES (~0U)

/* How one copy of a request leaves. */
struct forward_plan {
    struct flow_ref flow;
    struct str uri;       /* its Request-URI; none: as it came */
    struct str route;     /* Route values to put on top: a stored Path, a Service-Route; or none */
    struct way phone;     /* whose dialog it may begin: for our Record-Route */
    uint64_t line;        /* an upstream registration of its line; 0: not known */
    uint64_t called_line; /* the same of the one that is called, between two phones */
    bool has_phone;       /* false: no Record-Route */
    bool is_from_phone;   /* and it is the one that calls */
    bool is_between_phones;     /* and no upstream is on the way to the one that is called */
    bool is_past_upstream;      /* no upstream gets it: what is for that one alone goes */
    unsigned n_routes;          /* leading elements of Route that go: ours, or FORWARD_ALL_ROUTES */
    bool is_way_recorded;       /* those Routes are the Record-Route, too */
    unsigned max_breadth;       /* RFC 5393; 0: the header stays as it is */
    struct forward_plan *other; /* the next flow of the same device, should this one have failed
                                   (RFC 5626 5.3); or NULL. Lives as long as uri does */
    struct identity identity;
};

struct forward {
    struct flow_ref flow;
    enum conf_overload offer; /* what our Via says of it */
    struct str bytes;
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
    FORWARD_BREADTH,
    FORWARD_EXTENSION, /* Proxy-Require names something */
    FORWARD_REQUIRED,  /* Require does, and we are the server */
    FORWARD_UNABLE,    /* no device takes the method (D64) */
    FORWARD_METHOD,    /* for us, and nothing that we do (RFC 3261 8.2.1) */
    FORWARD_CASE,      /* a method that others might take for one that they know */
    FORWARD_DOMAIN,
    FORWARD_STRANGER,
    FORWARD_UNPROVEN, /* the answer is a challenge of ours (service/caller.h) */
    FORWARD_IDENTITY, /* he is not the one that he says he is */
    FORWARD_ACCESS,   /* no access list lets him in */
    FORWARD_DESTINATION,
    FORWARD_TOO_MANY, /* calls of the line at one time */
    FORWARD_TOO_FAST, /* calls of the line in this second */
    FORWARD_DIALOG,
    FORWARD_UNKNOWN,
    FORWARD_AWAY,
    FORWARD_FLOW, /* the stream that the dialog's phone came by is gone */
    FORWARD_EGRESS,
    FORWARD_DRAINED,    /* the operator has taken the upstream out */
    FORWARD_OVERLOADED, /* the upstream server asks for less (RFC 7339) */
    FORWARD_UNRESOLVED, /* the DNS has not said yet where the upstream is */
    FORWARD_NO_MEMORY,
    FORWARD_REFUSALS
};

/* 16.3, in its order. */
enum forward_refusal forward_validate(struct context *c, const struct packet *p,
                                      const struct msg *m);

/* 16.3 step 4: it has been here before. */
bool forward_is_loop(struct context *c, const struct packet *p, const struct msg *m);

/* The copy would have a sips Request-URI on a hop that is not secure (RFC 3261 26.2.2). */
bool forward_is_downgrade(const struct msg *m, const struct forward_plan *plan);

/* One copy of a request by its plan. FORWARD_OK or FORWARD_NO_MEMORY. */
enum forward_refusal forward_build(struct context *c, const struct packet *p, const struct msg *m,
                                   const struct forward_plan *plan, struct forward *out);

/* The answer to a refused request; counts it. */
struct build_reply forward_reply(struct context *c, const struct msg *m, enum forward_refusal why);

/* The edits that a phone's request gets which goes to its upstream whatever its Route says (D70):
 * received and rport in the sender's Via, ours on top, Max-Forwards, no Route. out->flow must be
 * set; sets out->branch. */
void forward_edit(struct context *c, struct build *b, const struct packet *p, struct forward *out);

/* Appends the value of our Via for out->flow and out->branch. */
void forward_print_via(struct context *c, const struct forward *out, struct buf *text);

/* A response on its way back: our Via is gone. extra: whole header lines to add, or none. 0 or
 * ERR_NOMEM; ERR_PARSE: no Via would be left. */
int forward_response(struct context *c, const struct msg *m, const struct identity *identity,
                     struct str extra, struct str *out);

/* The Request-URI's host is a served domain or an address of ours. */
bool forward_is_served(struct context *c, const struct packet *p, const struct msg *m);

/* The same of any URI. */
bool forward_is_host_ours(struct context *c, const struct packet *p, const struct uri *u);

/* The URI means this server itself, not a line: an address of ours or a served domain, no user. */
bool forward_is_us(struct context *c, const struct packet *p, const struct msg *m);

/* An address of ours without user. */
bool forward_is_here(struct context *c, const struct packet *p, const struct msg *m);

#endif
