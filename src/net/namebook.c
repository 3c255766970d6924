#include "net/namebook.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hmap.h"

struct namebook {
    pthread_mutex_t lock;
    struct hmap entries;
    atomic_uint n; /* where it is 0, nobody asks for the lock */
};

struct namebook_entry {
    struct hmap_node node;
    uint64_t flow;
    size_t n;
    char names[]; /* a line each */
};

int namebook_new(struct namebook **out)
{
    struct namebook *b = calloc(1, sizeof *b);
    if (!b)
        return ERR_NOMEM;
    (void)pthread_mutex_init(&b->lock, NULL);
    hmap_init(&b->entries);
    *out = b;
    return 0;
}

void namebook_free(struct namebook *b)
{
    if (!b)
        return;
    BUG_ON(b->entries.n);
    hmap_fini(&b->entries);
    (void)pthread_mutex_destroy(&b->lock);
    free(b);
}

static uint64_t hash_of(const struct namebook *b, uint64_t flow)
{
    return hash_bytes(&b->entries.key, &flow, sizeof flow);
}

int namebook_add(struct namebook *b, uint64_t flow, struct str names, struct namebook_entry **out)
{
    struct namebook_entry *e = malloc(sizeof *e + names.n);
    if (!e)
        return ERR_NOMEM;
    e->flow = flow;
    e->n = names.n;
    memcpy(e->names, names.p, names.n);
    e->node.hash = hash_of(b, flow);
    (void)pthread_mutex_lock(&b->lock);
    int err = hmap_add(&b->entries, &e->node);
    (void)pthread_mutex_unlock(&b->lock);
    if (err) {
        free(e);
        return err;
    }
    atomic_fetch_add(&b->n, 1);
    *out = e;
    return 0;
}

void namebook_del(struct namebook *b, struct namebook_entry *e)
{
    if (!e)
        return;
    atomic_fetch_sub(&b->n, 1);
    (void)pthread_mutex_lock(&b->lock);
    hmap_del(&b->entries, &e->node);
    (void)pthread_mutex_unlock(&b->lock);
    free(e);
}

static bool is_line_in(struct str lines, struct str line)
{
    while (lines.n) {
        const char *end = str_find(lines, '\n');
        struct str one = str_span(lines.p, end ? end : str_end(lines));
        if (str_eq(one, line))
            return true;
        lines = str_skip(lines, one.n + (end != NULL));
    }
    return false;
}

static bool has(const struct namebook *b, uint64_t flow, struct str aor)
{
    const char *at = str_find(aor, '@');
    struct str domain = at ? str_span(at + 1, str_end(aor)) : aor;
    for (struct hmap_node *n = hmap_first(&b->entries, hash_of(b, flow)); n; n = hmap_next(n)) {
        const struct namebook_entry *e = container_of(n, struct namebook_entry, node);
        struct str names = {e->names, e->n};
        if (e->flow == flow)
            return is_line_in(names, aor) || is_line_in(names, domain);
    }
    return false;
}

bool namebook_has(struct namebook *b, uint64_t flow, struct str aor)
{
    if (!b || !flow || atomic_load(&b->n) == 0)
        return false;
    (void)pthread_mutex_lock(&b->lock);
    bool is_there = has(b, flow, aor);
    (void)pthread_mutex_unlock(&b->lock);
    return is_there;
}
