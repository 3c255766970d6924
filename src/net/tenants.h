/* Whom a connection is for: the lines with a device that is reached by it, by name, one entry for
 * each device. An unordered list; NULL is an empty one. The thread that owns it. */
#ifndef BW_NET_TENANTS_H
#define BW_NET_TENANTS_H

#include "base/str.h"

struct tenant {
    struct tenant *next;
    size_t n;
    char aor[];
};

/* One more; copied. ERR_NOMEM. */
int tenants_add(struct tenant **list, struct str aor);

/* One of that name less, if there is any. */
void tenants_del(struct tenant **list, struct str aor);

/* Takes one off; its memory is the caller's, for free(). NULL: there is none. */
struct tenant *tenants_pop(struct tenant **list);

#endif
