#include "base/nets.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"

enum { DEPTH_MAX = 129 };

/* ---------------------------------------------------------------- keys */

/* IPv4 in the highest bits, so that one rule of bits is good for both families. */
static struct nets_key key_of(const struct addr *a)
{
    struct nets_key key = {0};
    for (size_t i = 0; i < 8; i++)
        key.hi = key.hi << 8 | a->ip[i];
    for (size_t i = 8; i < 16; i++)
        key.lo = key.lo << 8 | a->ip[i];
    return key;
}

static int compare_keys(struct nets_key a, struct nets_key b)
{
    if (a.hi != b.hi)
        return a.hi < b.hi ? -1 : 1;
    return a.lo == b.lo ? 0 : a.lo < b.lo ? -1 : 1;
}

/* The last key of a network. */
static struct nets_key last_of(struct nets_key key, unsigned bits)
{
    if (bits < 64)
        key.hi |= UINT64_MAX >> bits;
    if (bits <= 64)
        key.lo = UINT64_MAX;
    else if (bits < 128)
        key.lo |= UINT64_MAX >> (bits - 64);
    return key;
}

static bool is_last_of_all(struct nets_key key)
{
    return key.hi == UINT64_MAX && key.lo == UINT64_MAX;
}

static struct nets_key next_of(struct nets_key key)
{
    key.lo++;
    key.hi += key.lo == 0;
    return key;
}

/* ---------------------------------------------------------------- making */

/* Around what comes first: the networks that hold a key, each inside the one before. */
struct maker {
    struct nets_borders *out;
    bool is_in, fallback;
    struct open {
        struct nets_key last;
        bool is_in;
    } open[DEPTH_MAX];
    size_t n_open;
};

/* From this key on the answer is that. What would hold for no key at all goes again. */
static void put(struct maker *m, struct nets_key key, bool is_in)
{
    struct nets_borders *out = m->out;
    if (is_in == m->is_in)
        return;
    m->is_in = is_in;
    if (out->n && compare_keys(out->keys[out->n - 1], key) == 0)
        out->n--;
    else
        out->keys[out->n++] = key;
}

/* The networks that end before a key. */
static void close_before(struct maker *m, const struct nets_key *key)
{
    while (m->n_open && (!key || compare_keys(m->open[m->n_open - 1].last, *key) < 0)) {
        struct nets_key last = m->open[--m->n_open].last;
        if (!is_last_of_all(last))
            put(m, next_of(last), m->n_open ? m->open[m->n_open - 1].is_in : m->fallback);
    }
}

static void add(struct maker *m, const struct nets_prefix *p)
{
    struct nets_key key = key_of(&p->addr);
    close_before(m, &key);
    m->open[m->n_open++] = (struct open){last_of(key, p->bits), p->is_in};
    put(m, key, p->is_in);
}

static int compare_prefixes(const void *left, const void *right)
{
    const struct nets_prefix *a = left, *b = right;
    if (a->addr.family != b->addr.family)
        return a->addr.family < b->addr.family ? -1 : 1;
    int order = compare_keys(key_of(&a->addr), key_of(&b->addr));
    return order ? order : (int)a->bits - (int)b->bits;
}

bool nets_is_same(const struct nets_prefix *a, const struct nets_prefix *b)
{
    return compare_prefixes(a, b) == 0;
}

static int build(struct arena *a, const struct nets_prefix *prefixes, size_t n, bool is_in,
                 struct nets_borders *out)
{
    struct maker m = {.out = out, .is_in = is_in, .fallback = is_in};
    out->n = 0;
    out->keys = arena_calloc(a, 2 * n + 1, sizeof *out->keys);
    if (!out->keys)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        if (i == 0 || !nets_is_same(&prefixes[i], &prefixes[i - 1]))
            add(&m, &prefixes[i]);
    close_before(&m, NULL);
    return 0;
}

int nets_build(struct arena *a, struct nets_prefix *prefixes, size_t n, bool is_in,
               struct nets *out)
{
    size_t n4 = 0;
    if (n)
        qsort(prefixes, n, sizeof *prefixes, compare_prefixes);
    while (n4 < n && prefixes[n4].addr.family == 4)
        n4++;
    out->is_in = is_in;
    int err = build(a, prefixes, n4, is_in, &out->v4);
    return err ? err : build(a, prefixes + n4, n - n4, is_in, &out->v6);
}

/* ---------------------------------------------------------------- asking */

bool nets_has(const struct nets *s, const struct addr *a)
{
    const struct nets_borders *b = a->family == 4 ? &s->v4 : &s->v6;
    struct nets_key key = key_of(a);
    size_t from = 0, to = b->n; /* the first border beyond the address */
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (compare_keys(b->keys[middle], key) <= 0)
            from = middle + 1;
        else
            to = middle;
    }
    return s->is_in != (from % 2 == 1);
}
