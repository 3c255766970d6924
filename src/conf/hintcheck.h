/* Warnings of combinations that work, and do not do what one may think: what is given and has no
 * effect, what saves nothing, what nobody can reach. On the main thread. */
#ifndef BW_CONF_HINTCHECK_H
#define BW_CONF_HINTCHECK_H

#include "conf/finding.h"
#include "conf/model.h"
#include "conf/settings.h"

/* Of one domain, which is linked. */
void hintcheck_domain(struct findings *f, const struct settings_section *s,
                      const struct conf_domain *d);

/* Of all that does not stand in a domain. */
void hintcheck_rest(struct findings *f, const struct settings *from, const struct conf *conf);

#endif
