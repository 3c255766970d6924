#include "conf/check.h"

#include <sched.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "conf/clustercheck.h"
#include "conf/dialling.h"
#include "conf/gruucheck.h"
#include "conf/hintcheck.h"
#include "conf/keepcheck.h"
#include "conf/lists.h"
#include "conf/realm.h"
#include "conf/secure.h"
#include "conf/servers.h"
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

/* There are listeners, and none has datagrams. */
static bool is_without_core(const struct conf *conf)
{
    bool is_any_read = false;
    for (size_t i = 0; i < conf->n_listens; i++) {
        const struct conf_listen *l = &conf->listens[i];
        if (l->addr.family && l->transport == FLOW_UDP)
            return false;
        is_any_read |= l->addr.family != 0;
    }
    return is_any_read;
}

static int check_listens(struct checker *c)
{
    const struct settings_section *s = c->from->sections[SECTION_LISTEN];
    if (is_without_core(c->conf))
        finding_error(c->findings, line_of(s, SECTION_LISTEN, "address"),
                      "listen \"%s\" address: no section has udp, expected one as well, for the "
                      "upstreams",
                      c->conf->listens[0].name);
    int err = 0;
    for (size_t i = 0; !err && i < c->conf->n_listens; i++, s = s->next) {
        check_listen(c, &c->conf->listens[i], s);
        if (c->conf->listens[i].addr.family)
            err = secure_check(c->findings, s, &c->conf->listens[i]);
    }
    return err;
}

/* ---------------------------------------------------------------- upstream */

/* Options that need an outage to be noticed, or devices to be served in it. */
static void check_outage(struct checker *c, const struct settings_section *s,
                         const struct conf_upstream *u)
{
    static const char *const names[] = {"outage", "serve-limit"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!settings_find(s, schema_find(SECTION_UPSTREAM, names[i])))
            continue;
        if (!u->probe_interval_s)
            finding_error(c->findings, line_of(s, SECTION_UPSTREAM, names[i]),
                          "upstream \"%.80s\" %s: without probes no outage is noticed, expected it "
                          "with a probe-interval that is not 0",
                          s->title, names[i]);
        else if (i == 1 && u->outage == CONF_OUTAGE_REJECT)
            finding_error(c->findings, line_of(s, SECTION_UPSTREAM, names[i]),
                          "upstream \"%.80s\" %s: nobody is served with outage = reject, expected "
                          "it with outage = serve",
                          s->title, names[i]);
    }
}

static int check_upstreams(struct checker *c)
{
    const struct settings_section *s = c->from->sections[SECTION_UPSTREAM];
    int err = 0;
    for (size_t i = 0; !err && i < c->conf->n_upstreams; i++, s = s->next) {
        err = servers_check(c->findings, c->arena, s, c->conf, &c->conf->upstreams[i]);
        check_outage(c, s, &c->conf->upstreams[i]);
    }
    return err;
}

/* ---------------------------------------------------------------- dns */

static bool has_names(const struct conf *conf)
{
    for (size_t i = 0; i < conf->n_upstreams; i++)
        for (size_t k = 0; k < conf->upstreams[i].n_servers; k++)
            if (conf->upstreams[i].servers[k].is_named)
                return true;
    return false;
}

static void check_dns(struct checker *c)
{
    enum { SERVERS_MAX = 16 };
    unsigned line = line_of(c->from->sections[SECTION_DNS], SECTION_DNS, "servers");
    size_t n = c->conf->n_dns_servers;
    if (n > SERVERS_MAX)
        finding_error(c->findings, line, "dns servers: %zu addresses, expected at most %d", n,
                      SERVERS_MAX);
    if (n && !has_names(c->conf))
        finding_warn(c->findings, line,
                     "dns servers: no upstream has a server that is given by name, so nobody asks "
                     "them");
}

/* ---------------------------------------------------------------- events */

static void check_events(struct checker *c)
{
    const struct settings_section *s = c->from->sections[SECTION_EVENTS];
    const struct conf_events *e = &c->conf->events;
    if (!str_is_none(e->token) && e->webhook && !e->webhook[0])
        finding_error(c->findings, line_of(s, SECTION_EVENTS, "token-file"),
                      "events token-file: the token is for a webhook, expected it with one");
    else if (!str_is_none(e->token) && e->webhook &&
             str_has_iprefix(str_of(e->webhook), STR("http:")))
        finding_warn(c->findings, line_of(s, SECTION_EVENTS, "webhook"),
                     "events webhook: whoever is in between can read the token that is sent with "
                     "http; https would hide it");
}

static void check_hep(struct checker *c)
{
    const struct settings_section *s = c->from->sections[SECTION_HEP];
    const struct conf_hep *h = &c->conf->hep;
    if (s && s->first && !h->server.family && !settings_find(s, schema_find(SECTION_HEP, "server")))
        finding_warn(c->findings, s->line,
                     "hep: without a server nothing is sent, and its other options do nothing");
    if (s && h->server.family && h->secrets)
        finding_warn(c->findings, line_of(s, SECTION_HEP, "secrets"),
                     "hep secrets: show, so digests and nonces leave this machine unencrypted");
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
    const uint64_t how = d->insertion | (d->gruu == CONF_GRUU_UPSTREAM ? 2U : 0U);
    const uint64_t parts[] = {how, u->contact_token, hash_str(&fixed, str_of(u->name)),
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
    if (d->upstream && d->upstream->probe_interval_s && d->upstream->outage == CONF_OUTAGE_SERVE)
        d->absorb.serve_limit_s = d->upstream->serve_limit_s;
    d->absorb.is_by_flow = d->insertion == CONF_INSERT_PATH;
    d->absorb.has_upstream_gruu = d->gruu == CONF_GRUU_UPSTREAM;
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

/* An account is no proof of itself. */
static void check_trust(struct checker *c, const struct conf_domain *d,
                        const struct settings_section *s, const struct setting *name)
{
    for (size_t i = 0; i < d->n_list_names; i++, name = settings_next(name))
        if (d->lists[i] && lists_trusts_names(d->lists[i]))
            finding_error(c->findings, name->line,
                          "domain \"%.80s\" access-list: \"%s\" lets accounts in by their name, "
                          "which proves nothing with authentication = trusted, expected a list "
                          "with networks and require = all",
                          s->title, name->text);
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
    if (d->absorb.authentication == AUTH_TRUSTED)
        check_trust(c, d, s, settings_find(s, schema_find(SECTION_DOMAIN, "access-list")));
    return 0;
}

/* Nothing can be counted beside a mode that throttles, nor where nobody registers. */
static void check_shadow(struct checker *c, const struct conf_domain *d,
                         const struct settings_section *s)
{
    unsigned line = line_of(s, SECTION_DOMAIN, "shadow");
    if (d->shadow == CONF_SHADOW_OFF)
        return;
    if (d->absorb.mode != MODE_MIRROR)
        finding_error(c->findings, line,
                      "domain \"%.80s\" shadow: only what is relayed can be counted, expected it "
                      "with mode = mirror",
                      s->title);
    if (d->shadow == CONF_SHADOW_AOR && d->insertion == CONF_INSERT_PATH)
        finding_error(c->findings, line,
                      "domain \"%.80s\" shadow: aor-throttle is not possible with insertion = "
                      "path, expected insertion = contact",
                      s->title);
    if (2 * d->absorb.max_expires_s + 64 >= d->absorb.upstream_expires_s)
        finding_warn(c->findings, line,
                     "domain \"%.80s\" shadow: with devices of up to %us each refresh would be "
                     "relayed, so no saving is counted; upstream-expires of more than %us would "
                     "help",
                     s->title, d->absorb.max_expires_s, 2 * d->absorb.max_expires_s + 64);
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
    if (p->authentication == AUTH_RELAY && d->registration == CONF_REGISTER_REFUSE)
        finding_warn(c->findings, line_of(s, SECTION_DOMAIN, "registration"),
                     "domain \"%.80s\" registration: with authentication = relay only who is "
                     "registered can call, so with refuse nobody can; trusted with an access-list "
                     "would let its sources",
                     s->title);
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
    check_shadow(c, d, s);
    check_redirects(c, d, s);
    keepcheck_domain(c->findings, s, d);
    gruucheck_domain(c->findings, c->conf, s, d);
    hintcheck_domain(c->findings, s, d);
    if (!err)
        err = dialling_check(c->findings, c->arena, s, d);
    if (!err)
        err = link_lists(c, d, s);
    return err ? err : realm_check(&(struct realm_domain){c->findings, c->arena, c->conf, s}, d);
}

static int check_lists(struct checker *c)
{
    const struct settings_section *s = c->from->sections[SECTION_ACCESS_LIST];
    int err = 0;
    for (size_t i = 0; !err && i < c->conf->n_lists; i++, s = s->next)
        err = lists_check(c->findings, c->arena, s, &c->conf->lists[i]);
    return err;
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
    int err = check_listens(&c);
    if (!err)
        err = check_upstreams(&c);
    check_dns(&c);
    check_events(&c);
    check_hep(&c);
    clustercheck(f, from->sections[SECTION_CLUSTER], conf);
    if (!err)
        err = check_lists(&c);
    if (!err)
        err = check_domains(&c);
    if (!err)
        err = upcheck_read(f, a, from, conf, hosts);
    if (!err)
        err = check_admin(&c);
    hintcheck_rest(f, from, conf);
    return err;
}
