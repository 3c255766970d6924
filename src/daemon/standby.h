/* A node of a cluster, as the daemon sees it: it waits until it is this node's turn before it opens
 * anything, and ends when it is no more. Without a cluster in the configuration nothing is done.
 * The main thread. */
#ifndef BW_DAEMON_STANDBY_H
#define BW_DAEMON_STANDBY_H

#include <stdbool.h>

#include "conf/conf.h"
#include "service/shield.h"
#include "store/cluster.h"

/* Joins, and waits as long as another node acts. 0: this one is to act, or *out is NULL as there is
 * no cluster. ERR_AGAIN: SIGTERM or SIGINT came meanwhile. ERR_…: logged. *out is the caller's in
 * every case. conf and the listeners' names outlive it. */
int standby_wait(const struct conf *conf, const char *const *listeners, int signal_fd,
                 struct cluster **out);

/* Looks at what cluster_fd has told, for these upstreams. False: another node acts; this one is to
 * end at once. c is NULL: true. */
bool standby_goes_on(struct cluster *c, struct shield_table *shields);

#endif
