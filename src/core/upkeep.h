/* When a REGISTER of our own goes out next: before the end of what upstream has granted, and after
 * a failure later and later. Pure; any thread. */
#ifndef BW_CORE_UPKEEP_H
#define BW_CORE_UPKEEP_H

#include <stdint.h>

enum upkeep_failure {
    UPKEEP_TROUBLE, /* errors, silence, a challenge for which there is no account: from 30 s to 5
                       min */
    UPKEEP_REFUSED  /* upstream says no to the account or the line: from 5 min to an hour, because
                       too many attempts lock an account */
};

/* Seconds to wait after a failure, the n_before-th of a row (0: the first). retry_after_s: what
 * upstream asks for, 0: nothing; more than an hour is nobody's wish. */
uint32_t upkeep_wait_s(enum upkeep_failure what, unsigned n_before, uint32_t retry_after_s);

/* The random part of a refresh: up to a twentieth of what was granted, so that what came together
 * does not come together again. */
uint32_t upkeep_jitter_s(uint32_t granted_s, uint64_t draw);

/* Seconds from a grant to the refresh of a line that stands on its own: a tenth, and at least 64 s,
 * before its end, and earlier by the jitter; of a short one half of it is left. At least 1. */
uint32_t upkeep_refresh_in_s(uint32_t granted_s, uint64_t draw);

#endif
