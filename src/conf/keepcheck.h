/* What a domain's keepalive section says together. Main thread. */
#ifndef BW_CONF_KEEPCHECK_H
#define BW_CONF_KEEPCHECK_H

#include "conf/finding.h"
#include "conf/model.h"
#include "conf/settings.h"

/* Warns of what can do nothing, or comes too late. s: the domain's section. */
void keepcheck_domain(struct findings *f, const struct settings_section *s,
                      const struct conf_domain *d);

#endif
