/* What becomes of a branch while the caller waits. A redirect of a device becomes further targets
 * of the call, as far as the domain of the line allows them (D73, RFC 3261 16.5, 16.7 step 4). A
 * flow that has failed is followed by the next one of the same device (RFC 5626 5.3). No state;
 * scratch arena; the worker's thread. */
#ifndef BW_SERVICE_FOLLOW_H
#define BW_SERVICE_FOLLOW_H

#include "core/fork.h"
#include "service/hunt.h"

/* As many redirects may lead to a target. */
enum { FOLLOW_DEPTH_MAX = 5 };

/* The call. */
struct follow {
    struct context *context;
    const struct flow_ref *source;
    const struct msg *request; /* as it came */
    struct str aor;            /* the line that is called; none: no redirect is followed */
    struct fork *fork;
    struct hunt *hunt;   /* is_kept */
    struct arena *arena; /* the call's */
    uint32_t breadth;    /* that no other branch has (RFC 5393) */
};

/* A final response of a branch, as fork_on_response. One that is not to be told any more is taken
 * away: *m is NULL then. Targets that were found are next in the hunt. */
unsigned follow_on_response(const struct follow *f, size_t branch, unsigned status,
                            const struct msg **m);

#endif
