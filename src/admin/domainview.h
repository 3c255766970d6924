/* What is registered and registers, by domain: for the metrics and the dashboard. Any thread. */
#ifndef BW_ADMIN_DOMAINVIEW_H
#define BW_ADMIN_DOMAINVIEW_H

#include <jansson.h>
#include <stddef.h>

#include "admin/savingsview.h"
#include "base/buf.h"
#include "conf/conf.h"

struct headcount;

/* {"domains": […]}: lines, bindings by transport and live registrations upstream of each; NULL: no
 * memory. h NULL: there are none. */
json_t *domainview_json(const struct headcount *h, const struct conf *conf);

/* Room that domainview_add_metrics takes at most, and the rows in the Prometheus text format. h and
 * v may be NULL. */
size_t domainview_metrics_room(const struct headcount *h, const struct savingsview *v);
void domainview_add_metrics(const struct headcount *h, const struct savingsview *v,
                            struct buf *out);

#endif
