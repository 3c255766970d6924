#include "store/update.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "store/records.h"

/* Input, AoR and the next record with room to grow. */
enum { ARENA_LIMIT = 1 << 20 };

static int fill(struct update *u, const struct store_request *r)
{
    u->result.aor = str_dup(&u->arena, r->aor);
    if (str_is_none(u->result.aor))
        return ERR_NOMEM;
    if (!r->copy)
        return 0;
    u->result.input = r->copy(&u->arena, r->input);
    return u->result.input ? 0 : ERR_NOMEM;
}

int update_new(const struct store_request *r, struct update **out)
{
    if (!r->aor.n || r->aor.n > RECORDS_AOR_MAX)
        return ERR_TOOBIG;
    struct update *u = calloc(1, sizeof *u);
    if (!u)
        return ERR_NOMEM;
    arena_init(&u->arena, ARENA_LIMIT);
    u->request = *r;
    u->result.cookie = r->cookie;
    u->result.node.fn = r->on_result;
    int err = fill(u, r);
    if (err) {
        update_free(u);
        return err;
    }
    *out = u;
    return 0;
}

void update_free(struct update *u)
{
    if (!u)
        return;
    free(u->event);
    arena_fini(&u->arena);
    free(u);
}

int update_event_new(struct str aor, struct store_event **out)
{
    struct store_event *e = calloc(1, sizeof *e + aor.n);
    if (!e)
        return ERR_NOMEM;
    char *bytes = (char *)(e + 1);
    memcpy(bytes, aor.p, aor.n);
    e->aor = (struct str){bytes, aor.n};
    *out = e;
    return 0;
}
