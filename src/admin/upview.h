/* The upstreams as the admin API and the metrics show them. Any thread. */
#ifndef BW_ADMIN_UPVIEW_H
#define BW_ADMIN_UPVIEW_H

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"

struct shield_table;

/* {"upstreams": […]}; NULL: no memory. s NULL: there are none. */
json_t *upview_json(struct shield_table *s);

/* Room that upview_add_metrics takes at most, and the rows in the Prometheus text format; what has
 * come between the two calls may be left out. */
size_t upview_metrics_room(struct shield_table *s);
void upview_add_metrics(struct shield_table *s, struct buf *out);

#endif
