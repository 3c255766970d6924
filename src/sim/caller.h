/* Calls from behind: a caller that invites registered contacts as a proxy behind the registrar
 * would, and ends each call that is answered (RFC 3261 9.1, 13.2, 15.1, 17.1). On the loop's
 * thread. */
#ifndef BW_SIM_CALLER_H
#define BW_SIM_CALLER_H

#include <stdint.h>

#include "net/udp.h"
#include "sim/json.h"
#include "sim/location.h"
#include "sip/msg.h"

struct caller_conf {
    uint32_t per_second;  /* 0: none */
    uint32_t n_calls;     /* in all; 0: no limit */
    uint32_t duration_ms; /* from the first answer on */
    uint32_t ring_ms;     /* unanswered for so long, it is cancelled */
};

struct caller_setup {
    struct loop *loop;
    struct flow_table *flows;
    struct udp *udp;
    struct location *location;
    const struct caller_conf *conf; /* stays the caller's, and may change */
};

struct caller;

/* ERR_NOMEM. What the setup names outlives it. */
int caller_new(const struct caller_setup *setup, struct caller **out);

/* Calls under way are forgotten. NULL is legal. */
void caller_free(struct caller *c);

/* A response that came to the socket, whoever's it is. */
void caller_on_response(struct caller *c, const struct msg *m);

/* Adds an object of figures. */
void caller_print(const struct caller *c, struct json *j);

#endif
