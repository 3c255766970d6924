/* The Prometheus text format's smaller parts; names get the prefix "breakwater_". Any thread. */
#ifndef BW_ADMIN_PROMTEXT_H
#define BW_ADMIN_PROMTEXT_H

#include "base/buf.h"

/* The lines HELP and TYPE of the metric group + name. */
void promtext_head(struct buf *out, const char *group, const char *name, const char *type,
                   const char *help);

/* What stands between the quotation marks of a label's value. Twice the length at most. */
void promtext_label(struct buf *out, struct str value);

#endif
