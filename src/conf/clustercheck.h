/* Checks the section "cluster". */
#ifndef BW_CONF_CLUSTERCHECK_H
#define BW_CONF_CLUSTERCHECK_H

#include "conf/finding.h"
#include "conf/model.h"
#include "conf/settings.h"

/* s: the section; NULL: there is none. */
void clustercheck(struct findings *f, const struct settings_section *s, const struct conf *conf);

#endif
