#include "conf/serveruri.h"

#include "base/dns.h"
#include "base/err.h"
#include "sip/uri.h"

enum { SIP_PORT = 5060, SIPS_PORT = 5061 };

/* What a server's URI may not say; NULL: nothing of that. */
static const char *uri_excess(const struct uri *u)
{
    if (u->scheme != URI_SIP && u->scheme != URI_SIPS)
        return "is not a sip: or sips: URI";
    if (!str_is_none(u->user) || !str_is_none(u->password))
        return "has a user part";
    return str_is_none(u->headers) ? NULL : "has headers";
}

/* transport=udp, tcp or tls and nothing else; sips: is TLS over TCP (RFC 3261 19.1.2). False:
 * another parameter. */
static bool server_transport(const struct uri *u, struct conf_server *out)
{
    static const struct {
        const char *word;
        enum flow_transport transport, of_sips;
    } known[] = {
        {";transport=udp", FLOW_UDP, FLOW_TRANSPORT_MAX},
        {";transport=tcp", FLOW_TCP, FLOW_TLS},
        {";transport=tls", FLOW_TLS, FLOW_TLS},
    };
    bool is_secure = u->scheme == URI_SIPS, has_params = !str_is_none(u->params) && u->params.n;
    out->transport = is_secure ? FLOW_TLS : FLOW_UDP;
    out->has_transport = is_secure || has_params;
    for (size_t i = 0; has_params && i < sizeof known / sizeof *known; i++) {
        if (!str_ieq(u->params, str_of(known[i].word)))
            continue;
        out->transport = is_secure ? known[i].of_sips : known[i].transport;
        return out->transport != FLOW_TRANSPORT_MAX;
    }
    return !has_params;
}

static const char *judge(const struct uri *u, struct conf_server *out)
{
    const char *excess = uri_excess(u);
    if (excess)
        return excess;
    if (!server_transport(u, out))
        return u->scheme == URI_SIPS
                   ? "has a parameter other than ;transport=tcp or tls; sips: is never over UDP"
                   : "has a parameter other than ;transport=udp, tcp or tls";
    uint16_t port = out->transport == FLOW_TLS ? SIPS_PORT : SIP_PORT;
    out->is_secure = u->scheme == URI_SIPS;
    out->addr = (struct addr){.port = u->port ? u->port : port};
    if (addr_parse_host(u->host, &out->addr)) {
        out->addr = (struct addr){.port = u->port};
        out->is_named = dns_is_name(u->host);
        return out->is_named ? NULL
                             : "the host is neither a name of the DNS, without a dot at the end, "
                               "nor an IP address";
    }
    return addr_is_any(&out->addr) ? "nobody can send to a wildcard address" : NULL;
}

int serveruri_parse(struct str text, struct conf_server *out, const char **why)
{
    struct uri u;
    if (uri_parse(text, &u))
        return ERR_PARSE;
    *why = judge(&u, out);
    return *why ? ERR_PARSE : 0;
}
