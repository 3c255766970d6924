/* The licence: the right of a device to have its own REGISTER answered here (architecture, section
 * 5: L1 the same stream, or a
 * resumed TLS session of its family, L2 the same UDP source with the same Call-ID and a rising
 * CSeq, L3 a right answer to our own challenge; L1 and L2 never beyond reproof, and resting on one
 * binding without covering any other). Pure; any thread. */
#ifndef BW_CORE_LICENCE_H
#define BW_CORE_LICENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/reason.h"
#include "core/survey.h"

/* May a contact refresh the binding that it names (index `at`, alive)? REASON_LICENSED_FLOW,
 * REASON_LICENSED_SESSION, REASON_LICENSED_SOURCE, REASON_LICENSED_DIGEST, REASON_TRUSTED,
 * REASON_REPEAT: yes; else what is in the way. */
enum reason licence_refresh(const struct absorb_input *in, const struct register_contact *c,
                            int at);

/* L1 or L2 covers every contact: the sender need not prove himself, even where upstream has to be
 * asked, because it is time or another of his is on its way. */
bool licence_is_whole(const struct absorb_input *in, const struct survey *s);

/* May the sender remove the binding, which is alive? */
bool licence_is_removal(const struct absorb_input *in, int at);

/* Does any of these bindings, all alive, give the sender the right to ask about the line (D13,
 * D18)? */
bool licence_is_line(const struct absorb_input *in, uint64_t alive);

/* It comes from the binding's own device, as far as way, Call-ID and CSeq tell, and the binding had
 * been proven: what a refusal by upstream is evidence about (D53). */
bool licence_is_own(const struct absorb_input *in, int at);

/* Same Call-ID and a CSeq that does not rise, or is equal where policy does not allow that (D27,
 * D29). */
bool licence_is_stale(const struct absorb_input *in, int at);

/* The same for a star, which no policy helps (D12). */
bool licence_is_stale_star(const struct absorb_input *in, int at);

#endif
