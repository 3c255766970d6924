/* All counters and gauges of stats.def as JSON. Any thread. */
#ifndef BW_ADMIN_TOTALSVIEW_H
#define BW_ADMIN_TOTALSVIEW_H

#include <jansson.h>

/* NULL: no memory. */
json_t *totalsview_json(void);

#endif
