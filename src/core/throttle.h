/* The limit that an overloaded server has set for what is sent to it: a share that is held back
 * (RFC 7339 7), or a rate (RFC 7415). Deterministic: over several requests just as many are held
 * back as it asks for, those of the least right first. Times are milliseconds of one clock. Pure;
 * any thread. */
#ifndef BW_CORE_THROTTLE_H
#define BW_CORE_THROTTLE_H

#include "core/pace.h"
#include "sip/oc.h"

/* REGISTERs have the right of their enum pace_class. Calls come before all of them, as whoever
 * is refused a call notices; requests in dialogs, emergency calls and answers to challenges are
 * counted, but never held back (RFC 7339 5.10.1). */
enum { THROTTLE_CALL = PACE_CLASSES, THROTTLE_ALWAYS, THROTTLE_RIGHTS };

/* All zero: there is no limit. */
struct throttle {
    enum oc_algorithm algorithm;
    uint32_t value;
    uint64_t until_ms; /* 0: there never was one */
    uint64_t seq;      /* of the last one; 0: none */
    uint64_t low_seq;  /* of the last lower one; n_low: how many in a row there were */
    uint32_t n_low;
    uint32_t debt;       /* OC_LOSS: hundredths of requests that are still to be held back */
    uint64_t full_at_us; /* OC_RATE: the bucket, as in pace.h */
};

/* Takes what the server says now, for most_ms at the longest. False: it is older than what is
 * known, and changes nothing. */
bool throttle_set(struct throttle *t, const struct oc *oc, uint32_t most_ms, uint64_t now_ms);

bool throttle_is_on(const struct throttle *t, uint64_t now_ms);

/* One more is about to be sent. False: it must not be. */
bool throttle_lets(struct throttle *t, unsigned right, uint64_t now_ms);

#endif
