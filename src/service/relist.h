/* What a new list of servers from the DNS changes for one worker: its calls and REGISTERs go there
 * from now on. The worker's thread. */
#ifndef BW_SERVICE_RELIST_H
#define BW_SERVICE_RELIST_H

#include "service/context.h"

struct roster_list;

/* Takes the list over. Connections to what is not in it any more end when nothing goes over them.
 */
void relist_take(struct context *c, struct roster_list *list);

/* How many servers there are by now, for the admin API. */
void relist_count(const struct context *c);

#endif
