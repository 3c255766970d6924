/* A domain's destinations, checked and made ready for use. Main thread. */
#ifndef BW_CONF_DIALLING_H
#define BW_CONF_DIALLING_H

#include "base/arena.h"
#include "conf/finding.h"
#include "conf/settings.h"

/* Fills d->dialplan, in the arena. ERR_NOMEM. */
int dialling_check(struct findings *f, struct arena *a, const struct settings_section *s,
                   struct conf_domain *d);

#endif
