#include "service/hunt.h"

#include <string.h>

#include "base/err.h"
#include "sip/uri.h"

void hunt_init(struct hunt *h, const struct target_set *set)
{
    h->next = 0;
    h->n = set->n;
    h->is_kept = set->is_followed;
    for (size_t i = 0; i < set->n; i++) {
        const struct target *t = &set->list[i];
        h->list[i] = (struct hunt_entry){.plan = &t->plan,
                                         .device = t->device,
                                         .group = t->group,
                                         .q = t->q,
                                         .is_last_resort = t->is_last_resort};
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
    for (size_t i = h->is_kept ? 0 : hunt_group_size(h); i < h->n; i++) {
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

bool hunt_has_uri(const struct hunt *h, const struct uri *uri)
{
    struct uri tried;
    for (size_t i = 0; i < h->n; i++)
        if (uri_parse(h->list[i].plan->uri, &tried) == 0 && uri_is_equal(&tried, uri))
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
    struct hunt_entry e = {
        .plan = &t->plan, .device = t->device, .group = last->group, .q = last->q};
    if (h->n == FORK_BRANCHES_MAX)
        return ERR_FULL;
    *is_due = !is_by_q || t->q >= last->q;
    if (!*is_due || h->is_kept)
        e.plan = copy_plan(a, &t->plan);
    if (!e.plan)
        return ERR_NOMEM;
    if (*is_due) {
        insert(h, h->next++, &e);
        return 0;
    }
    e.q = t->q;
    size_t at = place_of(h, e.q);
    bool has_peers = at > h->next && h->list[at - 1].q == e.q;
    e.group = h->list[at - 1].group + !has_peers;
    for (size_t i = at; i < h->n && !has_peers; i++)
        h->list[i].group++;
    insert(h, at, &e);
    return 0;
}

/* The groups of those left move up. */
static void make_room(struct hunt *h, const struct target_set *set)
{
    for (size_t i = h->next; i < h->n; i++)
        h->list[i].group += set->list[set->n - 1].group + 1;
    memmove(&h->list[h->next + set->n], &h->list[h->next], (h->n - h->next) * sizeof *h->list);
    h->n += set->n;
}

int hunt_add_redirect(struct hunt *h, size_t from, const struct target_set *set, uint64_t now_ms,
                      struct arena *a)
{
    const struct forward_plan *plans[FORK_BRANCHES_MAX] = {NULL};
    BUG_ON(from >= h->next || h->n + set->n > FORK_BRANCHES_MAX || set->n == 0);
    for (size_t i = 0; i < set->n; i++) {
        plans[i] = copy_plan(a, &set->list[i].plan);
        if (!plans[i])
            return ERR_NOMEM;
    }
    make_room(h, set);
    for (size_t i = 0; i < set->n; i++) {
        const struct target *t = &set->list[i];
        h->list[h->next + i] =
            (struct hunt_entry){.plan = plans[i],
                                .device = t->device,
                                .group = h->list[h->next - 1].group + 1 + t->group,
                                .q = h->list[from].q,
                                .depth = h->list[from].depth + 1,
                                .ends_ms = t->left_s ? now_ms + t->left_s * (uint64_t)1000 : 0};
    }
    return 0;
}

size_t hunt_del_ended(struct hunt *h, uint64_t now_ms)
{
    size_t n = h->next;
    for (size_t i = h->next; i < h->n; i++)
        if (h->list[i].ends_ms == 0 || h->list[i].ends_ms > now_ms)
            h->list[n++] = h->list[i];
    size_t n_ended = h->n - n;
    h->n = n;
    return n_ended;
}
