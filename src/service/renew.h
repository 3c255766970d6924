/* REGISTERs of our own: what an AoR's upstream registrations need of us, a refresh where we may
 * (D51), a removal once no device stands on them (D58), and what a fixed line needs. The worker
 * that owns the AoR. */
#ifndef BW_SERVICE_RENEW_H
#define BW_SERVICE_RENEW_H

#include "net/inbox.h"
#include "service/context.h"

/* Sends what is due, or will be. is_prompt: what is due has waited for its time already. */
void renew_look(struct context *c, struct str aor, bool is_prompt);
void renew_now(struct context *c, struct str aor); /* the same, prompt */

/* The writer's word that an AoR's bindings have lapsed or its registration is due; arg: the
 * context. */
void renew_on_event(struct inbox_node *node, void *arg);

/* Upstream of that name has lost its data (shield_lost_s): what devices stand on and we can
 * refresh without them is registered again, if it is to be sent. True: there is something of this
 * AoR. */
bool renew_lost(struct context *c, struct str aor, struct str upstream, bool is_sent);

/* What is due at that upstream, which was down, is sent or waits for its turn: nothing, what it has
 * dropped or soon will, or all. */
enum renew_which { RENEW_NONE, RENEW_URGENT, RENEW_ALL };

struct renew_overdue {
    bool is_dropped; /* devices stand on a registration that upstream has dropped */
    bool is_sent;
};

struct renew_overdue renew_overdue(struct context *c, struct str aor,
                                   const struct conf_upstream *upstream, enum renew_which which);

#endif
