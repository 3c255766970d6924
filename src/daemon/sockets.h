/* The sockets of our listeners and the service manager: what it hands to us at the start, and what
 * it is to keep while we are away, so that a stop, an upgrade or a crash loses no packet
 * (sd_listen_fds(3), sd_pid_notify_with_fds(3)). The main thread, before the others run. */
#ifndef BW_DAEMON_SOCKETS_H
#define BW_DAEMON_SOCKETS_H

#include "net/handover.h"

struct worker_group;

/* ERR_NOMEM. Without a service manager there are none. */
int sockets_take(struct handover **out);

/* All listeners of the workers are open: it keeps theirs, and no others. */
void sockets_store(const struct worker_group *group, const struct handover *h);

/* What the service manager is told of the daemon's state: sd_notify(3). */
void sockets_tell(const char *state);

#endif
