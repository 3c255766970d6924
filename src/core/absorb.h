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

enum absorb_mode { MODE_MIRROR, MODE_CONTACT_THROTTLE, MODE_AOR_THROTTLE };
enum absorb_auth { AUTH_RELAY, AUTH_TRUSTED };
enum absorb_full { FULL_REJECT, FULL_REPLACE_OLDEST };

struct absorb_conf {
    enum absorb_mode mode;
    enum absorb_auth authentication;
    enum absorb_full when_full;
    uint32_t min_expires_s, max_expires_s, default_expires_s;
    uint32_t expires_spread_percent; /* subtracted, D89 */
    uint32_t upstream_expires_s;
    uint32_t grace_s;
    uint32_t reproof_s;
    uint32_t max_contacts;
    bool is_equal_cseq_allowed; /* D29 */
};

/* All that the policy may know of one Contact of a REGISTER. */
struct register_contact {
    struct str uri;    /* bytes as received */
    struct str params; /* as binding.params */
    struct str instance;
    uint32_t reg_id;
    int q;             /* thousandths; -1: none */
    int64_t expires_s; /* after D15: parameter, else header; -1: neither, the default */
};

/* All that the policy may know of a REGISTER. */
struct register_view {
    struct str aor, call_id;
    uint32_t cseq;
    struct register_contact *contacts; /* the last of two equal ones stands alone (D20) */
    size_t n_contacts;
    bool is_star;
    struct way way;
    struct str path;
    struct str user_agent;
    bool has_authorization;
    bool is_source_trusted; /* on the domain's access list */
    uint64_t spread;        /* keyed hash of Call-ID, CSeq and branch: expiry jitter (D29, D89) */
};

/* What the lease of a binding says, read before the decision; one for each of the record's
 * bindings, in their order. */
struct lease_view {
    bool is_held;          /* there is one and its generation fits */
    bool is_pending;       /* a REGISTER of this binding is on its way upstream */
    uint64_t expires_at_s; /* service clock; of a binding without a lease: the record's */
    uint32_t cseq;
};

struct absorb_input {
    const struct absorb_conf *conf;
    const struct register_view *view;
    const struct aor_record *now_state; /* never NULL: an empty record for an unknown AoR */
    const struct lease_view *leases;
    bool is_upstream_busy; /* a REGISTER of the upstream registration concerned is in flight */
    uint64_t now_s;        /* service clock */
};

enum verdict_what {
    VERDICT_ABSORB,  /* only leases move: extend them, answer from the record */
    VERDICT_COMMIT,  /* licensed, but the record changes: commit `next`, then answer */
    VERDICT_FORWARD, /* upstream judges */
    VERDICT_WAIT,    /* hold it until the one in flight has ended */
    VERDICT_REJECT   /* answer `status` */
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
    uint16_t status;    /* VERDICT_REJECT */
    enum forward_as as; /* VERDICT_FORWARD */
};

/* Decides. For VERDICT_COMMIT *next (a copy of the record that the caller made) is what to commit;
 * for others it is left as it was. next may be NULL in the read-only phase. */
struct verdict absorb_decide(const struct absorb_input *in, struct aor_record *next);

/* How upstream answered a forwarded REGISTER. */
struct upstream_grant {
    uint64_t upreg_id;  /* the registration that was asked for */
    struct str contact; /* our Contact URI as it was sent */
    struct str call_id;
    uint32_t cseq;
    uint32_t granted_s; /* D50; 0 after a removal */
    bool is_removal;    /* what was asked: expires 0 */
    struct str service_route, associated;
    uint64_t new_binding_id, new_upreg_id; /* random, for what this commit creates */
};

/* Applies an accepted REGISTER to `next` (a copy of the current record): adds, refreshes and
 * removes bindings of the view, all or none (D19), evicts if the line is full and that is the
 * policy, sets the upstream registration. The reason says what it did; REASON_FULL or
 * REASON_STALE_CSEQ: nothing was changed. `next` with no binding and no upstream registration is
 * to be deleted. */
enum reason absorb_apply(const struct absorb_input *in, const struct upstream_grant *grant,
                         struct aor_record *next);

/* A final refusal of a forwarded REGISTER (D53): what goes from `next` (a copy). True if anything
 * did. status: upstream's. */
bool absorb_refused(const struct absorb_input *in, unsigned status, struct aor_record *next);

/* The expiry to tell a device for one of its contacts (D15, D17, D37, D51, D89): between
 * min-expires and max-expires, spread, and never beyond dead_at - now - 32 s unless we refresh the
 * upstream registration ourselves (can_refresh). At least 1. */
uint32_t absorb_grant_s(const struct absorb_input *in, int64_t asked_s, uint64_t dead_at_s,
                        bool can_refresh);

/* When the upstream registration must be refreshed: dead_at - max(granted/10, 2 * longest + 64),
 * where longest is the longest expiry granted to a live device of it (architecture, section 5). */
uint64_t absorb_refresh_by_s(const struct aor_record *r, const struct upreg *u);

/* Takes bindings whose grace has ended from `next`; leases as in absorb_input. The number. */
size_t absorb_lapse(const struct absorb_conf *conf, const struct lease_view *leases, uint64_t now_s,
                    struct aor_record *next);

#endif
