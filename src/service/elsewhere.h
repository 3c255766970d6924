/* Why a device is told to stop ringing: the Reason of a CANCEL (RFC 3326, D72). Who hears that the
 * call was taken, or declined, elsewhere does not note a missed call. Nothing is said to one that
 * has rung its time: the call is missed there. Pure; any thread. */
#ifndef BW_SERVICE_ELSEWHERE_H
#define BW_SERVICE_ELSEWHERE_H

#include "base/arena.h"
#include "base/str.h"
#include "core/fork.h"
#include "sip/msg.h"

/* The header's value after a response with that status, which the fork knows already; none: no
 * header. before: what it was. After a 2xx "Call completed elsewhere"; after a 6xx that ends the
 * call for all its status, with the phrase of that and not the words of the device. What upstream
 * has said with its own CANCEL stays. In the arena or before or static; before on exhaustion. */
struct str elsewhere_reason(struct arena *a, const struct fork *f, struct str before,
                            unsigned status);

/* What a CANCEL says of why: all its Reasons, one for each protocol (RFC 3326 2), as far as there
 * is room for them. In the arena; none: nothing. */
struct str elsewhere_of_cancel(struct arena *a, const struct msg *cancel);

#endif
