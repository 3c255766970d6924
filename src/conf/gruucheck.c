#include "conf/gruucheck.h"

#include "conf/schema.h"
#include "sip/uri.h"

static bool is_at(const struct conf_listen *l, struct str host)
{
    struct addr a = {0};
    if (l->side == CONF_SIDE_CORE || !l->addr.family)
        return false;
    if (!str_is_none(l->advertise_host) && uri_is_same_host(host, l->advertise_host))
        return true;
    if (!host.n || addr_parse_host(host, &a))
        return false;
    return addr_is_any(&l->addr) ? a.family == l->addr.family : addr_is_same_host(&a, &l->addr);
}

static bool is_here(const struct conf *conf, struct str host)
{
    for (size_t i = 0; i < conf->n_listens; i++)
        if (is_at(&conf->listens[i], host))
            return true;
    return false;
}

/* Whoever gives a device a name has to be where requests to that name arrive. DNS may say something
 * else tomorrow, and to others; so it is the configuration that says where the domain is. */
static bool is_home(const struct conf *conf, const struct conf_domain *d)
{
    bool is_found = is_here(conf, d->name);
    for (size_t i = 0; i < d->n_aliases; i++)
        is_found = is_found || is_here(conf, d->aliases[i]);
    return is_found;
}

void gruucheck_domain(struct findings *f, const struct conf *conf, const struct settings_section *s,
                      const struct conf_domain *d)
{
    const struct setting *given = settings_find(s, schema_find(SECTION_DOMAIN, "gruu"));
    const unsigned line = given ? given->line : s->line;
    if (d->gruu == CONF_GRUU_UPSTREAM && d->absorb.mode == MODE_AOR_THROTTLE)
        finding_error(f, line,
                      "domain \"%.80s\" gruu: upstream cannot name the devices of a line that "
                      "share one registration, expected local, off, or another mode than "
                      "aor-throttle",
                      s->title);
    if (d->gruu == CONF_GRUU_LOCAL && !is_home(conf, d))
        finding_error(f, line,
                      "domain \"%.80s\" gruu: local gives names to which requests have to come "
                      "here, expected the address or the advertised name of a listener for "
                      "devices as the domain's name or among its aliases",
                      s->title);
    if (d->gruu != CONF_GRUU_OFF && d->registration == CONF_REGISTER_REFUSE)
        finding_warn(f, line,
                     "domain \"%.80s\" gruu: does nothing where registration is refuse, for no "
                     "device registers to be named",
                     s->title);
}
