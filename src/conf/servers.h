/* The servers of an upstream: what contradicts itself, and what those with TLS are asked for. Main
 * thread. */
#ifndef BW_CONF_SERVERS_H
#define BW_CONF_SERVERS_H

#include "base/arena.h"
#include "conf/finding.h"
#include "conf/model.h"
#include "conf/settings.h"

/* Once the listen sections are known. Sets u->tls and the names of its servers, in the arena. 0,
 * also when errors were said; ERR_NOMEM. */
int servers_check(struct findings *f, struct arena *a, const struct settings_section *s,
                  const struct conf *conf, struct conf_upstream *u);

#endif
