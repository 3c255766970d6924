#include "core/binding.h"

#include "base/err.h"
#include "sip/uri.h"

/* ---------------------------------------------------------------- records */

struct aor_record *binding_record_new(struct arena *a, struct str aor)
{
    struct aor_record *r = arena_calloc(a, 1, sizeof *r);
    struct binding *bindings = arena_alloc(a, RECORD_BINDINGS_MAX * sizeof *bindings);
    struct upreg *upregs = arena_alloc(a, RECORD_UPREGS_MAX * sizeof *upregs);
    if (!r || !bindings || !upregs)
        return NULL;
    r->aor = str_dup(a, aor);
    if (str_is_none(r->aor) && !str_is_none(aor))
        return NULL;
    r->bindings = bindings;
    r->upregs = upregs;
    return r;
}

/* Replaces a slice by its copy. */
static bool own(struct arena *a, struct str *s)
{
    if (str_is_none(*s))
        return true;
    *s = str_dup(a, *s);
    return !str_is_none(*s);
}

static bool own_binding(struct arena *a, struct binding *b)
{
    return own(a, &b->contact) && own(a, &b->params) && own(a, &b->instance) &&
           own(a, &b->call_id) && own(a, &b->path) && own(a, &b->user_agent);
}

static bool own_upreg(struct arena *a, struct upreg *u)
{
    return own(a, &u->contact) && own(a, &u->call_id) && own(a, &u->service_route) &&
           own(a, &u->associated) && own(a, &u->pub_gruu) && own(a, &u->temp_gruu);
}

struct aor_record *binding_record_copy(struct arena *a, const struct aor_record *r)
{
    BUG_ON(r->n_bindings > RECORD_BINDINGS_MAX || r->n_upregs > RECORD_UPREGS_MAX);
    struct aor_record *copy = binding_record_new(a, r->aor);
    if (!copy)
        return NULL;
    copy->revision = r->revision;
    for (size_t i = 0; i < r->n_bindings; i++) {
        copy->bindings[copy->n_bindings++] = r->bindings[i];
        if (!own_binding(a, &copy->bindings[i]))
            return NULL;
    }
    for (size_t i = 0; i < r->n_upregs; i++) {
        copy->upregs[copy->n_upregs++] = r->upregs[i];
        if (!own_upreg(a, &copy->upregs[i]))
            return NULL;
    }
    return copy;
}

/* ---------------------------------------------------------------- bindings */

static bool is_by_instance(const struct binding *b, struct str instance)
{
    return b->instance.n && instance.n;
}

static struct binding *find_instance(const struct aor_record *r, struct str instance,
                                     uint32_t reg_id)
{
    for (size_t i = 0; i < r->n_bindings; i++) {
        struct binding *b = &r->bindings[i];
        if (is_by_instance(b, instance) && b->reg_id == reg_id && str_eq(b->instance, instance))
            return b;
    }
    return NULL;
}

/* Most phones repeat their bytes, and comparing bytes needs no parsing. */
static struct binding *find_bytes(const struct aor_record *r, struct str contact,
                                  struct str instance)
{
    for (size_t i = 0; i < r->n_bindings; i++) {
        struct binding *b = &r->bindings[i];
        if (!is_by_instance(b, instance) && str_eq(b->contact, contact))
            return b;
    }
    return NULL;
}

static struct binding *find_uri(const struct aor_record *r, struct str contact, struct str instance)
{
    struct uri wanted, has;
    if (uri_parse(contact, &wanted) < 0)
        return NULL;
    for (size_t i = 0; i < r->n_bindings; i++) {
        struct binding *b = &r->bindings[i];
        if (!is_by_instance(b, instance) && uri_parse(b->contact, &has) == 0 &&
            uri_is_equal(&wanted, &has))
            return b;
    }
    return NULL;
}

struct binding *binding_find(const struct aor_record *r, struct str contact, struct str instance,
                             uint32_t reg_id)
{
    struct binding *b = instance.n ? find_instance(r, instance, reg_id) : NULL;
    if (!b)
        b = find_bytes(r, contact, instance);
    return b ? b : find_uri(r, contact, instance);
}

struct binding *binding_find_id(const struct aor_record *r, uint64_t id)
{
    for (size_t i = 0; i < r->n_bindings; i++)
        if (r->bindings[i].id == id)
            return &r->bindings[i];
    return NULL;
}

struct binding *binding_add(struct aor_record *r)
{
    if (r->n_bindings == RECORD_BINDINGS_MAX)
        return NULL;
    struct binding *b = &r->bindings[r->n_bindings++];
    *b = (struct binding){.q = -1};
    return b;
}

void binding_del(struct aor_record *r, struct binding *b)
{
    size_t at = (size_t)(b - r->bindings);
    BUG_ON(at >= r->n_bindings);
    memmove(b, b + 1, (r->n_bindings - at - 1) * sizeof *b);
    r->n_bindings--;
}

bool binding_can(const struct binding *b, enum sip_method method)
{
    return b->methods == 0 || method == METHOD_OTHER || (b->methods >> method & 1) != 0;
}

bool binding_is_same_way(const struct way *a, const struct way *b)
{
    return addr_is_equal(&a->peer, &b->peer) && addr_is_equal(&a->local, &b->local) &&
           a->transport == b->transport && a->listener == b->listener && a->flow_id == b->flow_id;
}

bool binding_is_from(const struct binding *b, const struct way *way, const struct family *family)
{
    bool is_same_listener = b->way.transport == way->transport && b->way.listener == way->listener;
    return binding_is_same_way(&b->way, way) ||
           (is_same_listener && family_is_same(&b->proof.family, family));
}

/* ---------------------------------------------------------------- upstream registrations */

struct upreg *binding_upreg(const struct aor_record *r, uint64_t upreg_id)
{
    for (size_t i = 0; upreg_id && i < r->n_upregs; i++)
        if (r->upregs[i].id == upreg_id)
            return &r->upregs[i];
    return NULL;
}

/* As long as it stands; 0: nothing is known of where. */
static uint64_t accepted_at_s(const struct upreg *u, uint64_t now_s)
{
    bool is_known = u->server.addr.family && u->state != UPREG_ENDED && u->dead_at_s > now_s;
    return is_known && u->dead_at_s > u->granted_s ? u->dead_at_s - u->granted_s : is_known;
}

const struct server_at *binding_home(const struct aor_record *r, uint64_t upreg_id, uint64_t now_s,
                                     uint64_t since_s)
{
    const struct upreg *mine = binding_upreg(r, upreg_id), *last = NULL;
    uint64_t last_s = 0;
    for (size_t i = 0; i < r->n_upregs; i++) {
        const struct upreg *u = &r->upregs[i];
        uint64_t at_s = accepted_at_s(u, now_s);
        if (at_s < since_s)
            continue;
        if (at_s > last_s || (at_s && at_s == last_s && u == mine)) {
            last = u;
            last_s = at_s;
        }
    }
    return last ? &last->server : NULL;
}

struct upreg *binding_upreg_add(struct aor_record *r)
{
    if (r->n_upregs == RECORD_UPREGS_MAX)
        return NULL;
    struct upreg *u = &r->upregs[r->n_upregs++];
    *u = (struct upreg){0};
    return u;
}

void binding_upreg_del(struct aor_record *r, struct upreg *u)
{
    size_t at = (size_t)(u - r->upregs);
    BUG_ON(at >= r->n_upregs);
    memmove(u, u + 1, (r->n_upregs - at - 1) * sizeof *u);
    r->n_upregs--;
}
