/* What a REGISTER tells of the data of its upstream: it says 404 or 480 of a line that it holds by
 * our records, or its 2xx lists fewer of the line's registrations than it holds: a sign (signs.h).
 * And the walks of a resync. The worker's thread. */
#ifndef BW_SERVICE_LOSTDATA_H
#define BW_SERVICE_LOSTDATA_H

#include "core/absorb.h"
#include "service/context.h"

struct msg;
struct reg;

/* Before a REGISTER goes: whether it is ours or from a device of its line, and what upstream holds
 * of that. */
void lostdata_prepare(struct reg *r, const struct absorb_input *in);

/* Its final answer. Uses the scratch arena. */
void lostdata_judge(const struct reg *r, const struct msg *answer);

/* A worker begins its walk of a resync, which is about what was accepted before since_s (service
 * clock; of all workers the same), and, is_ordered, takes it to the servers that are preferred; and
 * is through with it. */
void lostdata_on_walk(const struct conf_upstream *u, uint64_t since_s, bool is_ordered);
void lostdata_on_walked(struct context *c, const struct conf_upstream *u);

#endif
