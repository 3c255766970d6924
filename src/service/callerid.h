/* Who calls, when a phone does: what it says of itself, whether it may, and what upstream is told
 * of it (RFC 3325 5, 6; the domain's caller-id). No state; output is in the scratch arena; the
 * worker's thread. */
#ifndef BW_SERVICE_CALLERID_H
#define BW_SERVICE_CALLERID_H

#include "service/forward.h"

enum { CALLERID_CLAIMS_MAX = 5 };

/* Whom a request says it is from, each fit for regview_aor: From, then P-Preferred-Identity, then
 * P-Asserted-Identity. None of them proves anything. How many. */
size_t callerid_claims(const struct msg *m, struct str out[CALLERID_CLAIMS_MAX]);

/* The AoR of a number without a domain (tel:), which is of the first one only if nothing else says
 * of which. */
bool callerid_is_bare(struct str aor);

/* The line of such a number in a domain, an AoR; none: the arena is exhausted. */
struct str callerid_in_domain(struct context *c, struct str aor, const struct conf_domain *domain);

/* The same for a caller who shows nothing of himself: the user of Contact at the domain that he
 * calls, for phones keep to one user part there; at the first domain where what he calls has none,
 * as in a dialog and in a tel: URI. None: there is no such thing. */
struct str callerid_contact(struct context *c, const struct msg *m);

/* Whose request it is, once that is proven. */
struct callerid_line {
    const struct conf_domain *domain;
    struct str aor; /* none: a trusted source, which has no line */
};

/* From is that of a caller who shows nothing of himself: anonymous, at anonymous.invalid (RFC 3323
 * 4.1.1.3) or, as some phones write it, at that domain. */
bool callerid_is_anonymous(struct context *c, const struct msg *m,
                           const struct conf_domain *domain);

/* The Request-URI that a number in a tel: URI has at the domain (RFC 3261 19.1.6); none: it is no
 * tel: URI. */
struct str callerid_number(struct context *c, const struct msg *m,
                           const struct conf_domain *domain);

/* False: the domain checks, and the request says that it is from somebody else. */
bool callerid_is_honest(struct context *c, const struct msg *m, const struct callerid_line *line);

/* What the domain has us assert. FORWARD_OK or FORWARD_NO_MEMORY. */
enum forward_refusal callerid_assert(struct context *c, const struct msg *m,
                                     const struct callerid_line *line, struct identity *out);

#endif
