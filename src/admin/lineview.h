/* The fixed lines as the admin API shows them. Any thread. */
#ifndef BW_ADMIN_LINEVIEW_H
#define BW_ADMIN_LINEVIEW_H

#include <jansson.h>

struct board;

/* {"lines": […]}; NULL: no memory. b NULL: there are none. */
json_t *lineview_json(struct board *b);

#endif
