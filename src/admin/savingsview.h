/* REGISTERs in and out since the start, of all, of each domain and of each upstream, as JSON. Any
 * thread. */
#ifndef BW_ADMIN_SAVINGSVIEW_H
#define BW_ADMIN_SAVINGSVIEW_H

#include <jansson.h>

#include "conf/conf.h"

struct ledger;

struct savingsview {
    const struct conf *conf; /* says which upstream a domain has now */
    unsigned n_workers;
    const struct ledger *(*ledger)(unsigned worker, void *arg); /* as worker_ledger */
    void *arg;
    uint64_t since_s; /* of the counts, in real time */
};

/* LEDGER_KINDS counts, of all domains. */
void savingsview_total(const struct savingsview *v, uint64_t counts[]);

/* Each domain with its LEDGER_KINDS counts, in the order of their names; none: all those without a
 * row of their own. How many; ERR_NOMEM. fn NULL: only how many. */
typedef void savingsview_fn(struct str domain, const uint64_t counts[], void *arg);
int savingsview_each(const struct savingsview *v, savingsview_fn *fn, void *arg);

/* NULL: no memory. */
json_t *savingsview_json(const struct savingsview *v);

#endif
