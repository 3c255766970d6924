#include "conf/hosts.h"

#include "base/err.h"

struct entry {
    struct hmap_node node;
    struct str host;
    const struct conf_domain *domain;
};

void hosts_init(struct hosts *h)
{
    hmap_init(&h->map);
}

void hosts_fini(struct hosts *h)
{
    hmap_fini(&h->map);
}

const struct conf_domain *hosts_find(const struct hosts *h, struct str host)
{
    struct hmap_node *node = hmap_first(&h->map, hmap_hash(&h->map, host));
    for (; node; node = hmap_next(node)) {
        const struct entry *e = container_of(node, struct entry, node);
        if (str_eq(e->host, host))
            return e->domain;
    }
    return NULL;
}

int hosts_add(struct hosts *h, struct arena *a, struct str host, const struct conf_domain *domain,
              const struct conf_domain **other)
{
    *other = hosts_find(h, host);
    if (*other)
        return 0;
    struct entry *e = arena_alloc(a, sizeof *e);
    if (!e)
        return ERR_NOMEM;
    *e = (struct entry){.node.hash = hmap_hash(&h->map, host), .host = host, .domain = domain};
    return hmap_add(&h->map, &e->node);
}
