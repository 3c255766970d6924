/* A node of a cluster, as the daemon sees it: it waits until it is this node's turn before it opens
 * anything, and ends when it is no more. Without a cluster in the configuration nothing is done.
 * The main thread. */
#ifndef BW_DAEMON_STANDBY_H
#define BW_DAEMON_STANDBY_H

#include <stdbool.h>

#include "conf/conf.h"
#include "store/cluster.h"

/* Joins, and waits as long as another node acts. 0: this one is to act, or *out is NULL as there is
 * no cluster. ERR_AGAIN: SIGTERM or SIGINT came meanwhile. ERR_…: logged. *out is the caller's in
 * every case. conf and the listeners' names outlive it. */
int standby_wait(const struct conf *conf, const char *const *listeners, int signal_fd,
                 struct cluster **out);

/* What cluster_fd has told. False: another node acts; it is to end at once. *has_regained:
 * REGISTERs may go upstream again. NULL: true. */
bool standby_goes_on(struct cluster *c, bool *has_regained);

#endif
