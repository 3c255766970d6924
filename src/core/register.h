/* What the registration policy is told: its settings, a REGISTER, the record and the leases of its
 * AoR, and what upstream has granted, as plain values. Slices belong to whoever made them, usually
 * a message's arena. Pure; any thread. */
#ifndef BW_CORE_REGISTER_H
#define BW_CORE_REGISTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/binding.h"

enum absorb_mode { MODE_MIRROR, MODE_CONTACT_THROTTLE, MODE_AOR_THROTTLE };
enum absorb_auth { AUTH_RELAY, AUTH_LOCAL, AUTH_TRUSTED };
/* The low bits of a form, never all 0. */
enum { FORM_MODE_MASK = 3 };
#define FORM_OF_MODE(mode) ((uint64_t)(mode) + 1)

enum absorb_full { FULL_REJECT, FULL_REPLACE_OLDEST };

struct absorb_conf {
    enum absorb_mode mode;
    uint64_t form; /* of registrations upstream: a hash of the upstream and of how our Contact
                      stands there, with FORM_OF_MODE in its low bits; 0: none to compare with */
    enum absorb_auth authentication;
    enum absorb_full when_full;
    uint32_t min_expires_s, max_expires_s, default_expires_s;
    uint32_t expires_spread_percent; /* subtracted, D89 */
    uint32_t upstream_expires_s;
    uint32_t grace_s;
    uint32_t reproof_s;
    uint32_t max_contacts;
    uint32_t serve_limit_s; /* beyond its end upstream, and beyond reproof; 0: not at all (D56a) */
    bool is_equal_cseq_allowed; /* D29 */
    bool is_by_flow; /* insertion by Path: each flow of a device has a registration of its own */
    bool has_upstream_gruu; /* upstream is told the instances of devices that want its GRUUs */
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
    int64_t expires_s; /* the Expires header, for a star (D11); -1: none or malformed */
    struct way way;
    struct family family; /* of the TLS session that it came by; or none */
    struct str path;
    struct str user_agent;
    uint32_t methods; /* as binding.methods */
    bool has_authorization;
    bool is_source_trusted; /* on the domain's access list */
    bool is_proven;         /* a right answer to our own challenge, by the line's own user (L3) */
    bool has_account;       /* we have one for the line at the upstream: upstream-credentials */
    uint64_t spread;        /* keyed hash of Call-ID, CSeq and branch: expiry jitter (D29, D89) */
    bool is_outbound;       /* it names a flow of its device (RFC 5626) */
    bool is_bulk;           /* its contacts stand for all numbers of the line (RFC 6140) */
    bool is_gruu_asked;     /* the device wants GRUUs, and the domain has them (RFC 5627) */
    uint32_t branch_hash;   /* as the lease keeps it: tells a retransmission (D29) */
    bool is_line;           /* no phone's: for a fixed line, which keeps the registration */
    uint64_t own_upreg_id;  /* no phone's: our own REGISTER for this upstream registration, without
                               contacts (absorb_apply, absorb_refused); else 0 */
};

/* What the lease of a binding says, read before the decision; one for each of the record's
 * bindings, in their order. */
struct lease_view {
    bool is_held;          /* there is one and its generation fits */
    bool is_pending;       /* a REGISTER of this binding, by its own way and Call-ID, is on its way
                              upstream or has been challenged (D30) */
    bool is_unreachable;   /* the device does not answer our keepalives: it is tried last */
    uint64_t expires_at_s; /* service clock; of a binding without a lease: the record's */
    uint32_t cseq, branch_hash; /* of the last refresh */
};

struct absorb_input {
    const struct absorb_conf *conf;
    const struct register_view *view;
    const struct aor_record *now_state; /* never NULL: an empty record for an unknown AoR */
    const struct lease_view *leases;
    bool is_upstream_busy; /* a REGISTER of the upstream registration concerned is in flight */
    bool is_outage;        /* upstream is down, or has only just returned */
    bool is_down;          /* the former */
    uint64_t lost_s;       /* what upstream had accepted by then, it may know no more; 0: nothing */
    uint64_t now_s;        /* service clock */
};

/* Upstream has lost its data since it took this one. */
static inline bool register_is_lost(const struct absorb_input *in, const struct upreg *u)
{
    return u->dead_at_s < in->lost_s + u->granted_s && in->lost_s;
}

/* How long a device may stand on what upstream has dropped, and go without a new proof: as there is
 * no turn upstream to be had, because it is or was down (D56a). 0: not at all. */
static inline uint32_t register_serve_s(const struct absorb_input *in)
{
    return in->is_outage && in->is_upstream_busy ? in->conf->serve_limit_s : 0;
}

/* How upstream answered a forwarded REGISTER. */
struct upstream_grant {
    uint64_t upreg_id;  /* the registration that was asked for */
    struct str contact; /* our Contact URI as it was sent */
    struct str call_id;
    uint32_t cseq;
    uint32_t granted_s; /* D50; 0 after a removal */
    bool is_removal;    /* what was asked: expires 0 */
    struct str service_route, associated;
    struct str pub_gruu, temp_gruu;        /* as upreg has them */
    bool has_instance;                     /* likewise */
    bool is_bulk;                          /* of the view */
    uint64_t form;                         /* of what was asked for */
    struct server_at server;               /* that it is from; none: nobody was asked */
    uint64_t new_binding_id, new_upreg_id; /* random, for what this commit creates */
};

/* It does no more than take contacts away. */
static inline bool register_is_removal(const struct register_view *view)
{
    for (size_t k = 0; k < view->n_contacts; k++)
        if (view->contacts[k].expires_s != 0)
            return false;
    return view->n_contacts > 0;
}

#endif
