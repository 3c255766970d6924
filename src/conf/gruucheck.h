/* What is to be said of a domain's gruu. On the main thread. */
#ifndef BW_CONF_GRUUCHECK_H
#define BW_CONF_GRUUCHECK_H

#include "conf/finding.h"
#include "conf/model.h"
#include "conf/settings.h"

/* The domain is linked but for its file. */
void gruucheck_domain(struct findings *f, const struct conf *conf, const struct settings_section *s,
                      const struct conf_domain *d);

#endif
