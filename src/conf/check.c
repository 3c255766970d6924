#include "conf/check.h"

#include <sched.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "conf/realm.h"
#include "conf/upcheck.h"

enum { WORKERS_MAX = 256 };

struct checker {
    struct findings *findings;
    struct arena *arena;
    const struct settings *from;
    struct conf *conf;
    struct hosts *hosts;
};

/* The line of an option in a section, or of the section. */
static unsigned line_of(const struct settings_section *s, enum schema_section_id id,
                        const char *option)
{
    const struct setting *setting = settings_find(s, schema_find(id, option));
    return setting ? setting->line : s->line;
}

/* ---------------------------------------------------------------- workers */

static unsigned count_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return (unsigned)CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN); /* more CPUs than the set has room for */
    return n > 0 ? (unsigned)n : 1;
}

static void check_workers(struct checker *c)
{
    unsigned n_cpus = count_cpus();
    if (c->conf->workers > n_cpus)
        finding_warn(c->findings, line_of(c->from->sections[SECTION_TOP], SECTION_TOP, "workers"),
                     "workers: %u threads share %u CPUs, which is slower than one for each",
                     c->conf->workers, n_cpus);
    if (c->conf->workers == 0)
        c->conf->workers = n_cpus < WORKERS_MAX ? n_cpus : WORKERS_MAX;
}

/* ---------------------------------------------------------------- listen */

static const struct conf_listen *same_address_before(const struct conf *conf,
                                                     const struct conf_listen *listen)
{
    for (const struct conf_listen *l = conf->listens; l < listen; l++)
        if (l->transport == listen->transport && addr_is_equal(&l->addr, &listen->addr))
            return l;
    return NULL;
}

static void check_listen(struct checker *c, const struct conf_listen *listen,
                         const struct settings_section *s)
{
    unsigned line = line_of(s, SECTION_LISTEN, "address");
    const struct conf_listen *other = same_address_before(c->conf, listen);
    if (listen->addr.family == 0)
        return;
    if (other)
        finding_error(c->findings, line,
                      "listen \"%s\" address: listen \"%s\" has the same, expected another one",
                      listen->name, other->name);
    if (addr_is_any(&listen->addr) && str_is_none(listen->advertise_host))
        finding_warn(c->findings, line,
                     "listen \"%s\" advertise: missing for a wildcard address; others are told "
                     "the address of the interface that a message leaves through",
                     listen->name);
}

static void check_listens(struct checker *c)
{
    const struct settings_section *s = c->from->sections[SECTION_LISTEN];
    for (size_t i = 0; i < c->conf->n_listens; i++, s = s->next)
        check_listen(c, &c->conf->listens[i], s);
}

/* ---------------------------------------------------------------- upstream */

static const struct setting *first_server(const struct settings_section *s)
{
    return settings_find(s, schema_find(SECTION_UPSTREAM, "servers"));
}

/* An upstream before u that has the address among its servers. */
static const struct conf_upstream *
owner_before(const struct conf *conf, const struct conf_upstream *u, const struct addr *server)
{
    for (const struct conf_upstream *other = conf->upstreams; other < u; other++)
        for (size_t i = 0; i < other->n_servers; i++)
            if (addr_is_equal(&other->servers[i].addr, server))
                return other;
    return NULL;
}

static void check_upstream(struct checker *c, const struct conf_upstream *u,
                           const struct settings_section *s)
{
    const struct setting *setting = first_server(s);
    if (u->n_servers > 1)
        finding_error(c->findings, settings_next(setting)->line,
                      "upstream \"%s\" servers: %zu are listed, expected exactly one server; "
                      "fail-over between servers is not there yet",
                      u->name, u->n_servers);
    for (size_t i = 0; i < u->n_servers; i++, setting = settings_next(setting)) {
        const struct conf_upstream *other = owner_before(c->conf, u, &u->servers[i].addr);
        if (u->servers[i].addr.family == 0)
            continue;
        if (other)
            finding_warn(c->findings, setting->line,
                         "upstream \"%s\" servers: \"%.200s\" is a server of upstream \"%s\", too; "
                         "requests from it count as coming from \"%s\"",
                         u->name, setting->text, other->name, other->name);
    }
}

static void check_upstreams(struct checker *c)
{
    const struct settings_section *s = c->from->sections[SECTION_UPSTREAM];
    for (size_t i = 0; i < c->conf->n_upstreams; i++, s = s->next)
        check_upstream(c, &c->conf->upstreams[i], s);
}

/* ---------------------------------------------------------------- domain */

static const struct conf_upstream *upstream_named(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->n_upstreams; i++)
        if (conf->upstreams[i].name && strcmp(conf->upstreams[i].name, name) == 0)
            return &conf->upstreams[i];
    return NULL;
}

/* Registrations of another form move at their next refresh (core/upreg.h). It is stored, so neither
 * key nor order may change. */
static uint64_t form_of(const struct conf_domain *d)
{
    static const struct hash_key fixed = {1, 2};
    const struct conf_upstream *u = d->upstream;
    const uint64_t parts[] = {d->insertion, u->contact_token, hash_str(&fixed, str_of(u->name)),
                              u->n_servers ? hash_str(&fixed, u->servers[0].uri) : 0};
    return (hash_bytes(&fixed, parts, sizeof parts) & ~(uint64_t)FORM_MODE_MASK) |
           FORM_OF_MODE(d->absorb.mode);
}

static void link_domain(struct checker *c, struct conf_domain *d, const struct settings_section *s)
{
    unsigned line = line_of(s, SECTION_DOMAIN, "upstream");
    if (settings_find(s, schema_find(SECTION_DOMAIN, "upstream"))) {
        d->upstream = d->upstream_name ? upstream_named(c->conf, d->upstream_name) : NULL;
        if (d->upstream_name && !d->upstream)
            finding_error(c->findings, line,
                          "domain \"%.80s\" upstream: there is no upstream \"%s\", expected the "
                          "name of an upstream section",
                          s->title, d->upstream_name);
    } else if (c->conf->n_upstreams == 1) {
        d->upstream = &c->conf->upstreams[0];
    } else if (c->conf->n_upstreams > 1) {
        finding_error(c->findings, line,
                      "domain \"%.80s\" upstream: missing, expected the name of one of the %zu "
                      "upstream sections",
                      s->title, c->conf->n_upstreams);
    }
    if (d->upstream && d->upstream->name)
        d->absorb.form = form_of(d);
}

static int add_host(struct checker *c, struct str host, const struct conf_domain *d, unsigned line)
{
    const struct conf_domain *other;
    if (host.n == 0) /* it was refused */
        return 0;
    int err = hosts_add(c->hosts, c->arena, host, d, &other);
    if (!err && other)
        finding_error(c->findings, line,
                      "domain \"%.*s\": \"%.*s\" is in domain \"%.*s\" already, expected each host "
                      "once",
                      STR_FMT(d->name), STR_FMT(host), STR_FMT(other->name));
    return err;
}

static const struct conf_access_list *list_named(const struct conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->n_lists; i++)
        if (conf->lists[i].name && strcmp(conf->lists[i].name, name) == 0)
            return &conf->lists[i];
    return NULL;
}

static int link_lists(struct checker *c, struct conf_domain *d, const struct settings_section *s)
{
    const struct setting *name = settings_find(s, schema_find(SECTION_DOMAIN, "access-list"));
    d->lists = arena_calloc(c->arena, d->n_list_names + 1, sizeof(struct conf_access_list *));
    if (!d->lists)
        return ERR_NOMEM;
    for (size_t i = 0; i < d->n_list_names; i++, name = settings_next(name)) {
        d->lists[i] = d->list_names[i] ? list_named(c->conf, d->list_names[i]) : NULL;
        if (d->list_names[i] && !d->lists[i])
            finding_error(c->findings, name->line,
                          "domain \"%.80s\" access-list: there is no access-list \"%s\", expected "
                          "the name of an access-list section",
                          s->title, d->list_names[i]);
    }
    return 0;
}

/* Combinations that contradict each other, and those that work but save nothing. */
static void check_policy(struct checker *c, const struct conf_domain *d,
                         const struct settings_section *s)
{
    const struct absorb_conf *p = &d->absorb;
    if (p->min_expires_s > p->max_expires_s)
        finding_error(c->findings, line_of(s, SECTION_DOMAIN, "min-expires"),
                      "domain \"%.80s\" min-expires: more than max-expires, expected at most %u",
                      s->title, p->max_expires_s);
    if (p->default_expires_s < p->min_expires_s || p->default_expires_s > p->max_expires_s)
        finding_error(c->findings, line_of(s, SECTION_DOMAIN, "default-expires"),
                      "domain \"%.80s\" default-expires: %us, expected something from min-expires "
                      "to max-expires",
                      s->title, p->default_expires_s);
    if (d->insertion == CONF_INSERT_PATH && p->mode == MODE_AOR_THROTTLE)
        finding_error(c->findings, line_of(s, SECTION_DOMAIN, "insertion"),
                      "domain \"%.80s\" insertion: path cannot put the devices of a line under one "
                      "registration, expected contact or another mode than aor-throttle",
                      s->title);
    if (p->authentication == AUTH_TRUSTED && d->n_list_names == 0)
        finding_error(c->findings, line_of(s, SECTION_DOMAIN, "authentication"),
                      "domain \"%.80s\" authentication: trusted without an access-list would trust "
                      "everybody, expected an access-list as well",
                      s->title);
    if (d->local_calls == CONF_LOCAL_ALWAYS && d->registration == CONF_REGISTER_REFUSE)
        finding_warn(c->findings, line_of(s, SECTION_DOMAIN, "local-calls"),
                     "domain \"%.80s\" local-calls: always, but no device registers where "
                     "registration is refuse, so every call goes upstream",
                     s->title);
    if (d->max_branches < p->max_contacts)
        finding_warn(c->findings, line_of(s, SECTION_DOMAIN, "max-branches"),
                     "domain \"%.80s\" max-branches: %u, so of a line with all the %u devices of "
                     "max-contacts some are registered and never called",
                     s->title, d->max_branches, p->max_contacts);
    uint32_t margin = 2 * p->max_expires_s + 64;
    if (p->mode != MODE_MIRROR && margin >= p->upstream_expires_s)
        finding_warn(c->findings, line_of(s, SECTION_DOMAIN, "upstream-expires"),
                     "domain \"%.80s\" upstream-expires: with devices of up to %us each refresh "
                     "is relayed and nothing is saved; more than %us would help",
                     s->title, p->max_expires_s, margin);
    if (p->mode != MODE_MIRROR && p->authentication == AUTH_RELAY &&
        p->reproof_s <= p->max_expires_s)
        finding_warn(c->findings, line_of(s, SECTION_DOMAIN, "reproof"),
                     "domain \"%.80s\" reproof: not longer than max-expires, so each refresh is "
                     "relayed and nothing is saved",
                     s->title);
}

static void check_redirects(struct checker *c, const struct conf_domain *d,
                            const struct settings_section *s)
{
    if (d->redirects == CONF_REDIRECTS_FOLLOW && d->n_redirect_targets == 0)
        finding_error(c->findings, line_of(s, SECTION_DOMAIN, "redirects"),
                      "domain \"%.80s\" redirects: follow without redirect-targets may lead "
                      "nowhere, expected redirect-targets as well",
                      s->title);
    if (d->redirects == CONF_REDIRECTS_RETURN && d->n_redirect_targets)
        finding_warn(c->findings, line_of(s, SECTION_DOMAIN, "redirect-targets"),
                     "domain \"%.80s\" redirect-targets: without redirects = follow nothing is "
                     "sent there",
                     s->title);
}

static int check_domain(struct checker *c, struct conf_domain *d, const struct settings_section *s)
{
    const struct setting *alias = settings_find(s, schema_find(SECTION_DOMAIN, "aliases"));
    int err = add_host(c, d->name, d, s->line);
    for (size_t i = 0; !err && i < d->n_aliases; i++, alias = settings_next(alias))
        err = add_host(c, d->aliases[i], d, alias->line);
    link_domain(c, d, s);
    d->fork = (struct fork_policy){
        .is_decline_local = !d->is_decline_global,
        .is_media_exclusive = d->early_media == CONF_MEDIA_FIRST,
    };
    check_policy(c, d, s);
    check_redirects(c, d, s);
    if (!err)
        err = link_lists(c, d, s);
    return err ? err : realm_check(&(struct realm_domain){c->findings, c->arena, c->conf, s}, d);
}

static int check_domains(struct checker *c)
{
    const struct settings_section *s = c->from->sections[SECTION_DOMAIN];
    int err = 0;
    for (size_t i = 0; !err && i < c->conf->n_domains; i++, s = s->next)
        err = check_domain(c, &c->conf->domains[i], s);
    return err;
}

/* ---------------------------------------------------------------- admin */

static bool is_loopback(const struct addr *a)
{
    static const uint8_t one[16] = {[15] = 1};
    return a->family == 4 ? a->ip[0] == 127 : memcmp(a->ip, one, sizeof one) == 0;
}

static int check_admin(struct checker *c)
{
    struct conf_admin *admin = &c->conf->admin;
    const struct settings_section *s = c->from->sections[SECTION_ADMIN];
    const struct setting *token = settings_find(s, schema_find(SECTION_ADMIN, "token-file"));
    bool has_token = token && token->text[0]; /* one that cannot be read was said already */
    if (admin->http.family && !is_loopback(&admin->http) && !has_token)
        finding_error(c->findings, line_of(s, SECTION_ADMIN, "http"),
                      "admin http: not a loopback address, expected a token-file as well");
    if (admin->socket || !c->conf->runtime_dir)
        return 0;
    struct buf path = buf_in(c->arena, strlen(c->conf->runtime_dir) + sizeof "/admin.sock");
    buf_add(&path, str_of(c->conf->runtime_dir));
    buf_add(&path, STR("/admin.sock\0"));
    admin->socket = path.p;
    return path.has_overflown ? ERR_NOMEM : 0;
}

int check_conf(struct findings *f, struct arena *a, const struct settings *from, struct conf *conf,
               struct hosts *hosts)
{
    struct checker c = {.findings = f, .arena = a, .from = from, .conf = conf, .hosts = hosts};
    check_workers(&c);
    check_listens(&c);
    check_upstreams(&c);
    int err = check_domains(&c);
    if (!err)
        err = upcheck_read(f, a, from, conf, hosts);
    return err ? err : check_admin(&c);
}
