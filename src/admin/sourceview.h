/* The loudest and the slowest sources as JSON. Any thread. */
#ifndef BW_ADMIN_SOURCEVIEW_H
#define BW_ADMIN_SOURCEVIEW_H

#include <jansson.h>

#include "conf/conf.h"

struct noise;

struct sourceview {
    const struct conf *conf; /* says whose address is an upstream's */
    unsigned n_workers;
    const struct noise *(*noise)(unsigned worker, void *arg); /* as worker_noise */
    void *arg;
};

/* So many of each are shown. */
enum { SOURCEVIEW_MOST = 10 };

/* {"seconds":…,"loudest":[…],"slowest":[…]}, each list from its top down. NULL: no memory. */
json_t *sourceview_json(const struct sourceview *v);

#endif
