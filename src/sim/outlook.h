/* What a comeback of all devices would be like, judged by the policy itself: each binding of the
 * daemon's records is made into the REGISTER that its device would send, and decided. Reads the
 * store of a running daemon, changes nothing and sends nothing. One thread. */
#ifndef BW_SIM_OUTLOOK_H
#define BW_SIM_OUTLOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"

struct outlook_conf {
    bool is_rebooted; /* a new Call-ID, no credentials */
    bool is_rebound;  /* another source */
    bool is_kept;     /* the phones go on refreshing until then: the upstream is away, not they */
    uint32_t outage_s, within_s;
};

/* Of one upstream: devices, by what their first REGISTER would come to. */
struct outlook {
    const struct conf_upstream *upstream;
    uint64_t devices;
    uint64_t absorbed;   /* answered here; upstream hears nothing */
    uint64_t postponed;  /* due there, and answered here as long as there is no turn */
    uint64_t waiting;    /* must go there, and waits for its turn or hears 503 */
    uint64_t registers;  /* what goes there: two for each that upstream has challenged before */
    uint64_t unlicensed; /* registers of those that wait */
};

/* One for each upstream of the configuration, in its order; the caller frees it. ERR_ABSENT: there
 * is no live table; ERR_IO, ERR_PARSE, ERR_BADCONF, ERR_NOMEM. *unknown: devices of domains that
 * are no longer configured. */
int outlook_take(const struct conf *conf, const struct outlook_conf *how, struct outlook **out,
                 uint64_t *unknown);

#endif
