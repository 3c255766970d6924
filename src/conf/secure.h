/* The files behind a listen section with TLS: read and judged with the configuration, so that a
 * reload with bad ones changes nothing. Main thread. */
#ifndef BW_CONF_SECURE_H
#define BW_CONF_SECURE_H

#include "conf/finding.h"
#include "conf/model.h"
#include "conf/settings.h"

/* Sets listen->tls. 0, also when errors were said; ERR_NOMEM. */
int secure_check(struct findings *f, const struct settings_section *s, struct conf_listen *listen);

#endif
