/* What concerns more than one option: links between sections, contradictions, values that depend
 * on others, warnings. Main thread. */
#ifndef BW_CONF_CHECK_H
#define BW_CONF_CHECK_H

#include "base/arena.h"
#include "conf/finding.h"
#include "conf/hosts.h"
#include "conf/settings.h"

/* conf as fill_conf left it, and the settings it came from. Fills hosts. ERR_NOMEM. */
int check_conf(struct findings *f, struct arena *a, const struct settings *from, struct conf *conf,
               struct hosts *hosts);

#endif
