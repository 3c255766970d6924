/* Where a request goes: its target set (RFC 3261 16.5; architecture, section 5 on tokens; D64, D65,
 * D69, D70). No state; output is in the scratch arena; the worker's thread. */
#ifndef BW_SERVICE_TARGET_H
#define BW_SERVICE_TARGET_H

#include "service/targetset.h"

/* FORWARD_OK and at least one plan, or why there is none. *out is zero before. */
enum forward_refusal target_find(struct context *c, const struct packet *p, const struct msg *m,
                                 struct target_set *out);

/* The devices of a line as its domain arranges them: as target_find, for a request that is not from
 * the upstream. *out is zero before. */
enum forward_refusal target_find_line(struct context *c, struct str aor, const struct msg *m,
                                      struct target_set *out);

/* The devices of a line that take the request, all in one group. *out is zero before. */
enum forward_refusal target_find_devices(struct context *c, struct str aor, const struct msg *m,
                                         struct target_set *out);

#endif
