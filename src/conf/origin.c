#include "conf/origin.h"

#include "base/addr.h"

static bool has_only(struct str s, const char *others)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_alpha(s.p[i]) && !ascii_is_digit(s.p[i]) && !str_find(str_of(others), s.p[i]))
            return false;
    return s.n > 0;
}

static bool is_host(struct str s)
{
    struct addr a = {0};
    return addr_parse_host(s, &a) == 0 || has_only(s, ".-_");
}

/* An IPv6 address stands in brackets. */
static struct str take_port(struct str *place)
{
    const char *bracket = str_find(*place, ']');
    struct str tail = bracket ? str_span(bracket, str_end(*place)) : *place;
    const char *colon = str_find(tail, ':');
    if (!colon)
        return STR_NONE;
    struct str port = str_span(colon + 1, str_end(tail));
    *place = str_span(place->p, colon);
    return port;
}

const char *origin_fault(struct str text)
{
    const char *colon = str_find(text, ':');
    uint32_t port = 0;
    if (str_eq(text, STR("null")))
        return NULL;
    if (!colon || !str_has_prefix(str_span(colon, str_end(text)), STR("://")))
        return "";
    struct str scheme = str_span(text.p, colon), host = str_span(colon + 3, str_end(text));
    if (!has_only(scheme, "+-.") || !ascii_is_alpha(scheme.p[0]))
        return "";
    if (str_find(host, '/'))
        return "a browser does not say a path, not even /";
    struct str port_text = take_port(&host);
    bool has_port = !str_is_none(port_text);
    if (!is_host(host) || (has_port && (str_to_u32(port_text, UINT16_MAX, &port) || port == 0)))
        return "";
    if ((port == 80 && str_ieq(scheme, STR("http"))) ||
        (port == 443 && str_ieq(scheme, STR("https"))))
        return "a browser does not say the port that its scheme has anyway";
    return NULL;
}

bool origin_is_url(struct str text)
{
    uint32_t port = 0;
    struct str rest = STR_NONE;
    if (str_has_iprefix(text, STR("http://")))
        rest = str_skip(text, 7);
    else if (str_has_iprefix(text, STR("https://")))
        rest = str_skip(text, 8);
    for (size_t i = 0; i < rest.n; i++)
        if (rest.p[i] <= ' ' || rest.p[i] > '~')
            return false;
    const char *slash = str_find(rest, '/');
    struct str host = slash ? str_span(rest.p, slash) : rest;
    struct str port_text = take_port(&host);
    if (!str_is_none(port_text) && (str_to_u32(port_text, UINT16_MAX, &port) || port == 0))
        return false;
    return is_host(host);
}
