/* What is wrong now, as the admin API shows it. Any thread. */
#ifndef BW_ADMIN_ALARMVIEW_H
#define BW_ADMIN_ALARMVIEW_H

#include <jansson.h>

struct alarms;

/* {"alarms": […]}, the oldest first; NULL: no memory. */
json_t *alarmview_json(struct alarms *a);

#endif
