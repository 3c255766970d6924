#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_MIN = 4096 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t cap, used;
    alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t limit)
{
    *a = (struct arena){.limit = limit};
}

static void free_from(struct arena *a, struct arena_chunk *c)
{
    while (c) {
        struct arena_chunk *next = c->next;
        a->held -= c->cap;
        free(c);
        c = next;
    }
}

void arena_fini(struct arena *a)
{
    free_from(a, a->first);
    a->first = a->current = NULL;
}

/* Those behind the current one are empty. */
static void empty_used(struct arena *a)
{
    for (struct arena_chunk *c = a->first; c; c = c == a->current ? NULL : c->next)
        c->used = 0;
}

void arena_reset(struct arena *a, size_t keep)
{
    size_t kept = 0;
    if (a->held <= keep) {
        empty_used(a);
        a->current = a->first;
        a->has_failed = false;
        return;
    }
    for (struct arena_chunk **link = &a->first; *link; link = &(*link)->next) {
        if (kept + (*link)->cap > keep) {
            free_from(a, *link);
            *link = NULL;
            break;
        }
        kept += (*link)->cap;
        (*link)->used = 0;
    }
    a->current = a->first;
    a->has_failed = false;
}

/* The next chunk that has room for n: one kept from before, or a new one behind the current. */
static struct arena_chunk *next_chunk(struct arena *a, size_t n)
{
    struct arena_chunk *c = a->current ? a->current->next : a->first;
    if (c && c->cap >= n)
        return c;
    size_t cap = n > CHUNK_MIN ? n : CHUNK_MIN;
    if (cap > a->limit - a->held)
        return NULL;
    c = malloc(sizeof *c + cap);
    if (!c)
        return NULL;
    c->cap = cap;
    c->used = 0;
    struct arena_chunk **link = a->current ? &a->current->next : &a->first;
    c->next = *link;
    *link = c;
    a->held += cap;
    return c;
}

void *arena_alloc(struct arena *a, size_t n)
{
    const size_t align = alignof(max_align_t);
    if (n > SIZE_MAX - align || a->held > a->limit)
        goto fail;
    n = (n + align - 1) & ~(align - 1);
    struct arena_chunk *c = a->current;
    if (!c || n > c->cap - c->used) {
        c = next_chunk(a, n);
        if (!c)
            goto fail;
        a->current = c;
    }
    void *p = c->data + c->used;
    c->used += n;
    return p;
fail:
    a->has_failed = true;
    return NULL;
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n)) {
        a->has_failed = true;
        return NULL;
    }
    void *p = arena_alloc(a, n);
    if (p)
        memset(p, 0, n);
    return p;
}
