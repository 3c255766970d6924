#include "admin/upops.h"

static const struct str orders[UPOPS_ORDERS] = {
    [UPOPS_RESYNC] = {"/resync", 7},
    [UPOPS_DRAIN] = {"/drain", 6},
    [UPOPS_RESUME] = {"/resume", 7},
};

enum upops_order upops_parse(struct str path, struct str *name)
{
    const struct str prefix = STR("/api/v1/upstreams/");
    if (!str_has_prefix(path, prefix))
        return UPOPS_ORDERS;
    struct str rest = str_skip(path, prefix.n);
    for (enum upops_order i = UPOPS_RESYNC; i < UPOPS_ORDERS; i++) {
        struct str behind = orders[i];
        if (rest.n <= behind.n || !str_eq(str_skip(rest, rest.n - behind.n), behind))
            continue;
        *name = (struct str){rest.p, rest.n - behind.n};
        return i;
    }
    return UPOPS_ORDERS;
}

const char *upops_word(enum upops_order what)
{
    return orders[what].p + 1;
}
