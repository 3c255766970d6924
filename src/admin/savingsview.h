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

/* NULL: no memory. */
json_t *savingsview_json(const struct savingsview *v);

#endif
