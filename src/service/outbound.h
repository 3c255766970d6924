/* RFC 5626 on the access side: whether a REGISTER names flows, whether its first hop keeps them,
 * and what the answer says of that. No state; the worker's thread. */
#ifndef BW_SERVICE_OUTBOUND_H
#define BW_SERVICE_OUTBOUND_H

#include "base/buf.h"
#include "conf/model.h"
#include "core/reason.h"
#include "core/register.h"
#include "sip/msg.h"

/* Of a REGISTER whose contacts have been read; sets v->is_outbound. REASON_MAX; REASON_FIRST_HOP:
 * between the device and us is one that keeps no flows (439); REASON_BAD_CONTACT: a flow beside
 * other contacts. */
enum reason outbound_judge(const struct msg *m, struct register_view *v);

/* The answer to that REGISTER has these values of Require and Flow-Timer; none where it has none.
 * text: room for the second. */
enum { OUTBOUND_TEXT = 12 };
struct outbound_reply {
    struct str require, flow_timer;
    char text[OUTBOUND_TEXT];
};
void outbound_answer(const struct conf_domain *d, const struct register_view *v,
                     struct outbound_reply *out);

#endif
