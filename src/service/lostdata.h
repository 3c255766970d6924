/* Signs that an upstream has lost its data: it says 404 or 480 of a line that it holds by our
 * records, or its 2xx lists fewer of the line's registrations than it holds. Of several lines
 * within a time they raise an alarm, or, with resync = auto, begin a resync. The worker's thread.
 */
#ifndef BW_SERVICE_LOSTDATA_H
#define BW_SERVICE_LOSTDATA_H

#include "core/absorb.h"
#include "service/context.h"

struct msg;
struct reg;

/* So many lines, within so long; for so long after a resync has begun there are no signs. */
enum { LOSTDATA_LINES = 3, LOSTDATA_WITHIN_S = 300, LOSTDATA_AGAIN_S = 600 };

/* Before a REGISTER goes: what upstream holds of its line. */
void lostdata_prepare(struct reg *r, const struct absorb_input *in);

/* Its final answer. Uses the scratch arena. */
void lostdata_judge(const struct reg *r, const struct msg *answer);

/* A worker begins its walk of a resync; and is through with it. */
void lostdata_on_walk(struct context *c, const struct conf_upstream *u);
void lostdata_on_walked(struct context *c, const struct conf_upstream *u);

#endif
