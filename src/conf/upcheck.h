/* The upstream-credentials of all domains: each file is read once. Main thread. */
#ifndef BW_CONF_UPCHECK_H
#define BW_CONF_UPCHECK_H

#include "base/arena.h"
#include "conf/aor.h"
#include "conf/finding.h"
#include "conf/settings.h"

/* Reads them for a configuration whose hosts are known; it takes them. What is wrong is said.
 * ERR_NOMEM. */
int upcheck_read(struct findings *f, struct arena *a, const struct settings *from,
                 struct conf *conf, const struct hosts *hosts);

#endif
