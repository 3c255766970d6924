/* Whether a device is there, as its answers to our OPTIONS and its REGISTERs show, and what they
 * show of the NAT in front of it. One that does not answer is marked in its lease, where every
 * worker sees it and where the next commit of the device forgets it; it is tried last. The worker's
 * thread. */
#ifndef BW_SERVICE_PULSE_H
#define BW_SERVICE_PULSE_H

#include "conf/conf.h"
#include "net/flow.h"
#include "service/location.h"

/* One device of a line. */
struct pulse {
    const struct conf_domain *domain;
    struct str aor;
    struct addr peer;
    struct lease_ref lease;
};

/* It has answered; it has not. Logged and counted where that is news. */
void pulse_on_answer(struct context *c, const struct pulse *p);
void pulse_on_silence(struct context *c, const struct pulse *p);

/* Its REGISTER was absorbed: as leases[nth] of the location says, it had been marked, perhaps. */
void pulse_on_refresh(struct context *c, const struct conf_domain *domain,
                      const struct location *before, size_t nth);

/* What there is to remember of the device of a REGISTER until that is accepted. */
struct pulse_past {
    bool is_unreachable;
    bool is_lost;     /* its mapping was, since heard_s */
    uint64_t heard_s; /* service clock */
};

void pulse_remember(const struct location *before, const struct register_view *view,
                    struct pulse_past *out);

/* It has been: the mark is gone with the commit. peer: where it came from. */
void pulse_on_accept(struct context *c, const struct pulse *p, const struct pulse_past *past);

#endif
