/* Fixed contacts of fixed lines, a PBX for example: where calls go though nobody registers there,
 * and where they come from. No state; output is in the scratch arena; the worker's thread. */
#ifndef BW_SERVICE_TRUNK_H
#define BW_SERVICE_TRUNK_H

#include "core/binding.h"
#include "service/sender.h"

/* The way to a contact, as if it were a device. False: no listener fits. */
bool trunk_plan(struct context *c, const struct conf_place *place, struct forward_plan *out);

/* The packet comes from a fixed contact of the line of that AoR, whose record is given: it may call
 * in the line's name, over its Service-Route. *out: that, in a line that is there already. */
bool trunk_speaks(struct context *c, const struct packet *p, const struct aor_record *record,
                  struct sender *out);

/* A request for the line has found somebody, or nobody: raises the alarm line-unreachable, or ends
 * it. */
void trunk_note(struct context *c, const struct conf_line *line, bool is_away);

#endif
