/* What authentication = local needs of a domain: algorithms, realm, credentials. Main thread. */
#ifndef BW_CONF_REALM_H
#define BW_CONF_REALM_H

#include "base/arena.h"
#include "conf/finding.h"
#include "conf/settings.h"

struct realm_domain {
    struct findings *findings;
    struct arena *arena;
    struct conf *conf; /* takes the credentials, each file once */
    const struct settings_section *section;
};

/* Fills in what was left out, reads the file, says what contradicts itself. ERR_NOMEM. */
int realm_check(const struct realm_domain *q, struct conf_domain *d);

#endif
