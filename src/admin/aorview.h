/* An address of record as JSON: its bindings with what they rest on, its registrations upstream,
 * their deadlines. No Call-ID and nothing of a digest: whoever may read is not to be able to speak
 * for a device. Any thread. */
#ifndef BW_ADMIN_AORVIEW_H
#define BW_ADMIN_AORVIEW_H

#include <jansson.h>

#include "conf/conf.h"
#include "core/absorb.h"

struct aorview {
    const struct conf *conf;
    const struct aor_record *record;
    const struct lease_view *leases; /* one for each binding */
    uint64_t now_s;                  /* service clock */
};

/* NULL: no memory. */
json_t *aorview_json(const struct aorview *v);

/* The text behind the last @ of an AoR; all of it where there is none. */
struct str aorview_host(struct str aor);

#endif
