#include "service/late.h"

static atomic_uint *slot(struct context *c, struct str aor)
{
    return &c->late->ringing[(hash_str(&c->owner_key, aor) >> 32) % LATE_SLOTS];
}

int late_watch(struct context *c, struct late_watch *w)
{
    w->node.hash = hmap_hash(&c->watches, w->aor);
    int err = hmap_add(&c->watches, &w->node);
    if (err)
        return err;
    w->is_set = true;
    atomic_fetch_add(slot(c, w->aor), 1);
    return 0;
}

void late_unwatch(struct context *c, struct late_watch *w)
{
    if (!w->is_set)
        return;
    w->is_set = false;
    hmap_del(&c->watches, &w->node);
    atomic_fetch_sub(slot(c, w->aor), 1);
}

void late_announce(struct context *c, struct str aor)
{
    if (atomic_load(slot(c, aor)) == 0)
        return;
    /* An inbox that is full has counted it; the caller has those that ring already. */
    for (unsigned i = 0; i < c->n_workers; i++)
        if (c->late->inboxes[i]) /* at the end of the process they go one by one */
            (void)inbox_post(c->late->inboxes[i], c->late->deliver, NULL, 0, aor);
}

void late_on_message(struct context *c, struct str aor)
{
    struct hmap_node *n = hmap_first(&c->watches, hmap_hash(&c->watches, aor));
    while (n) {
        struct late_watch *w = container_of(n, struct late_watch, node);
        n = hmap_next(n);
        if (str_eq(w->aor, aor))
            w->on_arrival(w);
    }
}
