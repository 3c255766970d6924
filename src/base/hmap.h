/* Intrusive hash map with a random key of its own. It grows a few buckets at a time, so no single
 * insertion pays for the whole table. Nodes belong to the caller; the map owns only its buckets.
 * One thread at a time. */
#ifndef BW_BASE_HMAP_H
#define BW_BASE_HMAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/list.h"

struct hmap_node {
    struct hmap_node *next;
    uint64_t hash;
};

struct hmap_table {
    struct hmap_node **buckets;
    size_t mask; /* number of buckets - 1; meaningless while buckets is NULL */
};

struct hmap {
    struct hash_key key;
    struct hmap_table now, old; /* old: being emptied after a growth */
    size_t n_moved;             /* buckets of old already emptied */
    size_t n;                   /* nodes */
    size_t n_emptied;           /* buckets of now that hmap_any has seen empty, from the first on */
};

void hmap_init(struct hmap *m);

/* Frees the buckets; the nodes are the caller's. */
void hmap_fini(struct hmap *m);

static inline uint64_t hmap_hash(const struct hmap *m, struct str s)
{
    return hash_str(&m->key, s);
}

/* Room for so many at once, in an empty map: they are then added without growing. Without memory it
 * grows as ever. */
void hmap_reserve(struct hmap *m, size_t n);

/* node->hash is set by the caller. ERR_NOMEM only for the very first buckets; a growth that finds
 * no memory is put off. Equal keys are not looked for. */
int hmap_add(struct hmap *m, struct hmap_node *node);

/* The node must be in the map. */
void hmap_del(struct hmap *m, struct hmap_node *node);

/* First node whose hash is equal, NULL if none; hmap_next goes on from there. */
struct hmap_node *hmap_first(const struct hmap *m, uint64_t hash);
struct hmap_node *hmap_next(struct hmap_node *node);

/* Any node, NULL when empty: for tearing down, which takes linear time if nothing is added. */
struct hmap_node *hmap_any(struct hmap *m);

#endif
