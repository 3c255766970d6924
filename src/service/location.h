/* An AoR's record with what its leases say now. The worker's thread. */
#ifndef BW_SERVICE_LOCATION_H
#define BW_SERVICE_LOCATION_H

#include "core/absorb.h"
#include "service/context.h"

struct location {
    const struct aor_record *record; /* never NULL after success */
    struct lease_view *leases;       /* one for each binding */
};

/* Everything in the arena. ERR_IO, ERR_NOMEM. */
int location_read(struct context *c, struct arena *a, struct str aor, struct location *out);

#endif
