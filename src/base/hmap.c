#include "base/hmap.h"

#include <stdlib.h>

#include "base/err.h"

enum { BUCKETS_MIN = 64, MOVES_PER_CHANGE = 4 };

void hmap_init(struct hmap *m)
{
    *m = (struct hmap){.key = hash_key_new()};
}

void hmap_fini(struct hmap *m)
{
    free(m->now.buckets);
    free(m->old.buckets);
    *m = (struct hmap){.key = m->key};
}

/* During a growth the low buckets of old have moved, the others have not. */
static struct hmap_node **bucket_of(const struct hmap *m, uint64_t hash)
{
    if (m->old.buckets && (hash & m->old.mask) >= m->n_moved)
        return &m->old.buckets[hash & m->old.mask];
    return &m->now.buckets[hash & m->now.mask];
}

static void move_some(struct hmap *m)
{
    for (int i = 0; i < MOVES_PER_CHANGE && m->old.buckets; i++) {
        struct hmap_node *node = m->old.buckets[m->n_moved++];
        while (node) {
            struct hmap_node *next = node->next;
            struct hmap_node **slot = &m->now.buckets[node->hash & m->now.mask];
            node->next = *slot;
            *slot = node;
            node = next;
        }
        if (m->n_moved > m->old.mask) {
            free(m->old.buckets);
            m->old.buckets = NULL;
        }
    }
}

static void grow(struct hmap *m)
{
    size_t n = (m->now.mask + 1) * 2;
    struct hmap_node **buckets = calloc(n, sizeof *buckets);
    if (!buckets)
        return;
    m->old = m->now;
    m->n_moved = 0;
    m->now.buckets = buckets;
    m->now.mask = n - 1;
}

void hmap_reserve(struct hmap *m, size_t n)
{
    size_t n_buckets = BUCKETS_MIN;
    if (m->now.buckets)
        return;
    while (n_buckets < n && n_buckets <= SIZE_MAX / 4 / sizeof *m->now.buckets)
        n_buckets *= 2;
    m->now.buckets = calloc(n_buckets, sizeof *m->now.buckets);
    m->now.mask = n_buckets - 1;
}

int hmap_add(struct hmap *m, struct hmap_node *node)
{
    if (!m->now.buckets) {
        m->now.buckets = calloc(BUCKETS_MIN, sizeof *m->now.buckets);
        if (!m->now.buckets)
            return ERR_NOMEM;
        m->now.mask = BUCKETS_MIN - 1;
    }
    move_some(m);
    if (!m->old.buckets && m->n > m->now.mask)
        grow(m);
    struct hmap_node **slot = bucket_of(m, node->hash);
    node->next = *slot;
    *slot = node;
    m->n++;
    m->n_emptied = 0;
    return 0;
}

void hmap_del(struct hmap *m, struct hmap_node *node)
{
    struct hmap_node **link = bucket_of(m, node->hash);
    while (*link != node) {
        BUG_ON(!*link);
        link = &(*link)->next;
    }
    *link = node->next;
    node->next = NULL;
    m->n--;
    move_some(m);
}

struct hmap_node *hmap_first(const struct hmap *m, uint64_t hash)
{
    if (!m->now.buckets)
        return NULL;
    struct hmap_node *node = *bucket_of(m, hash);
    while (node && node->hash != hash)
        node = node->next;
    return node;
}

struct hmap_node *hmap_next(struct hmap_node *node)
{
    uint64_t hash = node->hash;
    do
        node = node->next;
    while (node && node->hash != hash);
    return node;
}

struct hmap_node *hmap_any(struct hmap *m)
{
    if (m->n == 0)
        return NULL;
    while (m->old.buckets)
        move_some(m);
    while (!m->now.buckets[m->n_emptied])
        m->n_emptied++;
    return m->now.buckets[m->n_emptied];
}
