#include "service/refused.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/sys.h"
#include "service/guard.h"

/* The newest of those that meet in one place stays. */
enum { PLACES = 4096, REFUSED_S = 30 };

struct place {
    uint64_t key;
    uint64_t until_s;
    unsigned status;
};

struct refused {
    uint64_t last_until_s; /* of all */
    struct place places[PLACES];
};

int refused_new(struct refused **out)
{
    *out = calloc(1, sizeof **out);
    return *out ? 0 : ERR_NOMEM;
}

void refused_free(struct refused *t)
{
    free(t);
}

static uint64_t add(const struct context *c, uint64_t key, const void *p, size_t n)
{
    return hash_bytes(&c->loop_key, p, n) + 31 * key;
}

static uint64_t key_of(struct context *c, const struct msg *m, const struct regview *v)
{
    struct digest_credentials given;
    bool is_read = guard_read_credentials(c, m, &given);
    struct str user = is_read ? given.username : STR("");
    const struct register_view *r = &v->view;
    uint64_t key = add(c, 0, r->aor.p, r->aor.n);
    key = add(c, key, &r->way.peer, sizeof r->way.peer);
    key = add(c, key, r->call_id.p, r->call_id.n);
    return add(c, key, user.p, user.n);
}

void refused_note(struct context *c, const struct msg *m, const struct regview *v, unsigned status)
{
    if (!v->view.has_authorization)
        return;
    uint64_t key = key_of(c, m, v);
    uint64_t until_s = sys_service_s() + REFUSED_S;
    c->refused->last_until_s = until_s;
    c->refused->places[key % PLACES] = (struct place){key, until_s, status};
}

unsigned refused_find(struct context *c, const struct msg *m, const struct regview *v)
{
    if (!v->view.has_authorization || c->refused->last_until_s <= sys_service_s())
        return 0;
    if (v->domain->absorb.mode == MODE_MIRROR) /* which relays everything */
        return 0;
    uint64_t key = key_of(c, m, v);
    const struct place *at = &c->refused->places[key % PLACES];
    return at->key == key && at->until_s > sys_service_s() ? at->status : 0;
}
