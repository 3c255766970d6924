/* Where a request goes: its target set (RFC 3261 16.5; architecture, section 5 on tokens; D64, D65,
 * D69, D70). No state; output is in the scratch arena; the worker's thread. */
#ifndef BW_SERVICE_TARGET_H
#define BW_SERVICE_TARGET_H

#include "core/fork.h"
#include "service/forward.h"

struct target_set {
    struct forward_plan plans[FORK_BRANCHES_MAX];
    size_t n;
    uint32_t methods; /* with FORWARD_UNABLE: what the devices do take, as binding.methods */
    struct fork_policy policy; /* of the line's domain */
    bool is_to_phones;         /* several, by the location of a line */
};

/* FORWARD_OK and at least one plan, or why there is none. */
enum forward_refusal target_find(struct context *c, const struct packet *p, const struct msg *m,
                                 struct target_set *out);

#endif
