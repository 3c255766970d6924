/* A request from a phone of ours to another one that no upstream judges on its way. No state; the
 * worker's thread. */
#ifndef BW_SERVICE_BRIDGE_H
#define BW_SERVICE_BRIDGE_H

#include "service/callerid.h"
#include "service/forward.h"

/* A call or a message for people. What else a phone may send, the upstream is to judge: REFER and
 * NOTIFY make others' phones do things. */
bool bridge_takes(const struct msg *m);

/* What the phone shows of itself needs nobody's judgement: it is the line, or anonymous. Nobody but
 * the upstream can say who else may be shown as the caller. line: his. */
bool bridge_is_caller_shown(struct context *c, const struct msg *m,
                            const struct callerid_line *line);

/* Makes of a plan, and of those for other flows of the device, one of a request from a phone. from:
 * the plan by which it would go upstream. is_past_upstream: as in the plan. */
void bridge_plan(const struct forward_plan *from, bool is_past_upstream, struct forward_plan *plan);

#endif
