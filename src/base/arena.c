#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_MIN = 4096 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t cap; /* whole units of alignment */
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

/* All of it is free. */
static void set_current(struct arena *a, struct arena_chunk *c)
{
    a->current = c;
    a->at = c ? c->data : NULL;
    a->end = c ? c->data + c->cap : NULL;
}

void arena_fini(struct arena *a)
{
    free_from(a, a->first);
    a->first = NULL;
    set_current(a, NULL);
}

void arena_reset(struct arena *a, size_t keep)
{
    size_t kept = 0;
    struct arena_chunk **link = &a->first;
    while (a->held > keep && *link && kept + (*link)->cap <= keep) {
        kept += (*link)->cap;
        link = &(*link)->next;
    }
    if (a->held > keep) {
        free_from(a, *link);
        *link = NULL;
    }
    set_current(a, a->first);
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
    struct arena_chunk **link = a->current ? &a->current->next : &a->first;
    c->next = *link;
    *link = c;
    a->held += cap;
    return c;
}

void *arena_alloc_more(struct arena *a, size_t n)
{
    const size_t align = alignof(max_align_t);
    struct arena_chunk *c = NULL;
    if (n <= SIZE_MAX - align && a->held <= a->limit)
        c = next_chunk(a, (n + align - 1) & ~(align - 1));
    if (!c) {
        a->has_failed = true;
        return NULL;
    }
    set_current(a, c);
    a->at += (n + align - 1) & ~(align - 1);
    return c->data;
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
