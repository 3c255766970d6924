/* What a server says of its load in our own Via (RFC 7339 4, RFC 7415 3.2). Pure; any thread. */
#ifndef BW_SIP_OC_H
#define BW_SIP_OC_H

#include <stdbool.h>
#include <stdint.h>

#include "sip/via.h"

enum oc_algorithm { OC_LOSS, OC_RATE };

struct oc {
    enum oc_algorithm algorithm;
    uint32_t value;       /* OC_LOSS: percent that must not be sent, 100 at most; OC_RATE: requests
                             a second that may be */
    uint32_t validity_ms; /* 500 where nothing is said; 0: the limit is over */
    uint64_t seq;         /* units of 10 us; 0: none was given */
};

/* False: there is no limit, or none that means anything: oc without a number, a percentage above
 * 100, an algorithm that is not known, several, a parameter that does not follow its grammar. A
 * parameter that appears twice counts where it is first. */
bool oc_parse(const struct via *v, struct oc *out);

#endif
