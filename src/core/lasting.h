/* What an absorbed refresh rests on beside its own bytes, so that the same phone's next one, the
 * same but for branch, tag and a higher CSeq, can be decided from a few words: which hold until the
 * record, the configuration or what upstream has lost changes. Says nothing that absorb_decide
 * would not say of it with the record at hand. Pure; any thread. */
#ifndef BW_CORE_LASTING_H
#define BW_CORE_LASTING_H

#include "core/absorb.h"

/* Service clock. */
struct lasting {
    uint64_t refresh_by_s, dead_at_s; /* of the upstream registration */
    uint64_t proof_at_s;
    uint32_t granted_s; /* at the last commit */
    uint32_t asked_s;   /* what the policy's bounds have made of it; to be spread */
};

/* False: more than that has to be looked at next time, too. Only of lines with one device. */
bool lasting_find(const struct absorb_input *in, const struct verdict *v, struct lasting *out);

/* What the lease says, which must not be pending, still allows it, and nothing is due. Not during
 * an outage. */
bool lasting_is_good(const struct absorb_conf *conf, const struct lasting *l, uint64_t expires_at_s,
                     uint64_t now_s);

/* What that refresh is granted: as expiry_grant_on_s, and in a surge scattered. spread: of its
 * view. */
uint32_t lasting_grant_s(const struct absorb_conf *conf, const struct lasting *l, uint64_t spread,
                         bool is_surge);

#endif
