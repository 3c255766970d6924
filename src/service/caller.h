/* Phones whose calls are on their way. One that comes back from upstream, because the phone calls
 * its own line or a group with that line in it, does not ring at the phone that makes it: RFC 3261
 * leaves the set of targets to the proxy (16.5), and a phone that is called by itself can only be
 * busy.
 *
 * A call that comes back is known by its Call-ID and the caller's tag among those that are under
 * way here and now. Our Via behind those of upstream would say no more: it stands on the same
 * messages, and anybody could write one. A B2BUA that makes up a Call-ID of its own is not seen
 * through; then the phone rings. The worker's thread, which has all that is of one Call-ID. */
#ifndef BW_SERVICE_CALLER_H
#define BW_SERVICE_CALLER_H

#include "base/hmap.h"
#include "core/binding.h"
#include "service/context.h"

/* Belongs to the call that it stands for. All zero: nobody. */
struct caller {
    struct hmap_node node;
    struct str call_id, tag, contact; /* of the INVITE */
    struct str aor;                   /* the line that the phone has proven to be */
    struct way way;
};

/* Remembers who sends an INVITE, until caller_del; texts are copied to the arena. Without memory
 * for it he is not known. */
void caller_add(struct context *c, struct arena *a, const struct msg *invite,
                const struct caller *who, struct caller *out);

/* Nobody is legal. */
void caller_del(struct context *c, struct caller *k);

/* The INVITE is a call that the device of this binding makes. */
bool caller_is(struct context *c, const struct msg *invite, const struct aor_record *line,
               const struct binding *device);

/* The Contact of a request names the same user at the same place as that of a binding. */
bool caller_has_contact(const struct msg *request, struct str contact);

#endif
