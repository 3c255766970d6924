#include "net/inbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/stats.h"
#include "net/loop.h"

/* What one wake-up handles at most: sockets and timers have their turn between. */
enum { BATCH = 256 };

/* Senders pile nodes up; the owner takes the whole pile at once and turns it round. Nobody ever
 * takes a single node from the pile, so no node can come back under a sender's compare. */
struct inbox {
    _Atomic(struct inbox_node *) pile; /* newest first */
    _Atomic size_t load;               /* of the posts that wait */
    struct inbox_node *queue;          /* the owner's: oldest first */
    size_t max;
    void *arg;
    struct loop_wake *wake;
};

struct parcel {
    struct inbox_post post;
    inbox_fn *fn;
    struct inbox *box;
    _Alignas(max_align_t) char bytes[]; /* head, then tail */
};

void inbox_push(struct inbox *box, struct inbox_node *node)
{
    struct inbox_node *top = atomic_load_explicit(&box->pile, memory_order_relaxed);
    do
        atomic_store_explicit(&node->next, top, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&box->pile, &top, node, memory_order_release,
                                                  memory_order_relaxed));
    if (!top) /* whoever found it empty wakes the owner for all who follow */
        loop_wake_send(box->wake);
}

/* What a post counts for. */
static size_t load_of(struct str tail)
{
    return 1 + tail.n / 1024;
}

static void on_parcel(struct inbox_node *node, void *box_arg)
{
    struct parcel *p = container_of(node, struct parcel, post.node);
    atomic_fetch_sub_explicit(&p->box->load, load_of(p->post.tail), memory_order_relaxed);
    p->fn(node, box_arg);
    free(p);
}

static struct parcel *parcel_new(const void *head, size_t head_len, struct str tail)
{
    size_t size;
    if (__builtin_add_overflow(sizeof(struct parcel), head_len, &size) ||
        __builtin_add_overflow(size, tail.n, &size))
        return NULL;
    struct parcel *p = malloc(size);
    if (!p)
        return NULL;
    p->post.head = p->bytes;
    if (head_len)
        memcpy(p->bytes, head, head_len);
    p->post.tail = STR_NONE;
    if (tail.p) {
        p->post.tail = (struct str){p->bytes + head_len, tail.n};
        memcpy(p->bytes + head_len, tail.p, tail.n);
    }
    return p;
}

int inbox_post(struct inbox *box, inbox_fn *fn, const void *head, size_t head_len, struct str tail)
{
    int err = ERR_FULL;
    if (atomic_fetch_add_explicit(&box->load, load_of(tail), memory_order_relaxed) >= box->max) {
        stats_inc(STAT_INBOX_FULL);
        goto fail;
    }
    err = ERR_NOMEM;
    struct parcel *p = parcel_new(head, head_len, tail);
    if (!p)
        goto fail;
    p->post.node.fn = on_parcel;
    p->fn = fn;
    p->box = box;
    inbox_push(box, &p->post.node);
    return 0;
fail:
    atomic_fetch_sub_explicit(&box->load, load_of(tail), memory_order_relaxed);
    return err;
}

/* Only when the queue is empty: what lies there is older. */
static void take_pile(struct inbox *box)
{
    struct inbox_node *node = atomic_exchange_explicit(&box->pile, NULL, memory_order_acquire);
    while (node) {
        struct inbox_node *older = atomic_load_explicit(&node->next, memory_order_relaxed);
        atomic_store_explicit(&node->next, box->queue, memory_order_relaxed);
        box->queue = node;
        node = older;
    }
}

/* False: there was nothing. */
static bool handle_one(struct inbox *box)
{
    if (!box->queue)
        take_pile(box);
    struct inbox_node *node = box->queue;
    if (!node)
        return false;
    box->queue = atomic_load_explicit(&node->next, memory_order_relaxed);
    node->fn(node, box->arg);
    return true;
}

static void on_wake(void *arg)
{
    struct inbox *box = arg;
    for (int i = 0; i < BATCH; i++)
        if (!handle_one(box))
            return;
    loop_wake_send(box->wake);
}

int inbox_new(struct loop *owner, size_t max, void *box_arg, struct inbox **out)
{
    struct inbox *box = calloc(1, sizeof *box);
    if (!box)
        return ERR_NOMEM;
    box->max = max;
    box->arg = box_arg;
    int err = loop_wake_new(owner, on_wake, box, &box->wake);
    if (err) {
        free(box);
        return err;
    }
    *out = box;
    return 0;
}

void inbox_free(struct inbox *box)
{
    if (!box)
        return;
    while (handle_one(box))
        ;
    loop_wake_free(box->wake);
    free(box);
}
