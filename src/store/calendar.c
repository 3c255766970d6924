#include "store/calendar.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* Seconds of the wheel; what is later is filed at its end and from there again. */
enum { SECONDS = 4096 };

struct calendar {
    struct list wheel[SECONDS];
    struct hmap by_aor;
    uint64_t at_s; /* everything before has been taken */
    _Atomic size_t n;
};

int calendar_new(uint64_t now_s, struct calendar **out)
{
    struct calendar *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    for (size_t i = 0; i < SECONDS; i++)
        list_init(&c->wheel[i]);
    hmap_init(&c->by_aor);
    c->at_s = now_s;
    *out = c;
    return 0;
}

void calendar_free(struct calendar *c)
{
    if (!c)
        return;
    for (struct hmap_node *node; (node = hmap_any(&c->by_aor));)
        calendar_del(c, container_of(node, struct calendar_entry, by_aor));
    hmap_fini(&c->by_aor);
    free(c);
}

void calendar_reserve(struct calendar *c, size_t n)
{
    hmap_reserve(&c->by_aor, n);
}

static struct calendar_entry *find(const struct calendar *c, struct str aor, uint64_t hash)
{
    for (struct hmap_node *n = hmap_first(&c->by_aor, hash); n; n = hmap_next(n)) {
        struct calendar_entry *e = container_of(n, struct calendar_entry, by_aor);
        if (str_eq(calendar_aor(e), aor))
            return e;
    }
    return NULL;
}

struct calendar_entry *calendar_find(const struct calendar *c, struct str aor)
{
    return find(c, aor, hmap_hash(&c->by_aor, aor));
}

static struct calendar_entry *add(struct calendar *c, struct str aor, uint64_t hash)
{
    BUG_ON(aor.n > UINT16_MAX);
    struct calendar_entry *e = malloc(sizeof *e + aor.n);
    if (!e)
        return NULL;
    *e = (struct calendar_entry){
        .by_aor = {.hash = hash}, .told_s = c->at_s, .aor_len = (uint16_t)aor.n};
    list_init(&e->in_wheel);
    memcpy(e->aor, aor.p, aor.n);
    if (hmap_add(&c->by_aor, &e->by_aor)) {
        free(e);
        return NULL;
    }
    atomic_fetch_add_explicit(&c->n, 1, memory_order_relaxed);
    return e;
}

struct calendar_entry *calendar_add_first(struct calendar *c, struct str aor)
{
    return add(c, aor, hmap_hash(&c->by_aor, aor));
}

struct calendar_entry *calendar_add(struct calendar *c, struct str aor)
{
    uint64_t hash = hmap_hash(&c->by_aor, aor);
    struct calendar_entry *e = find(c, aor, hash);
    return e ? e : add(c, aor, hash);
}

void calendar_del(struct calendar *c, struct calendar_entry *e)
{
    if (!e)
        return;
    hmap_del(&c->by_aor, &e->by_aor);
    list_del(&e->in_wheel);
    free(e);
    atomic_fetch_sub_explicit(&c->n, 1, memory_order_relaxed);
}

void calendar_file(struct calendar *c, struct calendar_entry *e, uint64_t due_s)
{
    uint64_t at_s = due_s;
    if (at_s < c->at_s)
        at_s = c->at_s;
    if (at_s - c->at_s >= SECONDS)
        at_s = c->at_s + SECONDS - 1;
    e->due_s = due_s;
    list_del(&e->in_wheel);
    list_add(&c->wheel[at_s % SECONDS], &e->in_wheel);
}

struct calendar_entry *calendar_next(struct calendar *c, uint64_t now_s)
{
    while (c->at_s <= now_s) {
        struct list *node = list_pop(&c->wheel[c->at_s % SECONDS]);
        if (!node) {
            if (c->at_s == now_s)
                return NULL;
            c->at_s++;
            continue;
        }
        struct calendar_entry *e = container_of(node, struct calendar_entry, in_wheel);
        if (e->due_s <= now_s)
            return e;
        calendar_file(c, e, e->due_s); /* was beyond the wheel */
    }
    return NULL;
}

size_t calendar_count(const struct calendar *c)
{
    return atomic_load_explicit(&c->n, memory_order_relaxed);
}
