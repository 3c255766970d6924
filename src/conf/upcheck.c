#include "conf/upcheck.h"

#include "base/err.h"
#include "conf/upcreds.h"

struct reader {
    struct findings *findings;
    struct conf *conf;
    struct aor_scope scope;
};

static struct upcreds *read_before(const struct conf *conf, const char *path)
{
    for (size_t i = conf->n_upcreds; i-- > 0;)
        if (strcmp(upcreds_path(conf->upcreds[i]), path) == 0)
            return conf->upcreds[i];
    return NULL;
}

static int read_for(const struct reader *r, struct conf_domain *d, const struct settings_section *s)
{
    struct conf *conf = r->conf;
    const struct setting *given =
        settings_find(s, schema_find(SECTION_DOMAIN, "upstream-credentials"));
    const struct upcreds_file file = {.path = d->upcreds_path,
                                      .line = given ? given->line : s->line,
                                      .domain = s->title,
                                      .is_optional = !given};
    struct upcreds *c = NULL;
    if (!d->upcreds_path || !d->upcreds_path[0]) /* it was refused, or is off */
        return 0;
    d->upcreds = read_before(conf, d->upcreds_path);
    if (d->upcreds)
        return 0;
    int err = upcreds_load(r->findings, &r->scope, &file, &c);
    if (err)
        return err == ERR_BADCONF ? 0 : err; /* it was said */
    if (c)
        conf->upcreds[conf->n_upcreds++] = c;
    d->upcreds = c;
    return 0;
}

int upcheck_read(struct findings *f, struct arena *a, const struct settings *from,
                 struct conf *conf, const struct hosts *hosts)
{
    const struct reader r = {f, conf, {conf, hosts}};
    const struct settings_section *s = from->sections[SECTION_DOMAIN];
    int err = 0;
    conf->upcreds = arena_calloc(a, conf->n_domains + 1, sizeof(struct upcreds *));
    if (!conf->upcreds)
        return ERR_NOMEM;
    for (size_t i = 0; i < conf->n_domains && !err; i++, s = s->next)
        err = read_for(&r, &conf->domains[i], s);
    return err;
}
