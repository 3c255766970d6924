/* The challenges of several branches in one answer, so that the caller can meet them at once (RFC
 * 3261 16.7 step 7). No state; scratch arena; the worker's thread. */
#ifndef BW_SERVICE_CHALLENGE_H
#define BW_SERVICE_CHALLENGE_H

#include "service/context.h"

/* The header lines of all 401 and 407 among the failures (NULL: none) but that of one; none: there
 * are none, or no room for them. */
struct str challenge_lines(struct context *c, const struct msg *const failures[], size_t n,
                           size_t but);

#endif
