/* Who may ask the admin API what over HTTP. Pure; any thread. */
#ifndef BW_ADMIN_ACCESS_H
#define BW_ADMIN_ACCESS_H

#include "base/str.h"

/* The parts of an HTTP request that decide; none where the header is absent. */
struct access_request {
    struct str method, host, origin, authorization, path, fetch_site, user_agent;
};

enum access_verdict {
    ACCESS_GRANTED,
    ACCESS_NO_TOKEN,     /* a token is set, and the request carries no token or a wrong one */
    ACCESS_READ_ONLY,    /* no token is set, and the request may change something */
    ACCESS_FOREIGN_HOST, /* no token is set, and Host names no loopback: DNS rebinding */
    ACCESS_TOKEN_ONLY,   /* no token is set, and it would show what others say: trace, export */
    ACCESS_CROSS_SITE    /* another site's page makes a browser change something, or take one of the
                            few places of traces and exports */
};

/* token: none if none is set. A wrong token takes as long as a right one of its length. */
enum access_verdict access_decide(struct str token, const struct access_request *q);

#endif
