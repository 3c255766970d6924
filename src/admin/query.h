/* The parameters of a request, behind the question mark, already unescaped. Any thread. */
#ifndef BW_ADMIN_QUERY_H
#define BW_ADMIN_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* More than this many are refused. */
enum { QUERY_MAX = 16 };

struct query_param {
    struct str name, value; /* value none: there was no '=' */
};

struct query {
    struct query_param params[QUERY_MAX];
    size_t n;
    bool has_more; /* than there is room for */
};

/* None: it is not there. */
struct str query_find(const struct query *q, struct str name);

/* False: one that is none of the names, comes twice, or has no value; a filter with a typing error
 * is not to be passed over. q NULL: there are none. */
bool query_is_of(const struct query *q, const char *const *names, size_t n);

/* A number; *out stays where it is not given. False: it is none, or not between the two. */
bool query_u32(const struct query *q, struct str name, uint32_t least, uint32_t most,
               uint32_t *out);

#endif
