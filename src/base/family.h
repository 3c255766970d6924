/* A session family: the name that the first full TLS handshake of a device gives to all sessions
 * that are resumed from it, known to nobody but us, for it travels inside of our tickets only. It
 * outlives connections and restarts, where a flow's name (flow_id) stands for one connection. Not
 * the family of an address. */
#ifndef BW_BASE_FAMILY_H
#define BW_BASE_FAMILY_H

#include <stdbool.h>
#include <stdint.h>

struct family {
    uint64_t a, b; /* random; both 0: none */
};

static inline bool family_is_none(const struct family *f)
{
    return f->a == 0 && f->b == 0;
}

/* False where there is none: nothing is the same as nothing. */
static inline bool family_is_same(const struct family *x, const struct family *y)
{
    return !family_is_none(x) && x->a == y->a && x->b == y->b;
}

#endif
