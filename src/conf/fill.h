/* From settings to the fields of a configuration, option by option as the schema says; what
 * concerns more than one option is check.h's. Main thread. */
#ifndef BW_CONF_FILL_H
#define BW_CONF_FILL_H

#include "base/arena.h"
#include "conf/finding.h"
#include "conf/settings.h"

/* Fills a zeroed configuration from the arena. What is wrong is said and leaves its field zero;
 * elements of sections and lists stand in the settings' order. ERR_NOMEM. */
int fill_conf(struct findings *f, struct arena *a, const struct settings *from, struct conf *out);

#endif
