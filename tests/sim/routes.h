/* Route sets as the ends of a dialog learn them: a second opinion like text.h. Pure. */
#ifndef BW_TESTS_SIM_ROUTES_H
#define BW_TESTS_SIM_ROUTES_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

enum { ROUTES_MAX = 16 };

/* A route set, and the Request-URI that it goes with. */
struct routes {
    struct str elements[ROUTES_MAX];
    size_t n;
    struct str ruri;
    bool is_split; /* a line for each element */
};

/* What the Record-Routes of a message stand for (RFC 3261 12.1): of a request in their order, for
 * who was called; of a response reversed, for the caller. Of a REGISTER its Path, for the
 * registrar. */
void routes_of(struct str message, struct routes *out);

/* How a proxy on the way may write it, or a forger: words with commas between. False: no such word.
 * split, upper, escaped, params, display; strict (a strict router's: RFC 3261 16.6 step 6);
 * drop-N, spoil-N, swap (the Nth element gone, its last digit changed; the first two). */
bool routes_write(struct arena *a, struct str how, struct routes *r);

/* All of it as one value; none where it is empty. */
struct str routes_join(struct arena *a, const struct routes *r);

#endif
