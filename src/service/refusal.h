/* Who is refused by what an operator has written: one line of the log for each. The worker's
 * thread. */
#ifndef BW_SERVICE_REFUSAL_H
#define BW_SERVICE_REFUSAL_H

#include "core/reason.h"
#include "service/forward.h"

/* A request was refused; other reasons than those of access lists, destinations, caller-id, limits
 * of calls and domains that are not served have no line. */
void refusal_note(const struct packet *p, const struct msg *m, enum forward_refusal why);
void refusal_note_register(const struct packet *p, const struct msg *m, enum reason why);

#endif
