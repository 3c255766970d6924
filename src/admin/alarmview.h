/* What is wrong now, as the admin API shows it. Any thread. */
#ifndef BW_ADMIN_ALARMVIEW_H
#define BW_ADMIN_ALARMVIEW_H

#include <jansson.h>

struct alarms;
struct board;

/* {"alarms": […]}, those of upstreams first, the oldest of them in front; then those of fixed
 * lines, by name. NULL: no memory. Either may be NULL: there are none. */
json_t *alarmview_json(struct alarms *a, struct board *b);

#endif
