/* A configuration file: either errors are said or there is a snapshot that finds its own domains.
 */
#include "fuzz.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf/conf.h"

const char *const fuzz_more_seeds = NULL;

struct heard {
    unsigned n_errors, n_warnings;
};

static void hear(bool is_error, const char *text, void *arg)
{
    struct heard *h = arg;
    MUST(text[0] != '\0' && !strchr(text, '\n'));
    if (is_error)
        h->n_errors++;
    else
        h->n_warnings++;
}

static void check_domains(const struct conf *c)
{
    for (size_t i = 0; i < c->n_domains; i++) {
        const struct conf_domain *d = &c->domains[i];
        MUST(conf_domain_find(c, d->name) == d);
        for (size_t k = 0; k < d->n_aliases; k++)
            MUST(conf_domain_find(c, d->aliases[k]) == d);
    }
    MUST(!conf_domain_find(c, STR("not.a.domain.of.ours.invalid")));
}

static void check_upstreams(const struct conf *c)
{
    for (size_t i = 0; i < c->n_upstreams; i++) {
        const struct conf_upstream *u = &c->upstreams[i];
        MUST(u->n_servers > 0);
        for (size_t k = 0; k < u->n_servers; k++)
            MUST(u->servers[k].is_named ||
                 conf_upstream_at(c, &u->servers[k].addr, u->servers[k].transport));
    }
}

static void check_snapshot(struct conf *c)
{
    struct heard differences = {0};
    MUST(c->n_listens > 0 && c->workers > 0);
    check_domains(c);
    check_upstreams(c);
    conf_compare(c, c, hear, &differences);
    MUST(differences.n_errors + differences.n_warnings == 0);
    MUST(conf_ref(c) == c);
    conf_unref(c);
    conf_unref(c);
}

static void check_file(const char *path)
{
    struct heard heard = {0};
    struct conf *c = NULL;
    int err = conf_load(path, hear, &heard, &c);
    MUST(err == 0 || err == ERR_BADCONF);
    MUST((err == 0) == (heard.n_errors == 0) && (err == 0) == (c != NULL));
    if (c)
        check_snapshot(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[32];
    int fd = memfd_create("breakwater.conf", MFD_CLOEXEC);
    MUST(fd >= 0);
    MUST(write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    check_file(path);
    MUST(close(fd) == 0);
    return 0;
}
