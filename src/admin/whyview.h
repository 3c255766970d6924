/* The last decisions on an address of record as JSON, the newest first. Any thread. */
#ifndef BW_ADMIN_WHYVIEW_H
#define BW_ADMIN_WHYVIEW_H

#include <jansson.h>

#include "base/str.h"

struct trail_entry;

struct whyview {
    unsigned n_workers;
    /* As worker_trail. */
    size_t (*trail)(unsigned worker, struct str aor, struct trail_entry *out, void *arg);
    void *arg;
};

/* An array, empty where nothing is remembered. NULL: no memory. */
json_t *whyview_json(const struct whyview *v, struct str aor);

#endif
