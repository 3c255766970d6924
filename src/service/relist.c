#include "service/relist.h"

#include <stdatomic.h>

#include "service/egress.h"
#include "service/keeper.h"
#include "service/roster.h"
#include "service/shield.h"

void relist_count(const struct context *c)
{
    for (size_t i = 0; c->worker == 0 && i < c->conf->n_upstreams; i++) {
        const struct conf_upstream *u = &c->conf->upstreams[i];
        if (u->shield)
            atomic_store(&u->shield->n_targets, (uint32_t)roster_count(c->roster, u));
    }
}

/* What is gone may have calls still. */
static void on_gone(const struct locate_target *t, void *arg)
{
    struct context *c = arg;
    egress_retire(c->egress, roster_transport(t), &t->addr);
}

/* Lines that could not be registered without the first list need not wait for their next turn. */
void relist_take(struct context *c, struct roster_list *list)
{
    bool is_first = !roster_find(c->roster, list->uri);
    roster_take(c->roster, list, on_gone, c);
    relist_count(c);
    if (is_first)
        keeper_sync(c->keeper);
}
