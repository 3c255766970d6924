/* The fixed lines as the admin API shows them. Any thread. */
#ifndef BW_ADMIN_LINEVIEW_H
#define BW_ADMIN_LINEVIEW_H

#include <jansson.h>
#include <stdbool.h>

struct board;

/* {"lines": […]}; NULL: no memory. b NULL: there are none. */
json_t *lineview_json(struct board *b);

/* Adds the alarms of lines to a list of alarms. False: no memory. b as above. */
bool lineview_add_alarms(json_t *list, struct board *b);

#endif
