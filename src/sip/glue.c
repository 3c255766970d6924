#include "sip/glue.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* The library's headers need these two before them. */
#include <sys/time.h>
#include <time.h>
#include <osipparser2/osip_parser.h>
#include <osipparser2/osip_port.h>

#include "base/arena.h"
#include "base/err.h"

/* In front of everything the library holds: it may free after glue_leave what it took before, and
 * the other way round. */
struct block {
    alignas(max_align_t) size_t n;
    bool is_in_arena;
};

static _Thread_local struct arena *current;

static struct block *block_of(void *p)
{
    return (struct block *)p - 1;
}

static void *take(size_t n)
{
    if (n > SIZE_MAX - sizeof(struct block))
        return NULL;
    struct block *b = current ? arena_alloc(current, sizeof *b + n) : malloc(sizeof *b + n);
    if (!b)
        return NULL;
    b->n = n;
    b->is_in_arena = current != NULL;
    return b + 1;
}

static void give_back(void *p)
{
    if (p && !block_of(p)->is_in_arena)
        free(block_of(p));
}

static void *retake(void *p, size_t n)
{
    void *q = take(n);
    if (p && q) {
        size_t old = block_of(p)->n;
        memcpy(q, p, old < n ? old : n);
        give_back(p);
    }
    return q;
}

static void keep_quiet(const char *file, int line, osip_trace_level_t level, const char *format,
                       va_list ap)
{
    (void)file;
    (void)line;
    (void)level;
    (void)format;
    (void)ap;
}

void glue_init(void)
{
    static bool is_done;
    if (is_done)
        return;
    is_done = true;
    osip_set_allocators(take, retake, give_back);
    /* Without a function it writes errors to standard output, whatever the levels are. */
    osip_trace_initialize_func(TRACE_LEVEL0, keep_quiet);
    int err = parser_init();
    BUG_ON(err);
}

void glue_enter(struct arena *a)
{
    BUG_ON(current);
    current = a;
}

void glue_leave(void)
{
    BUG_ON(!current);
    current = NULL;
}
