#include "service/caller.h"

#include "service/gruu.h"
#include "sip/uri.h"

static struct str contact_of(const struct msg *m)
{
    struct str rest = msg_value(m, HDR_CONTACT);
    struct nameaddr n;
    return !str_is_none(rest) && nameaddr_next(&rest, &n) == 1 ? n.uri : STR("");
}

void caller_add(struct context *c, struct arena *a, const struct msg *invite,
                const struct caller *who, struct caller *out)
{
    *out = (struct caller){.node.hash = hmap_hash(&c->callers, invite->call_id),
                           .call_id = str_dup(a, invite->call_id),
                           .tag = str_dup(a, invite->from_tag),
                           .contact = str_dup(a, contact_of(invite)),
                           .aor = str_dup(a, who->aor),
                           .way = who->way};
    if (a->has_failed || hmap_add(&c->callers, &out->node))
        *out = (struct caller){0};
}

void caller_del(struct context *c, struct caller *k)
{
    if (!str_is_none(k->aor))
        hmap_del(&c->callers, &k->node);
    *k = (struct caller){0};
}

/* The same user at the same place: a phone may write other parameters in its INVITE than in its
 * REGISTER. */
static bool is_same_contact(struct str a, struct str b)
{
    struct uri x, y;
    return uri_parse(a, &x) == 0 && uri_parse(b, &y) == 0 && str_eq(x.user, y.user) &&
           uri_is_same_host(x.host, y.host) && x.port == y.port;
}

bool caller_has_contact(const struct msg *request, struct str contact)
{
    return is_same_contact(contact_of(request), contact);
}

/* Several devices may come by one way, from behind a proxy or a NAT that knows SIP: then the
 * Contact says which it is. */
static bool is_device(struct context *c, const struct caller *k, const struct aor_record *line,
                      const struct binding *device)
{
    size_t n = 0;
    if (!binding_is_same_way(&k->way, &device->way))
        return false;
    for (size_t i = 0; i < line->n_bindings; i++)
        n += binding_is_same_way(&k->way, &line->bindings[i].way);
    return n == 1 || is_same_contact(k->contact, device->contact) ||
           gruu_is_of(c, k->contact, device);
}

static bool is_call_of(const struct caller *k, const struct msg *invite, struct str aor)
{
    return str_eq(k->call_id, invite->call_id) && str_eq(k->tag, invite->from_tag) &&
           str_eq(k->aor, aor);
}

bool caller_is(struct context *c, const struct msg *invite, const struct aor_record *line,
               const struct binding *device)
{
    struct hmap_node *n = hmap_first(&c->callers, hmap_hash(&c->callers, invite->call_id));
    for (; n; n = hmap_next(n)) {
        const struct caller *k = container_of(n, const struct caller, node);
        if (is_call_of(k, invite, line->aor) && is_device(c, k, line, device))
            return true;
    }
    return false;
}
