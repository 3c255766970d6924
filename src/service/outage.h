/* Whether an upstream is there: what workers see of it goes into one word that they share
 * (core/health), which says how REGISTERs are treated. Probes (upprobe) are its eyes, as long as
 * they are believed: since one was answered, and until a REGISTER is while they are not. REGISTERs
 * always count; while it is down one is sent now and then, to try it. Any thread, but for what
 * takes a context: a worker's. */
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

/* While it is down one REGISTER may go at times, as a trial: one that could be answered here, or
 * one that could not. The answer ends the outage. Taking it: false if another one has it. */
enum outage_trial { OUTAGE_TRIAL_SERVED, OUTAGE_TRIAL_REFUSED };
bool outage_can_try(const struct conf_upstream *u, enum outage_trial what);
bool outage_take_trial(const struct conf_upstream *u, enum outage_trial what);

/* It should be asked again soon. */
bool outage_is_open(const struct conf_upstream *u);

/* The operator takes it out of use, whatever it answers: as down until he lets it come back, it
 * is no longer configured or no longer probed, or a restart. Without probes there is no outage, and
 * none can be made. */
void outage_hold(struct context *c, const struct conf_upstream *u);
void outage_release(struct context *c, const struct conf_upstream *u);
bool outage_is_held(const struct shield *s);

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
