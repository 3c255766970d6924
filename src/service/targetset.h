/* A target set (RFC 3261 16.5): where a request goes, and how. */
#ifndef BW_SERVICE_TARGETSET_H
#define BW_SERVICE_TARGETSET_H

#include "core/fork.h"
#include "service/forward.h"
#include "service/ongoing.h"

/* A Contact without q is as good as one with the highest (D21). */
enum { TARGET_Q_DEFAULT = 1000 };

struct target {
    struct forward_plan plan;
    unsigned group;  /* serial forking: the lower one first, equal ones at once */
    int q;           /* thousandths */
    uint64_t device; /* its identity, by instance or else by Contact; 0: not a device of a line */
    uint32_t left_s; /* before its binding ends, or its time in a redirect; 0: not known */
    bool is_last_resort;
    bool is_server; /* of the caller's upstream */
};

struct target_set {
    struct target list[FORK_BRANCHES_MAX]; /* in order of their groups */
    size_t n;
    uint32_t ring_timeout_s;      /* of a group, while there is another */
    bool is_redirect;             /* answer 302 with these */
    struct build_reply challenge; /* with FORWARD_UNPROVEN: the answer */
    struct str own_realm;         /* of a caller who has proven himself to us; or none */
    uint32_t methods; /* with FORWARD_UNABLE: what the devices do take, as binding.methods */
    struct fork_policy policy; /* of the line's domain */
    bool is_to_phones;         /* several, by the location of a line */
    size_t max_devices;        /* that one request goes to (D74) */
    size_t n_left_out;         /* for that reason */
    unsigned n_own;            /* left out because it is they who call */
    bool is_by_q;              /* the groups are */
    bool can_grow;             /* devices that register meanwhile join: late fork */
    bool is_followed;          /* redirects of its devices are, if they may be (D73) */
    struct str aor;            /* of the line that is called, or none */
    struct str joins;          /* whose devices join late; none: those of aor */
    uint32_t breadth;          /* that the branches share (RFC 5393) */
    const struct conf_domain *caller_domain; /* from a phone or a trusted source: theirs; or NULL */
    struct str caller;                       /* the line of that phone, or none */
    unsigned n_servers; /* of the caller's upstream, at the first targets: one after another, when
                           the one before is silent, out of reach or answers 503 (RFC 3263 4.3) */
    unsigned right;     /* to be sent to another one of them, as in core/throttle.h */
    uint16_t trial;     /* the mark of that upstream, if all targets behind the first are for its
                           silence alone; or 0 */
    struct callerid_line in_dialog; /* that goes on with a dialog which it has begun; or zero */
    struct ongoing ongoing;         /* of proxy.c */
};

#endif
