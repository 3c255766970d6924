/* Whether an upstream is there: what workers see of it goes into one word that they share
 * (core/health), which says how REGISTERs are treated. Probes (upprobe) are its eyes; until
 * one has been answered an upstream counts as up. Any thread, but for what takes a context: a
 * worker's. */
#ifndef BW_SERVICE_OUTAGE_H
#define BW_SERVICE_OUTAGE_H

#include "core/health.h"
#include "service/context.h"

struct shield;

/* Something was seen of it. A change of its state is logged and counted, the alarm upstream-down
 * comes or goes. */
void outage_note(struct context *c, const struct conf_upstream *u, enum health_event e);

/* What a final answer to a REGISTER says, or its silence (0). */
void outage_on_register(struct context *c, const struct conf_upstream *u, unsigned status);

enum health_state outage_state(const struct conf_upstream *u);
bool outage_is_down(const struct conf_upstream *u);

/* Devices are served here for what became due upstream while it was down: it is, or has not yet had
 * its turn for all of them (D56a). What that may be, core/register.h says. */
bool outage_serves(const struct conf_upstream *u);

/* It should be asked again soon. */
bool outage_is_open(const struct conf_upstream *u);

/* Nobody asks any more. */
void outage_forget(struct context *c, const struct conf_upstream *u);

/* ---- for recover.h */

/* Counts returns; 0: none yet. */
uint64_t outage_round(const struct conf_upstream *u);

/* A worker is through with what that return asked of it; once all are, the upstream is up. */
void outage_on_recovered(struct context *c, const struct conf_upstream *u, uint64_t round);

/* Lines whose devices stand on what upstream has dropped: so many more. */
void outage_add_left(struct shield *s, int64_t n);

/* ---- for who looks */

/* Service clock; 0: since the start. */
uint64_t outage_since_s(const struct shield *s);

/* All the time that it was in that state, the present one included. */
uint64_t outage_spent_s(const struct shield *s, enum health_state state, uint64_t now_s);

#endif
