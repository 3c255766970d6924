/* Route sets as the ends of a dialog learn them: a second opinion like text.h. Pure. */
#ifndef BW_TESTS_SIM_ROUTES_H
#define BW_TESTS_SIM_ROUTES_H

#include "base/arena.h"
#include "base/str.h"

/* The value of the Route header that the Record-Routes of a message stand for (RFC 3261 12.1): of a
 * request in their order, for who was called; of a response reversed, for the caller. Of a REGISTER
 * its Path, for the registrar. None: there is none. */
struct str routes_of(struct arena *a, struct str message);

#endif
