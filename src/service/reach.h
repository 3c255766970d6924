/* How a device is reached: what a record keeps of a flow, and the flow again. A stream is known by
 * its name (flow_id), and once it is gone there is no other way to a device that had come by it: it
 * is behind a NAT, or has no port that anybody could connect to. The worker's thread. */
#ifndef BW_SERVICE_REACH_H
#define BW_SERVICE_REACH_H

#include "core/binding.h"
#include "net/flow.h"
#include "service/context.h"

struct way reach_way(const struct flow_ref *flow);

/* False: the stream is gone, or the listener. */
bool reach_flow(const struct context *c, const struct way *way, struct flow_ref *out);

/* A device of that line that was reached by one way is, as committed, reached by another flow from
 * now on; from all zero: it is a new one. */
void reach_move(const struct context *c, struct str aor, const struct way *from,
                const struct flow_ref *to);

/* A REGISTER that came by this flow has been accepted: its stream may be silent as long as any
 * binding of the domain lives without another one. */
void reach_hold(const struct context *c, const struct conf_domain *domain,
                const struct flow_ref *flow);

#endif
