/* The targets of a call in the order in which they are tried: groups, one after another, and what
 * joins while it rings (serial and late forking, D68; redirects, D73). Those that were tried are
 * the branches of the call's fork, in the same order. The worker's thread. */
#ifndef BW_SERVICE_HUNT_H
#define BW_SERVICE_HUNT_H

#include "service/target.h"

struct uri;

struct hunt_entry {
    const struct forward_plan *plan; /* valid until it has been tried; see hunt_keep */
    struct forward_plan *other;      /* its other flows, or NULL; in the arena after hunt_keep */
    uint64_t device;                 /* as target.device */
    unsigned group;
    int q;
    bool is_last_resort;
    bool is_server;   /* as target.is_server */
    unsigned depth;   /* redirects that have led to it */
    uint64_t ends_ms; /* loop_now_ms; not to be tried from then on; 0: no end */
};

struct hunt {
    struct hunt_entry list[FORK_BRANCHES_MAX];
    size_t n, next; /* next: the first that has not been tried */
    bool is_kept;   /* all plans are in the arena, those of who was tried, too */
};

/* Plans stay where they are. */
void hunt_init(struct hunt *h, const struct target_set *set);

/* What comes after the first group, or with is_kept all, moves to the arena, and so do the other
 * flows of all. ERR_NOMEM. */
int hunt_keep(struct hunt *h, struct arena *a);

static inline bool hunt_has_more(const struct hunt *h)
{
    return h->next < h->n;
}

/* How many of those at next make the next group. */
size_t hunt_group_size(const struct hunt *h);

/* The device is among them, tried or not. */
bool hunt_has(const struct hunt *h, uint64_t device);

/* The same for a Request-URI (RFC 3261 19.1.4); is_kept. */
bool hunt_has_uri(const struct hunt *h, const struct uri *uri);

/* The next group is another server of the caller's upstream. */
static inline bool hunt_is_server_next(const struct hunt *h)
{
    return h->next < h->n && h->list[h->next].is_server;
}

/* Of those that have not been tried only servers will be. */
void hunt_keep_servers(struct hunt *h);

/* What has not been tried will not be. */
void hunt_drop(struct hunt *h);

/* How many of them are devices, tried or not. */
size_t hunt_count(const struct hunt *h);

/* One more target. If q does not matter or is not lower than that of the group that was tried last,
 * it is a part of that, counts as tried, and its turn is now: *is_due. Else it comes before the
 * first of those left that has a lower q or is no device, its plan copied to the arena. ERR_FULL,
 * ERR_NOMEM: nothing has changed. */
int hunt_add(struct hunt *h, const struct target *t, bool is_by_q, struct arena *a, bool *is_due);

/* The targets of a redirect by one that was tried, whose q and place they have: in order of their
 * groups before all that is left, their plans copied to the arena. There must be room. left_s
 * counts from now. ERR_NOMEM: nothing has changed. */
int hunt_add_redirect(struct hunt *h, size_t from, const struct target_set *set, uint64_t now_ms,
                      struct arena *a);

/* The flow of one that was tried has failed: the next flow of the same device is next, by itself.
 * breadth: its part. False: there is none, or no room. */
bool hunt_add_flow(struct hunt *h, size_t from, uint32_t breadth);

/* Forgets the one that is next; there is one. */
void hunt_del_next(struct hunt *h);

/* Forgets those left whose time has ended; their number. */
size_t hunt_del_ended(struct hunt *h, uint64_t now_ms);

#endif
