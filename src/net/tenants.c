#include "net/tenants.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

int tenants_add(struct tenant **list, struct str aor)
{
    struct tenant *t = malloc(sizeof *t + aor.n);
    if (!t)
        return ERR_NOMEM;
    *t = (struct tenant){.next = *list, .n = aor.n};
    if (aor.n)
        memcpy(t->aor, aor.p, aor.n);
    *list = t;
    return 0;
}

void tenants_del(struct tenant **list, struct str aor)
{
    for (struct tenant **at = list; *at; at = &(*at)->next) {
        struct tenant *t = *at;
        if (!str_eq((struct str){t->aor, t->n}, aor))
            continue;
        *at = t->next;
        free(t);
        return;
    }
}

struct tenant *tenants_pop(struct tenant **list)
{
    struct tenant *t = *list;
    if (t)
        *list = t->next;
    return t;
}
