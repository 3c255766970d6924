/* How long: what a device is granted and told, and when upstream is to be refreshed. Pure. */
#ifndef BW_CORE_EXPIRY_H
#define BW_CORE_EXPIRY_H

#include "core/register.h"

/* The expiry to tell a device for one of its contacts (D15, D17, D37, D51, D89): between
 * min-expires and max-expires, spread, and never beyond dead_at - now - 32 s unless we refresh the
 * upstream registration ourselves (can_refresh). In mirror each refresh goes upstream, so neither
 * spread nor the 32 s are taken off. At least 1. */
uint32_t expiry_grant_s(const struct absorb_input *in, int64_t asked_s, uint64_t dead_at_s,
                        bool can_refresh);

/* Of what a binding has left, how much a device may be told: no more than upstream holds less 32 s,
 * unless we refresh that (D37); a restart may have prolonged the lease beyond (D77). Of in: conf,
 * view and now_s. u: the registration that stands for it, or NULL. */
uint64_t expiry_told_s(const struct absorb_input *in, const struct upreg *u, uint64_t left_s);

/* Whether we refresh the line's upstream registrations ourselves: we do where upstream trusts our
 * address, or has an account for us. Of in: conf and view. */
bool expiry_can_refresh(const struct absorb_input *in);

/* The same for a device on an upstream registration: one whose turn upstream cannot be had
 * (is_upstream_busy) though it is due gets anything from min-expires to that; in an outage nobody
 * more than default-expires, and nothing beyond serve-limit (D56a). And where we refresh that, but
 * its interval is too long for doing so between two of its own REGISTERs, it is bound as if we did
 * not. */
uint32_t expiry_grant_on_s(const struct absorb_input *in, int64_t asked_s, const struct upreg *u);

/* Anything from min-expires to that, the same for a repeat: for those who would come together
 * again.
 */
uint32_t expiry_scatter_s(const struct absorb_input *in, uint32_t v);

/* A REGISTER of our own is due for it. Where the deadline already lay in the past when upstream
 * granted it, each device's refresh is relayed instead, and ours is due at its end only. */
bool expiry_is_refresh_ours(const struct absorb_input *in, const struct upreg *u);

/* When the upstream registration must be refreshed: dead_at - max(granted/10, 2 * longest + 64),
 * where longest is the longest expiry granted to a live device of it (architecture, section 5). */
uint64_t expiry_refresh_by_s(const struct aor_record *r, const struct upreg *u);

/* A refresh put off leaves the device an interval worth having; else it rather waits a moment. */
bool expiry_has_room(const struct absorb_input *in, const struct upreg *u);

#endif
