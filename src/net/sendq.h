/* What a connection has still to send, in blocks of a pool that many connections share: one that
 * is idle holds none. A data structure without I/O; one thread at a time. */
#ifndef BW_NET_SENDQ_H
#define BW_NET_SENDQ_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/str.h"

struct sendq_block;

/* Blocks that are free, for the next who needs one. */
struct sendq_pool {
    struct sendq_block *blocks;
    size_t n;
};

void sendq_pool_init(struct sendq_pool *pool);
void sendq_pool_fini(struct sendq_pool *pool);

struct sendq {
    struct sendq_block *first, *last; /* oldest first */
    size_t len;                       /* bytes in all of them */
};

void sendq_init(struct sendq *q);

/* Copies all the bytes or none. max: bytes that may wait. ERR_FULL, ERR_NOMEM. */
int sendq_add(struct sendq *q, struct sendq_pool *pool, struct str bytes, size_t max);

/* The front of the queue as at most n parts for writev; how many there are. */
int sendq_parts(const struct sendq *q, struct iovec *parts, int n);

/* The first n bytes have been sent. */
void sendq_take(struct sendq *q, struct sendq_pool *pool, size_t n);

void sendq_clear(struct sendq *q, struct sendq_pool *pool);

#endif
