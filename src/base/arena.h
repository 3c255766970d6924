/* Bump allocator with one lifetime: all that was allocated dies at the reset. The message path's
 * only allocator: a reset keeps the chunks for the next message, so a warm arena never calls
 * malloc. One thread at a time; the owner is whoever called arena_init. */
#ifndef BW_BASE_ARENA_H
#define BW_BASE_ARENA_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
    char *at, *end;            /* of what is free in the current chunk: whole units of alignment */
    struct arena_chunk *first; /* kept over a reset */
    struct arena_chunk *current; /* where the next allocation goes */
    size_t limit;                /* bytes, all chunks together */
    size_t held;                 /* bytes in chunks now */
    bool has_failed;             /* an allocation was refused since the last reset */
};

/* Nothing is allocated yet. limit: the most bytes that the chunks may take together. */
void arena_init(struct arena *a, size_t limit);

/* Frees everything; the arena may be used again. */
void arena_fini(struct arena *a);

/* Forgets every allocation. Keeps at most `keep` bytes of chunks for later use. */
void arena_reset(struct arena *a, size_t keep);

/* What arena_alloc does when the current chunk has no room. */
void *arena_alloc_more(struct arena *a, size_t n);

/* n bytes aligned for any type, not cleared; NULL when memory or the limit is exhausted, and then
 * has_failed stays set until the reset. n = 0 gives a valid pointer. */
static inline void *arena_alloc(struct arena *a, size_t n)
{
    const size_t align = alignof(max_align_t);
    if (!a->at || n > (size_t)(a->end - a->at))
        return arena_alloc_more(a, n);
    void *p = a->at;
    a->at += (n + align - 1) & ~(align - 1);
    return p;
}

/* The same, zeroed, for count objects of a size; NULL on overflow too. */
void *arena_calloc(struct arena *a, size_t count, size_t size);

#endif
