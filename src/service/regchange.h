/* What a REGISTER may do to a record, as inputs of the store's writer: the reducers run the policy
 * of core/ on the current record inside the write transaction. Built by a worker, run by the store
 * thread. */
#ifndef BW_SERVICE_REGCHANGE_H
#define BW_SERVICE_REGCHANGE_H

#include "core/absorb.h"
#include "store/store.h"

enum regchange_kind {
    REGCHANGE_LICENSED, /* absorb_decide lets it in; code is REASON_MAX if it does no more */
    REGCHANGE_SERVED,   /* the same of a new device in an outage: absorb_serve */
    REGCHANGE_ACCEPTED, /* upstream's 2xx: absorb_apply */
    REGCHANGE_REFUSED   /* upstream's refusal: absorb_refused */
};

enum { REGCHANGE_LEAVING_MAX = 8 };

struct regchange {
    enum regchange_kind kind;
    struct absorb_conf conf;
    struct register_view view;
    bool is_upstream_busy; /* REGCHANGE_LICENSED, …_SERVED: what it was decided under (D56a) */
    bool is_outage;        /* likewise */
    bool is_down;          /* likewise */
    struct upstream_grant grant;
    unsigned status;                         /* REGCHANGE_REFUSED */
    uint64_t leaving[REGCHANGE_LEAVING_MAX]; /* registrations that rode along (D58) */
    size_t n_leaving;
};

/* For store_request: a deep copy, and the reducer. Its code is an enum reason. */
void *regchange_copy(struct arena *a, const void *input);
int regchange_reduce(const struct store_change *c, void *input, bool *is_changed);

#endif
