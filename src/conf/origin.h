/* The origin of a web page as a browser says it (RFC 6454 6.2). Pure; any thread. */
#ifndef BW_CONF_ORIGIN_H
#define BW_CONF_ORIGIN_H

#include <stdbool.h>

#include "base/str.h"

/* NULL: it is one. Else what no browser would say in it; "": it is nothing like one. */
const char *origin_fault(struct str text);

/* An http or https URL with a host and no user. */
bool origin_is_url(struct str text);

#endif
