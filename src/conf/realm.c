#include "conf/realm.h"

#include "base/err.h"
#include "conf/credentials.h"

static const struct setting *given(const struct realm_domain *q, const char *option)
{
    return settings_find(q->section, schema_find(SECTION_DOMAIN, option));
}

static unsigned line_of(const struct realm_domain *q, const char *option)
{
    const struct setting *s = given(q, option);
    return s ? s->line : q->section->line;
}

/* ---------------------------------------------------------------- options */

static void warn_idle(const struct realm_domain *q)
{
    static const char *const options[] = {"algorithms", "realm", "credentials", "allow-no-qop"};
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        if (given(q, options[i]))
            finding_warn(q->findings, line_of(q, options[i]),
                         "domain \"%.80s\" %s: has no effect, expected authentication = local "
                         "with it",
                         q->section->title, options[i]);
}

static void fill_in(struct conf_domain *d)
{
    for (size_t i = 0; i < d->n_algorithm_list; i++)
        d->algorithms |= 1U << d->algorithm_list[i];
    if (!d->algorithms)
        d->algorithms = 1U << DIGEST_SHA_256 | 1U << DIGEST_MD5;
    if (d->realm.n == 0)
        d->realm = d->name;
}

/* ---------------------------------------------------------------- credentials */

static struct credentials *read_before(const struct conf *conf, const char *path)
{
    for (size_t i = conf->n_credentials; i-- > 0;)
        if (strcmp(credentials_path(conf->credentials[i]), path) == 0)
            return conf->credentials[i];
    return NULL;
}

static int read_file(const struct realm_domain *q, struct conf_domain *d)
{
    struct conf *conf = q->conf;
    const struct credentials_place place = {line_of(q, "credentials"), q->section->title};
    struct credentials *c;
    if (!conf->credentials)
        conf->credentials = arena_calloc(q->arena, conf->n_domains, sizeof(struct credentials *));
    if (!conf->credentials)
        return ERR_NOMEM;
    int err = credentials_load(q->findings, &place, d->credentials_path, &c);
    if (err)
        return err == ERR_BADCONF ? 0 : err; /* it was said */
    conf->credentials[conf->n_credentials++] = c;
    conf->n_credentials_lines += credentials_size(c);
    d->credentials = c;
    return 0;
}

/* Who cannot get in, whatever his password. */
static void warn_locked_out(const struct realm_domain *q, const struct conf_domain *d)
{
    uint64_t without, n = credentials_count(d->credentials, d->realm, d->algorithms, &without);
    unsigned line = line_of(q, "credentials");
    if (n == 0)
        finding_warn(q->findings, line,
                     "domain \"%.80s\" credentials: %.200s has no line for the realm \"%.*s\", so "
                     "nobody can register",
                     q->section->title, d->credentials_path, STR_FMT(d->realm));
    else if (without)
        finding_warn(q->findings, line,
                     "domain \"%.80s\" credentials: %llu of %llu users of the realm \"%.*s\" have "
                     "no line for any of the algorithms, so they cannot register",
                     q->section->title, (unsigned long long)without, (unsigned long long)n,
                     STR_FMT(d->realm));
}

int realm_check(const struct realm_domain *q, struct conf_domain *d)
{
    if (d->absorb.authentication != AUTH_LOCAL) {
        warn_idle(q);
        return 0;
    }
    fill_in(d);
    if (!d->credentials_path) /* it was refused */
        return 0;
    d->credentials = read_before(q->conf, d->credentials_path);
    int err = d->credentials ? 0 : read_file(q, d);
    if (!err && d->credentials)
        warn_locked_out(q, d);
    return err;
}
