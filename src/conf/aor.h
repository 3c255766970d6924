/* The address of record that a text of the configuration means, in the canonical form that records
 * have (sip/uri.h). Once the hosts of all domains are known. Main thread. */
#ifndef BW_CONF_AOR_H
#define BW_CONF_AOR_H

#include "base/arena.h"
#include "conf/hosts.h"

/* Of a served domain: "user@host", with sip: in front or without, or tel:. What is only passed by
 * lives in scratch; *aor in the arena. 0; ERR_PARSE: no AoR; ERR_ABSENT: its domain is not served;
 * ERR_NOMEM. */
struct aor_scope {
    const struct conf *conf;
    const struct hosts *hosts;
};
int aor_parse(const struct aor_scope *in, struct arena *a, struct str text,
              const struct conf_domain **domain, struct str *aor);

/* A host of a served domain, its name or an alias; NULL: of none. */
const struct conf_domain *aor_domain(const struct aor_scope *in, struct str host);

#endif
