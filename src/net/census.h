/* Counts the connections that no binding needs, all of them and by source (an IPv6 source is its
 * /64), over all workers. Sources share counters by a keyed hash: who fills one meets few others in
 * it, and cannot choose whom. Any thread, no locks; zero is an empty one. */
#ifndef BW_NET_CENSUS_H
#define BW_NET_CENSUS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/hash.h"

enum { CENSUS_SLOTS = 65536 };

struct census {
    struct hash_key key; /* set before any thread starts */
    atomic_uint max_of_source, max_of_all;
    atomic_uint n;
    atomic_uint of_source[CENSUS_SLOTS];
};

enum census_verdict { CENSUS_OK, CENSUS_SOURCE_FULL, CENSUS_FULL };

/* From now on. 0: so many of all that a quarter of the process's file descriptors is left. */
void census_set_limits(struct census *c, uint32_t max_of_source, uint32_t max_of_all);

/* One more, if there is room. */
enum census_verdict census_enter(struct census *c, const struct addr *peer);

/* One more that is there already, and one less. */
void census_add(struct census *c, const struct addr *peer);
void census_del(struct census *c, const struct addr *peer);

#endif
