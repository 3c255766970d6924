/* What the servers of an upstream ask for while they are overloaded (RFC 7339, RFC 7415): one limit
 * for each server, shared by all workers. Only what is offered is obeyed, and only from the server
 * that the request was sent to, in the answer that belongs to it. Any thread; a lock is taken only
 * while there is a limit. */
#ifndef BW_SERVICE_OVERLOAD_H
#define BW_SERVICE_OVERLOAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "core/throttle.h"
#include "net/flow.h"
#include "sip/msg.h"

enum { OVERLOAD_SERVERS = 16 };

struct overload_server {
    struct addr addr; /* family 0: free */
    uint8_t transport;
    bool is_on; /* as was told last */
    struct throttle throttle;
};

struct overload {
    pthread_mutex_t lock;
    struct overload_server list[OVERLOAD_SERVERS];
    _Atomic uint32_t n_on;     /* of them, as was seen last */
    _Atomic uint64_t until_ms; /* none of them holds longer */
};

/* What our Via says to a server, from its ';' on; empty: nothing. */
struct str overload_offered(enum conf_overload offer);

void overload_init(struct overload *o);
void overload_fini(struct overload *o);

/* A request that is for a server of the upstream, or was. */
struct overload_case {
    struct overload *limits; /* of that upstream */
    const struct conf_upstream *upstream;
    const struct flow_ref *server;
};

/* The answer of the server to a request with our offer. What it says means nothing, or is older
 * than what is known already: it is ignored. */
enum overload_word { OVERLOAD_SILENT, OVERLOAD_OBEYED, OVERLOAD_IGNORED };
enum overload_word overload_on_answer(const struct overload_case *of, const struct msg *m);

/* It is about to be sent; right: as in core/throttle.h. False: it must not be. */
bool overload_lets(const struct overload_case *of, unsigned right);

/* How many servers have a limit now. */
unsigned overload_count(const struct overload *o);

#endif
