#include "conf/hintcheck.h"

static const struct setting *given(const struct settings_section *s, enum schema_section_id id,
                                   const char *option)
{
    return settings_find(s, schema_find(id, option));
}

static unsigned line_of(const struct settings_section *s, enum schema_section_id id,
                        const char *option)
{
    const struct setting *setting = given(s, id, option);
    return setting ? setting->line : s->line;
}

/* ---------------------------------------------------------------- domains */

/* A 302 leaves the calls to who has called. */
static void check_redirect(struct findings *f, const struct settings_section *s)
{
    static const char *const idle[] = {"ring-timeout", "early-media", "late-fork",
                                       "global-decline"};
    for (size_t i = 0; i < sizeof idle / sizeof idle[0]; i++) {
        const struct setting *setting = given(s, SECTION_DOMAIN, idle[i]);
        if (setting)
            finding_warn(f, setting->line,
                         "domain \"%.80s\" %s: does nothing, for with fork = redirect who calls is "
                         "told the contacts and calls them himself",
                         s->title, idle[i]);
    }
}

static void check_ringing(struct findings *f, const struct settings_section *s,
                          const struct conf_domain *d)
{
    const struct setting *timeout = given(s, SECTION_DOMAIN, "ring-timeout");
    const struct setting *fallback = given(s, SECTION_DOMAIN, "fallback");
    bool has_fallback = fallback && fallback->text && fallback->text[0];
    if (d->strategy == CONF_FORK_PARALLEL && timeout && !has_fallback)
        finding_warn(f, timeout->line,
                     "domain \"%.80s\" ring-timeout: does nothing, for all devices ring at once "
                     "and without a fallback there is nothing to go on to",
                     s->title);
}

void hintcheck_domain(struct findings *f, const struct settings_section *s,
                      const struct conf_domain *d)
{
    if (d->absorb.mode == MODE_MIRROR && d->shadow == CONF_SHADOW_OFF &&
        d->registration != CONF_REGISTER_REFUSE)
        finding_warn(f, line_of(s, SECTION_DOMAIN, "mode"),
                     "domain \"%.80s\" mode: mirror relays each refresh, so nothing is saved; "
                     "shadow would count what another mode saves",
                     s->title);
    if (d->strategy == CONF_FORK_REDIRECT)
        check_redirect(f, s);
    check_ringing(f, s, d);
}

/* ---------------------------------------------------------------- the rest */

static bool are_all(const struct conf *conf, enum conf_side side)
{
    for (size_t i = 0; i < conf->n_listens; i++)
        if (conf->listens[i].side != side)
            return false;
    return conf->n_listens > 0;
}

static void check_sides(struct findings *f, const struct settings *from, const struct conf *conf)
{
    const struct settings_section *s = from->sections[SECTION_LISTEN];
    if (are_all(conf, CONF_SIDE_CORE))
        finding_warn(f, line_of(s, SECTION_LISTEN, "side"),
                     "listen \"%.80s\" side: core, as of all the others, so no device can reach "
                     "us; one of side access or any would let them",
                     s->title);
    if (are_all(conf, CONF_SIDE_ACCESS))
        finding_warn(f, line_of(s, SECTION_LISTEN, "side"),
                     "listen \"%.80s\" side: access, as of all the others, so upstreams are spoken "
                     "to from where devices come; one of side core or any would part them",
                     s->title);
}

static void check_probes(struct findings *f, const struct settings *from, const struct conf *conf)
{
    const struct settings_section *s = from->sections[SECTION_UPSTREAM];
    for (size_t i = 0; s && i < conf->n_upstreams; i++, s = s->next)
        if (conf->upstreams[i].probe_interval_s == 0)
            finding_warn(f, line_of(s, SECTION_UPSTREAM, "probe-interval"),
                         "upstream \"%.80s\" probe-interval: 0, so no outage is noticed and no "
                         "device is served through one",
                         s->title);
}

void hintcheck_rest(struct findings *f, const struct settings *from, const struct conf *conf)
{
    const struct settings_section *admin = from->sections[SECTION_ADMIN];
    check_sides(f, from, conf);
    check_probes(f, from, conf);
    if (conf->admin.socket && !conf->admin.socket[0] && !conf->admin.http.family)
        finding_warn(f, line_of(admin, SECTION_ADMIN, "socket"),
                     "admin: without a socket and without http nobody can look at it or operate "
                     "it, but by signals");
}
