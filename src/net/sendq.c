#include "net/sendq.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

enum { BLOCK_LEN = 4096, POOL_MAX = 1024 };

struct sendq_block {
    struct sendq_block *next;
    uint32_t from, to; /* what is still to be sent */
    char bytes[BLOCK_LEN];
};

/* ---------------------------------------------------------------- blocks */

void sendq_pool_init(struct sendq_pool *pool)
{
    *pool = (struct sendq_pool){0};
}

static struct sendq_block *take_block(struct sendq_pool *pool)
{
    struct sendq_block *b = pool->blocks;
    if (b) {
        pool->blocks = b->next;
        pool->n--;
    } else {
        b = malloc(sizeof *b);
    }
    if (!b)
        return NULL;
    b->next = NULL;
    b->from = b->to = 0;
    return b;
}

static void give_block(struct sendq_pool *pool, struct sendq_block *b)
{
    if (pool->n >= POOL_MAX) {
        free(b);
        return;
    }
    b->next = pool->blocks;
    pool->blocks = b;
    pool->n++;
}

void sendq_pool_fini(struct sendq_pool *pool)
{
    while (pool->n)
        free(take_block(pool));
}

/* ---------------------------------------------------------------- queues */

void sendq_init(struct sendq *q)
{
    *q = (struct sendq){0};
}

/* Blocks for so many bytes, one at least; NULL: no memory. */
static struct sendq_block *take_blocks(struct sendq_pool *pool, size_t len)
{
    struct sendq_block *chain = NULL;
    do {
        struct sendq_block *b = take_block(pool);
        if (!b)
            break;
        b->next = chain;
        chain = b;
        len -= len < BLOCK_LEN ? len : BLOCK_LEN;
    } while (len);
    if (!len)
        return chain;
    while (chain) {
        struct sendq_block *next = chain->next;
        give_block(pool, chain);
        chain = next;
    }
    return NULL;
}

static size_t room_in(const struct sendq_block *b)
{
    return b ? BLOCK_LEN - b->to : 0;
}

static struct str fill(struct sendq_block *b, struct str bytes)
{
    size_t room = room_in(b);
    size_t n = bytes.n < room ? bytes.n : room;
    memcpy(b->bytes + b->to, bytes.p, n);
    b->to += (uint32_t)n;
    return str_skip(bytes, n);
}

static void append(struct sendq *q, struct sendq_block *b)
{
    if (q->last)
        q->last->next = b;
    else
        q->first = b;
    q->last = b;
}

int sendq_add(struct sendq *q, struct sendq_pool *pool, struct str bytes, size_t max)
{
    struct sendq_block *more = NULL;
    size_t room = room_in(q->last);
    if (bytes.n > max || q->len > max - bytes.n)
        return ERR_FULL;
    if (bytes.n > room) {
        more = take_blocks(pool, bytes.n - room);
        if (!more)
            return ERR_NOMEM;
    }
    q->len += bytes.n;
    if (q->last)
        bytes = fill(q->last, bytes);
    while (more) {
        struct sendq_block *b = more;
        more = b->next;
        b->next = NULL;
        bytes = fill(b, bytes);
        append(q, b);
    }
    return 0;
}

int sendq_parts(const struct sendq *q, struct iovec *parts, int n)
{
    int i = 0;
    for (struct sendq_block *b = q->first; b && i < n; b = b->next)
        parts[i++] = (struct iovec){b->bytes + b->from, b->to - b->from};
    return i;
}

void sendq_take(struct sendq *q, struct sendq_pool *pool, size_t n)
{
    BUG_ON(n > q->len);
    q->len -= n;
    while (q->first && n >= q->first->to - q->first->from) {
        struct sendq_block *b = q->first;
        n -= b->to - b->from;
        q->first = b->next;
        give_block(pool, b);
    }
    if (q->first)
        q->first->from += (uint32_t)n;
    else
        q->last = NULL;
}

void sendq_clear(struct sendq *q, struct sendq_pool *pool)
{
    sendq_take(q, pool, q->len);
}
