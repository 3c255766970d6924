/* What an operator may order of an upstream: /api/v1/upstreams/NAME/resync, drain, resume. Pure;
 * any thread. */
#ifndef BW_ADMIN_UPOPS_H
#define BW_ADMIN_UPOPS_H

#include "base/str.h"

enum upops_order { UPOPS_RESYNC, UPOPS_DRAIN, UPOPS_RESUME, UPOPS_ORDERS };

/* UPOPS_ORDERS: it is no such path. */
enum upops_order upops_parse(struct str path, struct str *name);

/* The last word of the path. */
const char *upops_word(enum upops_order what);

#endif
