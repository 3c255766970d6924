/* The cluster as the admin API shows it: this node, and the others as the last heartbeat showed
 * them. The admin thread. */
#ifndef BW_ADMIN_CLUSTERVIEW_H
#define BW_ADMIN_CLUSTERVIEW_H

#include <jansson.h>

struct cluster;

/* {"cluster": …}, null without one. NULL: no memory. */
json_t *clusterview_json(struct cluster *c);

#endif
