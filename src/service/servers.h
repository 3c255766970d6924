/* Which server of an upstream a request goes to: those of the configuration in their order, the
 * ones of a name by priority and weight, each line with a choice of its own (RFC 2782), without the
 * ones that have failed lately (RFC 3263 4.3), and for a line that one of them has accepted, that
 * one, which its record says (D90). A dialog stays with the server that it began with. Which ones
 * fail, and which one challenges a line, each worker learns for itself. The worker's thread. */
#ifndef BW_SERVICE_SERVERS_H
#define BW_SERVICE_SERVERS_H

#include "service/context.h"

struct servers;

/* How long the next request of a line goes to the one that has challenged it (D90). */
enum { SERVERS_CHALLENGE_S = 64 };

/* One request goes to so many of them. */
enum { SERVERS_TRIES_MAX = 3 };

/* Those that a request has been sent to. */
struct server_tries {
    struct server_try {
        struct addr addr;
        uint8_t transport;
    } list[SERVERS_TRIES_MAX];
    size_t n;
};

int servers_new(struct context *c, struct servers **out);
void servers_free(struct servers *s); /* NULL is legal */

/* Whose request it is. */
struct server_want {
    const struct conf_upstream *upstream;
    struct str aor;        /* the line; or none, and then: */
    struct server_at home; /* that has accepted the line (binding_home); or none */
    struct str call_id;    /* of the dialog: its requests have one choice; or none */
    uint16_t server;       /* that it is with, by its mark; 0: none */
    struct str host;       /* the name of the server that is meant, or none */
};

/* What stands for the server at the other end of a flow, with all workers and over a restart; 0 for
 * no upstream. */
uint16_t servers_mark(const struct context *c, const struct conf_upstream *u,
                      const struct flow_ref *flow);

/* The way to the next server: the line's own if it has one, else the first that is well, else the
 * first, but none of *tries; it is one of them then. For a stream the connection begins.
 * ERR_ABSENT: no listener fits; ERR_GONE: none is left; ERR_AGAIN: none is known yet. */
int servers_pick(struct servers *s, const struct server_want *want, struct server_tries *tries,
                 struct flow_ref *out);

/* It was silent, answered 503 or could not be reached: left out for the quarantine of its upstream,
 * or for_s if that is not 0, while there are others. */
void servers_on_failure(struct servers *s, const struct flow_ref *flow, uint32_t for_s);

/* It has answered. */
void servers_on_answer(struct servers *s, const struct flow_ref *flow);

/* The same of an OPTIONS by which it was asked whether it is there. There are servers that do not
 * answer these at all: silence counts of those alone that have answered one before, and not while
 * they answer other requests. */
void servers_on_probe_answer(struct servers *s, const struct flow_ref *flow);
void servers_on_probe_silence(struct servers *s, const struct flow_ref *flow);

/* It has challenged the line: the next requests go there for SERVERS_CHALLENGE_S. Remembered only
 * where they would go to another one. */
void servers_stick(struct servers *s, const struct server_want *want, const struct flow_ref *flow);

/* A server has accepted it: who challenged it before counts no more. */
void servers_unstick(struct servers *s, const struct server_want *want);

/* The way to a server by its address, in a dialog; ERR_… as servers_pick. upstream: whose
 * authorities count, or NULL. */
int servers_reach(struct servers *s, const struct conf_upstream *upstream,
                  const struct server_try *at, struct flow_ref *out);

/* For txn_conf.reopen; arg: the context. To a server of an upstream, for an answer where its Via
 * says; nobody else can be connected to. */
int servers_reopen(const struct msg *request, struct flow_ref *flow, void *arg);

/* A request of so many bytes for a server over UDP would travel in fragments (RFC 3261 18.1.1).
 * True: *flow is a connection to the same server now. Whether the server takes any is found out on
 * the way: until one is open it stays on UDP. Not if the configuration asks for UDP. */
bool servers_grow(struct servers *s, size_t len, struct flow_ref *flow);

/* The address is one of a server of the upstream. */
bool servers_has(const struct context *c, const struct conf_upstream *u, const struct addr *at);

/* The upstream that what comes from there belongs to; NULL: none. */
const struct conf_upstream *servers_owner_of(const struct context *c, const struct addr *source,
                                             enum flow_transport transport);

/* The same for what comes on a flow. */
const struct conf_upstream *servers_owner(const struct context *c, const struct flow_ref *from);

#endif
