#include "service/denied.h"

#include <stdlib.h>

/* One line may be refused for itself. */
enum { ROW_MAX = 5 };

struct entry {
    struct hmap_node node;
    unsigned n;    /* refusals in a row */
    bool is_known; /* it was taken */
    uint64_t until_s;
};

void denied_init(struct denied *d)
{
    hmap_init(&d->map);
}

void denied_fini(struct denied *d)
{
    for (struct hmap_node *n = hmap_any(&d->map); n; n = hmap_any(&d->map)) {
        hmap_del(&d->map, n);
        free(container_of(n, struct entry, node));
    }
    hmap_fini(&d->map);
}

static struct entry *find(const struct denied *d, uint64_t account)
{
    struct hmap_node *n = hmap_first(&d->map, account);
    return n ? container_of(n, struct entry, node) : NULL;
}

static struct entry *add(struct denied *d, uint64_t account)
{
    struct entry *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->node.hash = account;
    if (hmap_add(&d->map, &e->node)) {
        free(e);
        return NULL;
    }
    return e;
}

void denied_add(struct denied *d, const struct denied_refusal *what, uint64_t now_s)
{
    struct entry *e = find(d, what->account);
    if (!e)
        e = add(d, what->account);
    if (e && (what->is_held || !e->is_known) && ++e->n >= ROW_MAX)
        e->until_s = now_s + what->wait_s;
}

void denied_clear(struct denied *d, uint64_t account, bool is_shared)
{
    struct entry *e = find(d, account);
    if (!e && is_shared)
        e = add(d, account);
    if (!e)
        return;
    e->n = 0;
    e->until_s = 0;
    e->is_known = true;
    if (is_shared)
        return;
    hmap_del(&d->map, &e->node);
    free(e);
}

uint64_t denied_for_s(const struct denied *d, uint64_t account, uint64_t now_s)
{
    const struct entry *e = find(d, account);
    return e && e->until_s > now_s ? e->until_s - now_s : 0;
}
