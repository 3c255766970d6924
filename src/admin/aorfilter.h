/* Which addresses of record a list is to have. Any thread. */
#ifndef BW_ADMIN_AORFILTER_H
#define BW_ADMIN_AORFILTER_H

#include "admin/fault.h"
#include "admin/query.h"
#include "base/addr.h"
#include "conf/conf.h"
#include "core/binding.h"

struct aorfilter {
    const struct conf_domain *domain; /* NULL: any */
    struct str host;                  /* of a domain that is not configured; none: any */
    struct str upstream;              /* a name; none: any */
    struct addr source;               /* family 0: any */
    unsigned source_bits;             /* of its address */
    bool has_port;                    /* and its port counts */
    struct str user_agent;            /* what stands in it, in any case; none: any */
    struct str prefix;                /* of the AoR; none: any */
    struct str cursor;                /* those behind it; none: all */
    uint32_t limit;
};

/* False: *f says why. Slices are the query's. */
bool aorfilter_parse(const struct conf *conf, const struct query *q, struct aorfilter *out,
                     struct fault *f);

/* By what the AoR alone says. */
bool aorfilter_takes_aor(const struct aorfilter *f, const struct conf *conf, struct str aor);

/* By its bindings; one of them is to have all that is asked for. */
bool aorfilter_takes_record(const struct aorfilter *f, const struct aor_record *r);

#endif
