#include "service/corehop.h"

#include "base/err.h"
#include "service/egress.h"
#include "service/servers.h"
#include "sip/uri.h"

enum { SIP_PORT = 5060, SIPS_PORT = 5061 };

enum forward_refusal corehop_refusal(int err)
{
    return err == ERR_AGAIN ? FORWARD_UNRESOLVED : err ? FORWARD_EGRESS : FORWARD_OK;
}

enum forward_refusal corehop_address(struct context *c, const struct addr *server,
                                     struct forward_plan *plan)
{
    return corehop_refusal(egress_pick(c->egress, CONF_SIDE_CORE, server, &plan->flow));
}

static enum forward_refusal pick(struct context *c, const struct server_want *want,
                                 struct forward_plan *plan)
{
    struct server_tries tries = {.n = 0};
    return corehop_refusal(servers_pick(c->servers, want, &tries, &plan->flow));
}

enum forward_refusal corehop_upstream(struct context *c, const struct conf_upstream *upstream,
                                      struct str aor, struct forward_plan *plan)
{
    return pick(c, &(struct server_want){.upstream = upstream, .aor = aor}, plan);
}

static enum flow_transport transport_of(const struct uri *u)
{
    struct str word;
    bool is_named = uri_param(u, STR("transport"), &word);
    if (u->scheme == URI_SIPS || (is_named && str_ieq(word, STR("tls"))))
        return FLOW_TLS;
    return is_named && str_ieq(word, STR("tcp")) ? FLOW_TCP : FLOW_UDP;
}

bool corehop_is_named(const struct context *c, const struct dialog *d, struct str text,
                      struct server_want *out)
{
    struct uri u;
    struct addr ignored = {0};
    *out = (struct server_want){.upstream = dialog_core(c->conf, d->core)};
    if (!out->upstream || uri_parse(text, &u) ||
        (!str_is_none(u.host) && addr_parse_host(u.host, &ignored) == 0))
        return false;
    out->call_id = d->call_id;
    out->server = d->server;
    out->host = u.host;
    return true;
}

enum forward_refusal corehop_uri(struct context *c, const struct dialog *d, struct str text,
                                 struct forward_plan *plan)
{
    struct uri u;
    const struct conf_upstream *upstream = dialog_core(c->conf, d->core);
    if (uri_parse(text, &u))
        return FORWARD_BAD_URI;
    struct server_try next = {.transport = (uint8_t)transport_of(&u)};
    next.addr.port = u.port ? u.port : next.transport == FLOW_TLS ? SIPS_PORT : SIP_PORT;
    if (!str_is_none(u.host) && addr_parse_host(u.host, &next.addr) == 0)
        return corehop_refusal(servers_reach(c->servers, upstream, &next, &plan->flow));
    struct server_want want;
    return corehop_is_named(c, d, text, &want) ? pick(c, &want, plan) : FORWARD_UNKNOWN;
}
