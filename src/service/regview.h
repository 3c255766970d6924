/* A REGISTER as the policy sees it: read from the message, checked as far as RFC 3261 10.3 asks
 * before any state is looked at (D1-D26). Everything lives in the given arena or points into the
 * message. The worker's thread. */
#ifndef BW_SERVICE_REGVIEW_H
#define BW_SERVICE_REGVIEW_H

#include "conf/conf.h"
#include "core/absorb.h"
#include "net/flow.h"
#include "service/context.h"
#include "sip/msg.h"

struct regview {
    const struct conf_domain *domain;
    struct register_view view;
    bool is_path_asked; /* path is supported: the answer tells it */
};

/* REASON_MAX: all is well. Else the reason for a refusal; out->domain is set once it is known. */
enum reason regview_parse(struct context *c, struct arena *a, const struct packet *p,
                          const struct msg *m, struct regview *out);

/* What is the same for all repeats of a REGISTER, and new for the next: the expiry's jitter, from
 * which the To tag comes, too, and what the lease knows a repeat by (D29, D89). */
struct regview_spread {
    uint64_t value;
    uint32_t branch_hash;
};
struct regview_spread regview_spread(const struct context *c, struct str call_id, uint32_t cseq,
                                     struct str branch);

/* The AoR alone, for finding the owner of a REGISTER: false if its To gives none; *aor stays then.
 */
bool regview_register_aor(struct context *c, struct arena *a, const struct msg *m, struct str *aor);

/* The same from the text of a To. */
bool regview_aor(struct arena *a, const struct conf *conf, struct str to, struct str *aor);

/* The domain of a stored AoR; NULL: it is served no more. */
const struct conf_domain *regview_domain(const struct conf *conf, struct str aor);

/* An option tag that Require may name. d: whose REGISTER it is, or NULL. */
bool regview_is_tag_known(const struct conf_domain *d, struct str tag);

/* A deep copy in another arena; NULL: exhausted. */
struct register_view *regview_copy(struct arena *a, const struct register_view *v);

#endif
