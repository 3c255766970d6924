#include "conf/servers.h"

#include "base/err.h"
#include "net/tls.h"
#include "sip/uri.h"

struct checker {
    struct findings *findings;
    const struct settings_section *section;
    const struct conf *conf;
};

static const struct setting *find(const struct settings_section *s, const char *option)
{
    return settings_find(s, schema_find(SECTION_UPSTREAM, option));
}

static bool is_same(const struct conf_server *a, const struct conf_server *b)
{
    if (a->is_named || b->is_named)
        return a->is_named && b->is_named && str_ieq(a->uri, b->uri);
    return addr_is_equal(&a->addr, &b->addr);
}

/* An upstream before u that has the server, too. */
static const struct conf_upstream *owner_before(const struct conf *conf,
                                                const struct conf_upstream *u,
                                                const struct conf_server *server)
{
    for (const struct conf_upstream *other = conf->upstreams; other < u; other++)
        for (size_t i = 0; i < other->n_servers; i++)
            if (is_same(&other->servers[i], server))
                return other;
    return NULL;
}

/* Requests leave through a listen section, and answers and calls come back to it. */
static bool has_way_to(const struct conf *conf, const struct conf_server *server,
                       enum flow_transport transport)
{
    for (size_t i = 0; i < conf->n_listens; i++) {
        const struct conf_listen *l = &conf->listens[i];
        if (l->transport == transport && l->side != CONF_SIDE_ACCESS &&
            (server->is_named || l->addr.family == server->addr.family))
            return true;
    }
    return false;
}

/* The DNS chooses the transport of a name without port and transport, among those that there are.
 */
static bool can_have_tls(const struct conf *conf, const struct conf_server *server)
{
    bool is_open = server->is_named && !server->has_transport && !server->addr.port;
    return server->transport == FLOW_TLS || (is_open && has_way_to(conf, server, FLOW_TLS));
}

static void check_server(const struct checker *c, const struct conf_upstream *u,
                         const struct conf_server *server, const struct setting *setting)
{
    const struct conf_upstream *other = owner_before(c->conf, u, server);
    if (other)
        finding_warn(c->findings, setting->line,
                     "upstream \"%s\" servers: \"%.200s\" is a server of upstream \"%s\", too; "
                     "requests from it count as coming from \"%s\"",
                     u->name, setting->text, other->name, other->name);
    if (server->transport != FLOW_UDP && !has_way_to(c->conf, server, server->transport))
        finding_error(c->findings, setting->line,
                      "upstream \"%s\" servers: \"%.200s\" is over %.*s, expected a listen section "
                      "with that transport and IP version, of side core or any, that answers and "
                      "calls come back to",
                      u->name, setting->text, STR_FMT(flow_transport_name(server->transport)));
}

/* The host of its URI, where it is a name. */
static int keep_host(struct arena *a, struct conf_server *server)
{
    struct uri uri;
    if (!server->is_named || uri_parse(server->uri, &uri))
        return 0;
    char *host = str_dup_z(a, uri.host);
    for (char *p = host; p && *p; p++)
        *p = ascii_lower(*p);
    server->host = host;
    return host ? 0 : ERR_NOMEM;
}

/* ---------------------------------------------------------------- TLS */

/* What a server's certificate must say: server-name, else its URI's host as it stands there. */
static int name_server(struct arena *a, const struct conf_upstream *u, struct conf_server *server)
{
    struct uri uri;
    struct str name = str_is_none(u->server_name) ? STR("") : u->server_name;
    if (name.n == 0 && uri_parse(server->uri, &uri) == 0)
        name = uri.host;
    bool is_bracketed = name.n > 2 && *name.p == '['; /* an IPv6 address */
    server->tls_name = str_dup_z(a, is_bracketed ? (struct str){name.p + 1, name.n - 2} : name);
    return server->tls_name ? 0 : ERR_NOMEM;
}

static void check_without_tls(const struct checker *c, const struct conf_upstream *u)
{
    static const char *const options[] = {"server-ca", "server-name", "verify-server"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        const struct setting *setting = find(c->section, options[i]);
        if (setting && setting->text[0])
            finding_error(c->findings, setting->line,
                          "upstream \"%s\" %s: none of its servers has TLS, expected it with "
                          "sips: or ;transport=tls only",
                          u->name, options[i]);
    }
}

static void check_names(const struct checker *c, const struct conf_upstream *u)
{
    static const char *const options[] = {"server-ca", "server-name"};
    for (size_t i = 0; !u->is_verified && i < sizeof options / sizeof *options; i++) {
        const struct setting *setting = find(c->section, options[i]);
        if (setting && setting->text[0])
            finding_error(
                c->findings, setting->line,
                "upstream \"%s\" %s: with verify-server = no nothing is compared with it, "
                "expected one of the two",
                u->name, options[i]);
    }
    if (!u->is_verified)
        finding_warn(
            c->findings, find(c->section, "verify-server")->line,
            "upstream \"%s\" verify-server: no, so whoever is between here and its servers "
            "can read and change all, passwords and calls",
            u->name);
}

static int make_context(const struct checker *c, struct conf_upstream *u)
{
    char why[TLS_WHY] = "";
    const struct setting *ca = find(c->section, "server-ca");
    const struct tls_client_conf conf = {.ca = u->server_ca, .is_verified = u->is_verified};
    int err = tls_client_new(&conf, why, &u->tls);
    if (err == ERR_BADCONF && ca)
        finding_error(c->findings, ca->line,
                      "upstream \"%s\" server-ca: %s, expected a file in PEM with authorities",
                      u->name, why);
    return err == ERR_BADCONF ? 0 : err;
}

int servers_check(struct findings *f, struct arena *a, const struct settings_section *s,
                  const struct conf *conf, struct conf_upstream *u)
{
    const struct checker c = {f, s, conf};
    const struct setting *setting = find(s, "servers");
    bool has_tls = false;
    for (size_t i = 0; i < u->n_servers; i++, setting = settings_next(setting)) {
        struct conf_server *server = &u->servers[i];
        if (server->addr.family == 0 && !server->is_named) /* it was refused */
            continue;
        has_tls = has_tls || can_have_tls(conf, server);
        check_server(&c, u, server, setting);
        if (keep_host(a, server) || name_server(a, u, server))
            return ERR_NOMEM;
    }
    if (!u->name)
        return 0;
    if (!has_tls) {
        check_without_tls(&c, u);
        return 0;
    }
    check_names(&c, u);
    return make_context(&c, u);
}
