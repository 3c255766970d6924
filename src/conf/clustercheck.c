#include "conf/clustercheck.h"

#include "conf/schema.h"
#include "store/pg.h"

static unsigned line_of(const struct settings_section *s, const char *option)
{
    const struct setting *given = settings_find(s, schema_find(SECTION_CLUSTER, option));
    return given ? given->line : s->line;
}

static bool is_given(const struct settings_section *s, const char *option)
{
    return settings_find(s, schema_find(SECTION_CLUSTER, option)) != NULL;
}

/* Its text is not repeated: it may have a password. */
static void check_database(struct findings *f, const struct settings_section *s,
                           const char *database)
{
    switch (*database ? pg_check(database) : PG_UNKNOWN) {
    case PG_GOOD:
        break;
    case PG_UNKNOWN:
        finding_error(f, line_of(s, "database"),
                      "cluster database: not understood, expected a URI postgresql://HOST/DATABASE "
                      "or a string of KEY=VALUE, as libpq takes it");
        break;
    case PG_HAS_PASSWORD:
        finding_error(f, line_of(s, "database"),
                      "cluster database: has a password, expected it in a file that passfile=PATH "
                      "names, or certificates");
        break;
    }
}

void clustercheck(struct findings *f, const struct settings_section *s, const struct conf *conf)
{
    static const char *const needed[] = {"name", "node", "database"};
    if (!s || !s->first)
        return;
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!is_given(s, needed[i]))
            finding_error(f, s->line, "cluster %s: missing, expected it in a cluster", needed[i]);
    if (conf->cluster.database)
        check_database(f, s, conf->cluster.database);
}
