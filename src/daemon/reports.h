/* What the daemon tells others by itself: events of bindings to a socket and a webhook, and each
 * message to who traces and to an HEP server. The main thread. */
#ifndef BW_DAEMON_REPORTS_H
#define BW_DAEMON_REPORTS_H

#include "net/tap.h"
#include "service/lifecycle.h"

struct conf;
struct feed;
struct hep;
struct worker_group;

struct reports {
    struct feed *feeds[2]; /* by enum feed_kind */
    struct lifecycle lifecycle;
    struct tap tap; /* of all messages */
    struct hep *hep;
};

/* Before the workers, which report by the group. ERR_NOMEM; reports_stop is due all the same. */
int reports_start(struct reports *r, const struct conf *conf, struct worker_group *group);

/* As this configuration says from now on. ERR_NOMEM: what failed stays as it was. */
int reports_aim(struct reports *r, const struct conf *conf);

/* After the workers. One that was never started is legal, if it is zero. */
void reports_stop(struct reports *r);

#endif
