/* The life of bindings and of upstreams, told once each: a line of the log, and an event for
 * whoever listens. What a commit has changed is found by comparing the record before and after it,
 * so an absorbed refresh, which commits nothing, costs and tells nothing. Any thread; never waits.
 */
#ifndef BW_SERVICE_LIFECYCLE_H
#define BW_SERVICE_LIFECYCLE_H

#include <stdbool.h>

#include "core/binding.h"

struct feed;

/* What is told, by the name of the event:
 *
 *     binding-added        aor binding contact source expires user-agent
 *     binding-moved        the same: its contact or its source is another one
 *     binding-removed      aor binding contact source reason (expired, removed)
 *     upstream-registered  aor registration expires: upstream holds the line, or the device
 *     upstream-refreshed   the same
 *     upstream-removed     aor registration
 *     upstream-state       upstream from to reason
 *
 * source is TRANSPORT:ADDRESS:PORT; binding and registration are 16 hexadecimal digits. The log has
 * no contact where AoRs are hidden. */
struct lifecycle {
    struct feed *feeds[2]; /* NULL: none; they outlive this */
};

/* After a commit: the record before it, its leases' expiry in it, and the one that holds now.
 * is_lapse: the sweep's. Either may be without anything. */
void lifecycle_on_commit(struct lifecycle *l, const struct aor_record *was,
                         const struct aor_record *now, bool is_lapse);

/* NULL is legal. */
void lifecycle_on_upstream(struct lifecycle *l, const char *upstream, const char *const states[2],
                           const char *why);

#endif
