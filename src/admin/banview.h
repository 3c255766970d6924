/* The banned sources, for the admin API: a list, one more, one less. Any thread. */
#ifndef BW_ADMIN_BANVIEW_H
#define BW_ADMIN_BANVIEW_H

#include "admin/answer.h"
#include "base/str.h"

struct source_table;

/* {"bans":[{"address":…,"seconds_left":…}]} */
void banview_list(struct source_table *sources, struct answer *out);

/* body: {"address":…,"seconds":…}, the second optional. */
void banview_add(struct source_table *sources, struct str body, struct answer *out);
void banview_remove(struct source_table *sources, struct str body, struct answer *out);

#endif
