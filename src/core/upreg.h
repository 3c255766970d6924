/* Which upstream registration a REGISTER concerns, and which ones it leaves behind. They have a
 * form: how the configuration wants them to stand upstream. After a reload each line moves to the
 * new one at its next refresh (architecture, "Reload"). Pure; any thread. */
#ifndef BW_CORE_UPREG_H
#define BW_CORE_UPREG_H

#include <stdbool.h>

#include "core/survey.h"

/* In aor-throttle the AoR's; else that of the first contact that is known, or that of the device
 * (instance, else Call-ID); of one that stands there in another mode only if the REGISTER does no
 * more than remove. NULL: none yet. */
const struct upreg *upreg_find(const struct absorb_input *in, const struct survey *s);

/* The configuration asks for another form of it by now. */
bool upreg_is_moved(const struct absorb_conf *conf, const struct upreg *u);

/* Its names are those that the configured mode gives; all else of a form moves under them. */
bool upreg_is_of_mode(const struct absorb_conf *conf, const struct upreg *u);

/* After the REGISTER nobody stands any more on the registration that it concerns. */
bool upreg_is_last(const struct absorb_input *in, const struct survey *s);

/* After the REGISTER nobody stands on u, which it does not concern. */
bool upreg_is_left(const struct absorb_input *in, const struct survey *s, const struct upreg *u);

#endif
