#include "service/hunt.h"

#include <string.h>

#include "base/err.h"

void hunt_init(struct hunt *h, const struct target_set *set)
{
    h->next = 0;
    h->n = set->n;
    for (size_t i = 0; i < set->n; i++) {
        const struct target *t = &set->list[i];
        h->list[i] = (struct hunt_entry){&t->plan, t->device, t->group, t->q, t->is_last_resort};
    }
}

size_t hunt_group_size(const struct hunt *h)
{
    size_t end = h->next;
    while (end < h->n && h->list[end].group == h->list[h->next].group)
        end++;
    return end - h->next;
}

static bool keep(struct arena *a, struct str *s)
{
    *s = str_is_none(*s) ? *s : str_dup(a, *s);
    return !a->has_failed;
}

static const struct forward_plan *copy_plan(struct arena *a, const struct forward_plan *from)
{
    struct forward_plan *plan = arena_alloc(a, sizeof *plan);
    if (!plan)
        return NULL;
    *plan = *from;
    return keep(a, &plan->uri) && keep(a, &plan->route) ? plan : NULL;
}

int hunt_keep(struct hunt *h, struct arena *a)
{
    for (size_t i = hunt_group_size(h); i < h->n; i++) {
        h->list[i].plan = copy_plan(a, h->list[i].plan);
        if (!h->list[i].plan)
            return ERR_NOMEM;
    }
    return 0;
}

bool hunt_has(const struct hunt *h, uint64_t device)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->list[i].device == device)
            return true;
    return false;
}

void hunt_drop(struct hunt *h)
{
    h->n = h->next;
}

size_t hunt_count(const struct hunt *h)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++)
        n += h->list[i].device != 0;
    return n;
}

/* Behind those that are as good or better. */
static size_t place_of(const struct hunt *h, int q)
{
    size_t at = h->next;
    while (at < h->n && h->list[at].device && h->list[at].q >= q)
        at++;
    return at;
}

static void insert(struct hunt *h, size_t at, const struct hunt_entry *e)
{
    memmove(&h->list[at + 1], &h->list[at], (h->n - at) * sizeof *h->list);
    h->list[at] = *e;
    h->n++;
}

int hunt_add(struct hunt *h, const struct target *t, bool is_by_q, struct arena *a, bool *is_due)
{
    BUG_ON(h->next == 0); /* what has not begun has no late comers */
    const struct hunt_entry *last = &h->list[h->next - 1];
    struct hunt_entry e = {&t->plan, t->device, last->group, last->q, false};
    if (h->n == FORK_BRANCHES_MAX)
        return ERR_FULL;
    *is_due = !is_by_q || t->q >= last->q;
    if (*is_due) {
        insert(h, h->next++, &e);
        return 0;
    }
    e.plan = copy_plan(a, &t->plan);
    if (!e.plan)
        return ERR_NOMEM;
    e.q = t->q;
    size_t at = place_of(h, e.q);
    bool has_peers = at > h->next && h->list[at - 1].q == e.q;
    e.group = h->list[at - 1].group + !has_peers;
    for (size_t i = at; i < h->n && !has_peers; i++)
        h->list[i].group++;
    insert(h, at, &e);
    return 0;
}
