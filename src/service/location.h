/* An AoR's record with what its leases say now. The worker's thread. */
#ifndef BW_SERVICE_LOCATION_H
#define BW_SERVICE_LOCATION_H

#include "core/absorb.h"
#include "service/context.h"

struct store;
struct store_reader;

struct location {
    const struct aor_record *record; /* never NULL after success */
    struct lease_view *leases;       /* one for each binding */
};

/* Everything in the arena. ERR_IO, ERR_NOMEM. */
int location_read(struct context *c, struct arena *a, struct str aor, struct location *out);

/* The leases anew, of what was read in this turn; the record, too, where a commit has overtaken it:
 * pointers into the old one are not to be used any more then. aor: not of the record. */
int location_refresh(struct context *c, struct arena *a, struct str aor, struct location *l);

/* The same by a reader of one's own; any thread. */
int location_load(struct store *s, struct store_reader *reader, struct arena *a, struct str aor,
                  struct location *out);

/* When a binding ends: by its lease, or where it has none by the record. */
uint64_t location_expires_at_s(const struct location *at, size_t i);

/* In grace it rings (D64). */
bool location_is_live(const struct location *at, size_t i, uint32_t grace_s, uint64_t now_s);

#endif
