/* The registration policy: what becomes of a REGISTER, decided on plain values. It is run twice:
 * on the worker's snapshot, and, where a commit follows, again on the current record inside the
 * write transaction. No clock, no socket, no log. Pure; any thread.
 * RFC 3261 10.3; behaviour D10-D31, D53, D59a, D64, D87. */
#ifndef BW_CORE_ABSORB_H
#define BW_CORE_ABSORB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/binding.h"
#include "core/reason.h"
#include "core/register.h"

enum verdict_what {
    VERDICT_ABSORB,    /* only leases move: extend those of the contacts with an expiry, answer from
                          the record. REASON_REPEAT, REASON_QUERY, REASON_NOTHING_TO_REMOVE: none
                          moves */
    VERDICT_COMMIT,    /* licensed, but the record changes: commit `next`, then answer */
    VERDICT_FORWARD,   /* upstream judges */
    VERDICT_WAIT,      /* hold it until the one in flight has ended */
    VERDICT_CHALLENGE, /* it must prove itself to us first; then it is decided anew */
    VERDICT_REJECT     /* answer `status` */
};

/* What a forwarded REGISTER asks upstream for (D59a). */
enum forward_as {
    FORWARD_REFRESH, /* our contact with upstream-expires */
    FORWARD_REMOVAL, /* our contact with expires 0 */
    FORWARD_QUERY    /* no contact */
};

struct verdict {
    enum verdict_what what;
    enum reason reason;
    uint16_t status;    /* VERDICT_REJECT: 400, 403, 423 (with Min-Expires), 500 or 503 */
    enum forward_as as; /* VERDICT_FORWARD */
};

/* The upstream registration that a REGISTER concerns (upreg_find). NULL: none yet. Does not read
 * is_upstream_busy, which is to be found out with it. */
const struct upreg *absorb_upreg(const struct absorb_input *in);

/* Nobody but whom the REGISTER names stands on it, and it is not the one that the REGISTER
 * concerns: once that is accepted, it is needed no more. */
bool absorb_is_left(const struct absorb_input *in, const struct upreg *u);

/* Decides. For VERDICT_COMMIT *next (a copy of the record that the caller made) is what to commit;
 * for others it is left as it was. next may be NULL in the read-only phase. */
struct verdict absorb_decide(const struct absorb_input *in, struct aor_record *next);

/* VERDICT_ABSORB for this reason moves no lease. */
bool absorb_is_still(enum reason why);

/* What VERDICT_ABSORB does to leases, done to *next: for the writer, who has them busy. */
void absorb_extend(const struct absorb_input *in, struct aor_record *next);

/* Applies an accepted REGISTER to `next` (a copy of in->now_state, with its bindings in their
 * order; it then borrows slices of view and grant): adds, refreshes and removes bindings of the
 * view, all or none (D19), evicts if the line is full and that is the policy, sets the upstream
 * registration. `next` is to be committed whatever it says, because upstream has changed; with no
 * binding and no upstream registration it is to be deleted. What it did:
 * REASON_ACCEPTED, REASON_EVICTED: as asked (the second: in place of another device).
 * REASON_NOT_GRANTED: upstream granted nothing (D52); the bindings named by the view are gone.
 * REASON_FULL, REASON_STALE_CSEQ, REASON_NOT_PROVEN (a 2xx without proof, and the binding is
 * another device's): no binding was changed; only the upstream registration was.
 * For our own REGISTER: REASON_ACCEPTED, REASON_DEREGISTERED, or REASON_UPSTREAM_DEAD (D52). */
enum reason absorb_apply(const struct absorb_input *in, const struct upstream_grant *grant,
                         struct aor_record *next);

/* The same of one that absorb_decide has let in as REASON_SERVED_NEW: upstream is down, so its
 * registration there is one that has ended already, which is ours to renew; one that there is stays
 * as it is. grant: as it was to be asked for; `next` is to be committed only for REASON_ACCEPTED or
 * REASON_EVICTED. */
enum reason absorb_serve(const struct absorb_input *in, const struct upstream_grant *grant,
                         struct aor_record *next);

/* A final refusal of a forwarded REGISTER (D53), or of our own (then, too, D58: a removal that was
 * challenged): what goes from `next` (a copy, as above). True if anything did. status: upstream's.
 */
bool absorb_refused(const struct absorb_input *in, unsigned status, struct aor_record *next);

/* Takes bindings whose grace has ended from `next`; leases as in absorb_input. An upstream
 * registration that thereby stands for nobody is then UPREG_LEAVING, or goes if it is dead: the
 * last one of the line in two steps, by UPREG_ENDED. How
 * many bindings and upstream registrations that concerned; 0: nothing to commit. */
size_t absorb_lapse(const struct absorb_conf *conf, const struct lease_view *leases, uint64_t now_s,
                    struct aor_record *next);

#endif
