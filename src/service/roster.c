#include "service/roster.h"

#include <stdlib.h>

#include "base/err.h"

struct roster {
    struct roster_list *first; /* few: one for each name */
};

struct roster_list *roster_list_new(struct str uri, const struct locate_target *targets, size_t n)
{
    struct roster_list *list = calloc(1, sizeof *list + uri.n);
    if (!list)
        return NULL;
    BUG_ON(n > LOCATE_TARGETS_MAX);
    memcpy(list->text, uri.p, uri.n);
    list->uri = (struct str){list->text, uri.n};
    list->n = n;
    memcpy(list->targets, targets, n * sizeof *targets);
    return list;
}

int roster_new(struct roster **out)
{
    struct roster *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    *out = r;
    return 0;
}

void roster_free(struct roster *r)
{
    if (!r)
        return;
    for (struct roster_list *l = r->first, *next; l; l = next) {
        next = l->next;
        free(l);
    }
    free(r);
}

/* ---------------------------------------------------------------- the lists */

const struct roster_list *roster_find(const struct roster *r, struct str uri)
{
    const struct roster_list *l = r ? r->first : NULL;
    while (l && !str_eq(l->uri, uri))
        l = l->next;
    return l;
}

static bool has(const struct roster_list *l, const struct locate_target *t)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->targets[i].transport == t->transport && addr_is_equal(&l->targets[i].addr, &t->addr))
            return true;
    return false;
}

void roster_take(struct roster *r, struct roster_list *list,
                 void (*on_gone)(const struct locate_target *t, void *arg), void *arg)
{
    struct roster_list **at = &r->first;
    while (*at && !str_eq((*at)->uri, list->uri))
        at = &(*at)->next;
    struct roster_list *old = *at;
    list->next = old ? old->next : NULL;
    *at = list;
    for (size_t i = 0; old && i < old->n; i++)
        if (!has(list, &old->targets[i]))
            on_gone(&old->targets[i], arg);
    free(old);
}

/* NULL: not of this one. */
static const struct conf_server *server_with(const struct conf_upstream *u, struct str uri)
{
    for (size_t i = 0; i < u->n_servers; i++)
        if (u->servers[i].is_named && str_eq(u->servers[i].uri, uri))
            return &u->servers[i];
    return NULL;
}

static const struct conf_upstream *upstream_with(const struct conf *conf, struct str uri)
{
    for (size_t i = 0; i < conf->n_upstreams; i++)
        if (server_with(&conf->upstreams[i], uri))
            return &conf->upstreams[i];
    return NULL;
}

void roster_sync(struct roster *r, const struct conf *conf)
{
    struct roster_list **at = &r->first;
    while (*at) {
        struct roster_list *l = *at;
        if (upstream_with(conf, l->uri)) {
            at = &l->next;
            continue;
        }
        *at = l->next;
        free(l);
    }
}

size_t roster_count(const struct roster *r, const struct conf_upstream *u)
{
    size_t n = 0;
    for (size_t i = 0; i < u->n_servers; i++) {
        const struct roster_list *l =
            u->servers[i].is_named ? roster_find(r, u->servers[i].uri) : NULL;
        n += u->servers[i].is_named ? (l ? l->n : 0) : 1;
    }
    return n;
}

/* ---------------------------------------------------------------- whose a source is */

static bool is_from(const struct roster_list *l, const struct conf_server *server,
                    const struct conf_way *source)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct locate_target *t = &l->targets[i];
        const struct conf_way way = {t->addr, roster_transport(t)};
        if (conf_server_sends(server, &way, source))
            return true;
    }
    return false;
}

/* What is configured by address goes before what the DNS says, and that before whole networks. */
const struct conf_upstream *roster_owner(const struct roster *r, const struct conf *conf,
                                         const struct addr *source, enum flow_transport transport)
{
    const struct conf_way from = {*source, transport};
    const struct conf_upstream *u = conf_upstream_at(conf, source, transport);
    for (const struct roster_list *l = r ? r->first : NULL; l && !u; l = l->next) {
        const struct conf_upstream *of = upstream_with(conf, l->uri);
        u = of && is_from(l, server_with(of, l->uri), &from) ? of : NULL;
    }
    return u ? u : conf_upstream_trusting(conf, source);
}
