/* An OPTIONS request of our own, by which somebody is asked whether he is there: any answer says so
 * (RFC 3261 11.1; D90). The worker's thread. */
#ifndef BW_SERVICE_PING_H
#define BW_SERVICE_PING_H

#include "service/context.h"
#include "service/txn.h"

struct ping {
    struct flow_ref flow;
    struct str uri; /* Request-URI and To */
    uint32_t cseq;
};

/* Begins a transaction of the caller's; as txn_client_new, and ERR_NOMEM for a URI that leaves no
 * room. */
int ping_send(struct context *c, const struct ping *ping, const struct txn_user *user,
              struct txn **out);

#endif
