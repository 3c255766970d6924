/* Which domain a host means. Filled on one thread, then read by any. */
#ifndef BW_CONF_HOSTS_H
#define BW_CONF_HOSTS_H

#include "base/arena.h"
#include "base/hmap.h"
#include "conf/model.h"

struct hosts {
    struct hmap map;
};

void hosts_init(struct hosts *h);
void hosts_fini(struct hosts *h);

/* A canonical host (value_host), which must outlive the table. *other: the domain that has it
 * already, and then nothing is added; else NULL. ERR_NOMEM. */
int hosts_add(struct hosts *h, struct arena *a, struct str host, const struct conf_domain *domain,
              const struct conf_domain **other);

/* By a canonical host; NULL: nobody's. */
const struct conf_domain *hosts_find(const struct hosts *h, struct str host);

#endif
