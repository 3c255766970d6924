/* Addresses of record out of the store, as JSON. Each call reads with a reader of its own and gives
 * its snapshot up again and again, so that a long list neither pins pages nor keeps the writer from
 * growing the map; what it looks at is bounded, and the cursor says where the next call goes on.
 * Any thread. */
#ifndef BW_ADMIN_AORS_H
#define BW_ADMIN_AORS_H

#include <jansson.h>

#include "admin/fault.h"
#include "admin/query.h"
#include "base/arena.h"
#include "conf/conf.h"

struct store;

struct aors {
    struct store *store;
    const struct conf *conf;
};

/* {"aors":[…],"cursor":…}: those that the filters let through, in the order of their bytes. The
 * cursor is null at the end of all; else there may be more, even behind a page that is empty. NULL:
 * *f says why. */
json_t *aors_list(const struct aors *from, const struct query *q, struct fault *f);

/* One, by its own bytes or by any other form of it (alias, case, escapes). NULL: *f says why. */
json_t *aors_one(const struct aors *from, struct str text, struct fault *f);

/* The canonical AoR that a text means, in the arena: one of the store, or one that a served domain
 * might have. None: *f says why. */
struct str aors_find(const struct aors *from, struct arena *a, struct str text, struct fault *f);

#endif
