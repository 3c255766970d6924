/* The two requests that live hop by hop and are made from the request they belong to: the ACK to
 * a final response but 2xx (RFC 3261 17.1.1.3) and the CANCEL (9.1). Pure; output in the arena. */
#ifndef BW_SIP_HOP_H
#define BW_SIP_HOP_H

#include "sip/msg.h"

/* 0 or ERR_NOMEM. invite: as it was sent; response: what is acknowledged. */
int hop_ack(struct arena *a, const struct msg *invite, const struct msg *response, struct str *out);

/* A longer Reason is left out. */
enum { HOP_REASON_MAX = 255 };

/* reason: the value of a Reason header (RFC 3326), or none. */
int hop_cancel(struct arena *a, const struct msg *invite, struct str reason, struct str *out);

#endif
