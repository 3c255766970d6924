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
                                         .other = t->plan.other,
                                         .device = t->device,
                                         .group = t->group,
                                         .q = t->q,
                                         .is_last_resort = t->is_last_resort,
                                         .is_server = t->is_server};
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

static struct forward_plan *copy_plan(struct arena *a, const struct forward_plan *from)
{
    struct forward_plan *plan = arena_alloc(a, sizeof *plan);
    if (!plan)
        return NULL;
    *plan = *from;
    bool is_kept =
        keep(a, &plan->uri) && keep(a, &plan->route) && keep(a, &plan->identity.asserted);
    return is_kept ? plan : NULL;
}

static bool keep_flows(struct arena *a, struct forward_plan **flows)
{
    for (struct forward_plan **at = flows; *at; at = &(*at)->other) {
        *at = copy_plan(a, *at);
        if (!*at)
            return false;
    }
    return true;
}

int hunt_keep(struct hunt *h, struct arena *a)
{
    size_t first = h->is_kept ? 0 : hunt_group_size(h);
    for (size_t i = 0; i < h->n; i++) {
        struct hunt_entry *e = &h->list[i];
        if (i >= first)
            e->plan = copy_plan(a, e->plan);
        if (!e->plan || !keep_flows(a, &e->other))
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
    struct hunt_entry e = {.plan = &t->plan,
                           .other = t->plan.other,
                           .device = t->device,
                           .group = last->group,
                           .q = last->q};
    if (h->n == FORK_BRANCHES_MAX)
        return ERR_FULL;
    *is_due = !is_by_q || t->q >= last->q;
    if (!*is_due || h->is_kept)
        e.plan = copy_plan(a, &t->plan);
    if (!e.plan || !keep_flows(a, &e.other))
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
static void make_room(struct hunt *h, size_t n, unsigned n_groups)
{
    for (size_t i = h->next; i < h->n; i++)
        h->list[i].group += n_groups;
    memmove(&h->list[h->next + n], &h->list[h->next], (h->n - h->next) * sizeof *h->list);
    h->n += n;
}

bool hunt_add_flow(struct hunt *h, size_t from, uint32_t breadth)
{
    struct hunt_entry *e = &h->list[from];
    struct forward_plan *flow = e->other;
    BUG_ON(from >= h->next);
    if (!flow || h->n == FORK_BRANCHES_MAX)
        return false;
    make_room(h, 1, 1);
    flow->max_breadth = breadth;
    h->list[h->next] = (struct hunt_entry){.plan = flow,
                                           .other = flow->other,
                                           .device = e->device,
                                           .group = h->list[h->next - 1].group + 1,
                                           .q = e->q,
                                           .depth = e->depth};
    e->other = NULL;
    return true;
}

int hunt_add_redirect(struct hunt *h, size_t from, const struct target_set *set, uint64_t now_ms,
                      struct arena *a)
{
    struct forward_plan *plans[FORK_BRANCHES_MAX] = {NULL};
    BUG_ON(from >= h->next || h->n + set->n > FORK_BRANCHES_MAX || set->n == 0);
    for (size_t i = 0; i < set->n; i++) {
        plans[i] = copy_plan(a, &set->list[i].plan);
        if (!plans[i] || !keep_flows(a, &plans[i]->other))
            return ERR_NOMEM;
    }
    make_room(h, set->n, set->list[set->n - 1].group + 1);
    for (size_t i = 0; i < set->n; i++) {
        const struct target *t = &set->list[i];
        h->list[h->next + i] =
            (struct hunt_entry){.plan = plans[i],
                                .other = plans[i]->other,
                                .device = t->device,
                                .group = h->list[h->next - 1].group + 1 + t->group,
                                .q = h->list[from].q,
                                .depth = h->list[from].depth + 1,
                                .ends_ms = t->left_s ? now_ms + t->left_s * (uint64_t)1000 : 0};
    }
    return 0;
}

void hunt_del_next(struct hunt *h)
{
    BUG_ON(h->next >= h->n);
    h->n--;
    memmove(&h->list[h->next], &h->list[h->next + 1], (h->n - h->next) * sizeof *h->list);
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

void hunt_keep_servers(struct hunt *h)
{
    size_t n = h->next;
    while (n < h->n && h->list[n].is_server)
        n++;
    h->n = n;
}
