/* Where a request goes: its target set (RFC 3261 16.5; architecture, section 5 on tokens; D64, D65,
 * D69, D70). No state; output is in the scratch arena; the worker's thread. */
#ifndef BW_SERVICE_TARGET_H
#define BW_SERVICE_TARGET_H

#include "core/fork.h"
#include "service/forward.h"

struct target {
    struct forward_plan plan;
    unsigned group;  /* serial forking: the lower one first, equal ones at once */
    int q;           /* thousandths */
    uint64_t device; /* its identity, by instance or else by Contact; 0: not a device of a line */
    uint32_t left_s; /* before its binding ends, or its time in a redirect; 0: not known */
    bool is_last_resort;
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
    uint16_t trial; /* the mark of the upstream at the first target, if all others are for its
                       silence alone; or 0 */
};

/* FORWARD_OK and at least one plan, or why there is none. *out is zero before. */
enum forward_refusal target_find(struct context *c, const struct packet *p, const struct msg *m,
                                 struct target_set *out);

/* The devices of a line as its domain arranges them: as target_find, for a request that is not from
 * the upstream. *out is zero before. */
enum forward_refusal target_find_line(struct context *c, struct str aor, const struct msg *m,
                                      struct target_set *out);
/* A request of a phone whose line is registered from where it comes from. */
bool target_is_registered(struct context *c, const struct packet *p, const struct msg *m);

/* The devices of a line that take the request, all in one group. *out is zero before. */
enum forward_refusal target_find_devices(struct context *c, struct str aor, const struct msg *m,
                                         struct target_set *out);

/* A Contact's URI as a Request-URI: byte for byte (D65), but for what no Request-URI has: headers
 * and a method parameter (RFC 3261 19.1.1, 16.6 step 2; D66). */
struct str target_uri(struct context *c, struct str contact);

#endif
