/* Networks that are in or out, of which the longest prefix decides: made once into a sorted list of
 * the addresses where the answer changes, so that asking is one binary search however many there
 * are. Made on one thread, then read by any. */
#ifndef BW_BASE_NETS_H
#define BW_BASE_NETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct arena;

struct nets_prefix {
    struct addr addr; /* zero behind the bits; its port does not matter */
    uint8_t bits;
    bool is_in;
};

struct nets_key {
    uint64_t hi, lo;
};

/* Of one address family. */
struct nets_borders {
    struct nets_key *keys; /* rising; at each the answer changes */
    size_t n;
};

struct nets {
    struct nets_borders v4, v6;
    bool is_in; /* where no prefix fits */
};

/* Sorts the prefixes: equal ones stand side by side then. In the arena. ERR_NOMEM. */
int nets_build(struct arena *a, struct nets_prefix *prefixes, size_t n, bool is_in,
               struct nets *out);

bool nets_has(const struct nets *s, const struct addr *a);

/* The same network. */
bool nets_is_same(const struct nets_prefix *a, const struct nets_prefix *b);

#endif
