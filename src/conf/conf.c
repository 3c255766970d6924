#include "conf/conf.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "conf/check.h"
#include "conf/credentials.h"
#include "conf/fill.h"
#include "conf/fixed.h"
#include "conf/hosts.h"
#include "conf/lists.h"
#include "conf/settings.h"
#include "conf/upcreds.h"
#include "conf/value.h"
#include "net/tls.h"
#include "sip/uri.h"

enum { ARENA_LIMIT = 1 << 30 };

struct snapshot {
    struct conf conf; /* first: one pointer is the other */
    struct arena arena;
    struct hosts hosts;
    struct fixed fixed;
    _Atomic unsigned n_refs;
};

static struct snapshot *snapshot_of(struct conf *c)
{
    return container_of(c, struct snapshot, conf);
}

static const struct snapshot *snapshot_of_const(const struct conf *c)
{
    return (const struct snapshot *)(const void *)c;
}

/* ---------------------------------------------------------------- loading */

static int build(struct snapshot *s, struct findings *f, struct arena *scratch)
{
    struct settings settings;
    int err = settings_read(f, scratch, &settings);
    if (err == ERR_NOMEM || !settings.sections[SECTION_TOP])
        return err;
    err = fill_conf(f, &s->arena, &settings, &s->conf);
    if (!err && !settings.is_partial)
        err = check_conf(f, &s->arena, &settings, &s->conf, &s->hosts);
    if (!err && !settings.is_partial)
        err = fixed_check(&(struct fixed_input){f, &s->arena, &settings, &s->conf, &s->hosts},
                          &s->fixed);
    if (err)
        return err;
    return f->n_errors ? ERR_BADCONF : 0;
}

/* Snapshots, one after the other. */
static _Atomic uint64_t n_loaded;

int conf_load(const char *path, conf_say_fn *say, void *arg, struct conf **out)
{
    struct findings f = {.path = path, .say = say, .arg = arg};
    struct arena scratch;
    struct snapshot *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    arena_init(&s->arena, ARENA_LIMIT);
    arena_init(&scratch, ARENA_LIMIT);
    hosts_init(&s->hosts);
    fixed_init(&s->fixed);
    atomic_init(&s->n_refs, 1);
    s->conf.serial = atomic_fetch_add_explicit(&n_loaded, 1, memory_order_relaxed) + 1;
    s->conf.path = str_dup_z(&s->arena, str_of(path));
    int err = s->conf.path ? build(s, &f, &scratch) : ERR_NOMEM;
    arena_fini(&scratch);
    if (err)
        conf_unref(&s->conf);
    else
        *out = &s->conf;
    return err;
}

struct conf *conf_ref(struct conf *c)
{
    atomic_fetch_add_explicit(&snapshot_of(c)->n_refs, 1, memory_order_relaxed);
    return c;
}

static void wipe(struct str secret)
{
    if (secret.n)
        explicit_bzero((char *)(uintptr_t)secret.p, secret.n);
}

void conf_unref(struct conf *c)
{
    if (!c || atomic_fetch_sub(&snapshot_of(c)->n_refs, 1) > 1)
        return;
    struct snapshot *s = snapshot_of(c);
    wipe(s->conf.admin.token);
    wipe(s->conf.events.token);
    wipe(s->conf.hep.token);
    for (size_t i = 0; i < s->conf.n_credentials; i++)
        credentials_free(s->conf.credentials[i]);
    for (size_t i = 0; i < s->conf.n_upcreds; i++)
        upcreds_free(s->conf.upcreds[i]);
    for (size_t i = 0; i < s->conf.n_listens; i++)
        tls_context_unref(s->conf.listens[i].tls);
    for (size_t i = 0; i < s->conf.n_upstreams; i++)
        tls_context_unref(s->conf.upstreams[i].tls);
    hosts_fini(&s->hosts);
    fixed_fini(&s->fixed);
    arena_fini(&s->arena);
    free(s);
}

/* ---------------------------------------------------------------- looking up */

const struct conf_domain *conf_domain_find(const struct conf *c, struct str host)
{
    char text[VALUE_HOST_MAX];
    struct str canonical;
    if (!value_host(host, text, &canonical))
        return NULL;
    return hosts_find(&snapshot_of_const(c)->hosts, canonical);
}

bool conf_server_sends(const struct conf_server *s, const struct conf_way *way,
                       const struct conf_way *from)
{
    bool is_any = way->transport == FLOW_UDP && !s->has_transport;
    if (from->transport == FLOW_UDP)
        return way->transport == FLOW_UDP && addr_is_equal(&way->addr, &from->addr);
    bool is_as_safe = way->transport == from->transport ||
                      (way->transport == FLOW_TCP && from->transport == FLOW_TLS);
    return (is_any || is_as_safe) && addr_is_same_host(&way->addr, &from->addr);
}

static bool is_server_of(const struct conf_upstream *u, const struct addr *source,
                         enum flow_transport transport)
{
    const struct conf_way from = {*source, transport};
    for (size_t i = 0; i < u->n_servers; i++) {
        const struct conf_server *s = &u->servers[i];
        if (conf_server_sends(s, &(struct conf_way){s->addr, s->transport}, &from))
            return true;
    }
    return false;
}

static bool is_in_net(const struct conf_net *net, const struct addr *a)
{
    unsigned whole = net->bits / 8, rest = net->bits % 8;
    if (a->family != net->addr.family || memcmp(a->ip, net->addr.ip, whole) != 0)
        return false;
    return rest == 0 || (a->ip[whole] ^ net->addr.ip[whole]) >> (8 - rest) == 0;
}

static bool is_trusted_by(const struct conf_upstream *u, const struct addr *source)
{
    for (size_t i = 0; i < u->n_trusted; i++)
        if (is_in_net(&u->trusted[i], source))
            return true;
    return false;
}

const struct conf_upstream *conf_upstream_at(const struct conf *c, const struct addr *source,
                                             enum flow_transport transport)
{
    for (size_t i = 0; i < c->n_upstreams; i++)
        if (is_server_of(&c->upstreams[i], source, transport))
            return &c->upstreams[i];
    return NULL;
}

const struct conf_upstream *conf_upstream_trusting(const struct conf *c, const struct addr *source)
{
    for (size_t i = 0; i < c->n_upstreams; i++)
        if (is_trusted_by(&c->upstreams[i], source))
            return &c->upstreams[i];
    return NULL;
}

bool conf_is_exempt(const struct conf *c, const struct addr *source)
{
    for (size_t i = 0; i < c->limits.n_exempt; i++)
        if (is_in_net(&c->limits.exempt[i], source))
            return true;
    return false;
}

bool conf_domain_redirects_to(const struct conf_domain *d, struct str host)
{
    struct addr a = {0};
    bool is_address = addr_parse_host(host, &a) == 0;
    for (size_t i = 0; i < d->n_redirect_targets; i++) {
        const struct conf_peer *p = &d->redirect_targets[i];
        bool is_name = p->net.bits == 0;
        if (is_name ? !is_address && uri_is_same_host(p->host, host)
                    : is_address && is_in_net(&p->net, &a))
            return true;
    }
    return false;
}

const struct conf_line *conf_line_find(const struct conf *c, struct str aor)
{
    return c->n_lines ? fixed_find(&snapshot_of_const(c)->fixed, aor) : NULL;
}

bool conf_is_contact(const struct conf *c, const struct addr *source)
{
    return c->n_contacts && fixed_is_contact(&snapshot_of_const(c)->fixed, source);
}

bool conf_line_is_from(const struct conf_line *l, const struct addr *source)
{
    for (size_t i = 0; i < l->n_places; i++)
        if (str_is_none(l->places[i].aor) && addr_is_equal(&l->places[i].addr, source))
            return true;
    return false;
}

bool conf_domain_admits(const struct conf_domain *d, const struct addr *source, struct str aor)
{
    for (size_t i = 0; i < d->n_list_names; i++)
        if (lists_admits(d->lists[i], source, aor))
            return true;
    return d->n_list_names == 0;
}

/* ---------------------------------------------------------------- reload */

/* Two versions of one section, or of the whole. */
struct pair {
    const char *running, *next; /* their bytes */
    const char *title;
};

static void compare_options(struct findings *f, enum schema_section_id id, struct pair p)
{
    char label[SCHEMA_LABEL];
    for (const struct schema_option *o = schema_next(id, NULL); o; o = schema_next(id, o))
        if (o->needs_restart && !value_is_same(o, p.running + o->offset, p.next + o->offset))
            finding_warn(f, 0, "%s: the change takes effect at a restart",
                         schema_label(o, p.title, label));
}

static const struct conf_listen *listen_named(const struct conf *c, const char *name)
{
    for (size_t i = 0; i < c->n_listens; i++)
        if (strcmp(c->listens[i].name, name) == 0)
            return &c->listens[i];
    return NULL;
}

static void compare_listens(struct findings *f, const struct conf *running, const struct conf *next)
{
    for (size_t i = 0; i < next->n_listens; i++) {
        const struct conf_listen *l = &next->listens[i];
        const struct conf_listen *was = listen_named(running, l->name);
        struct pair p = {(const char *)was, (const char *)l, l->name};
        if (was)
            compare_options(f, SECTION_LISTEN, p);
        else
            finding_warn(f, 0, "listen \"%s\": opened at a restart", l->name);
    }
    for (size_t i = 0; i < running->n_listens; i++)
        if (!listen_named(next, running->listens[i].name))
            finding_warn(f, 0, "listen \"%s\": closed at a restart", running->listens[i].name);
}

void conf_compare(const struct conf *running, const struct conf *next, conf_say_fn *say, void *arg)
{
    struct findings f = {.path = next->path, .say = say, .arg = arg};
    struct pair whole = {(const char *)running, (const char *)next, NULL};
    for (int id = 0; id < SECTION_MAX; id++)
        if (!schema_sections[id].is_titled && !schema_is_nested((enum schema_section_id)id))
            compare_options(&f, (enum schema_section_id)id, whole);
    compare_listens(&f, running, next);
}
