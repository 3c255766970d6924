#include "net/inbox.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/list.h"
#include "base/stats.h"
#include "net/loop.h"

/* One thread, so a plain queue. */
struct inbox {
    struct inbox_node *first, *last;
    size_t load, max;
    void *arg;
    struct loop_wake *wake;
};

/* Head and tail are allocated each by itself, so that a sanitizer sees who reads beyond them. */
struct parcel {
    struct inbox_post post;
    inbox_fn *fn;
    struct inbox *box;
    char *tail;
};

void inbox_push(struct inbox *box, struct inbox_node *node)
{
    atomic_store(&node->next, NULL);
    if (box->last)
        atomic_store(&box->last->next, node);
    else
        box->first = node;
    box->last = node;
    loop_wake_send(box->wake);
}

static void *copy_of(const void *bytes, size_t n)
{
    void *copy = malloc(n ? n : 1);
    if (copy && n)
        memcpy(copy, bytes, n);
    return copy;
}

static void free_parcel(struct parcel *p)
{
    free(p->post.head);
    free(p->tail);
    free(p);
}

static size_t load_of(struct str tail)
{
    return 1 + tail.n / 1024;
}

static void on_parcel(struct inbox_node *node, void *box_arg)
{
    struct parcel *p = container_of(node, struct parcel, post.node);
    p->box->load -= load_of(p->post.tail);
    p->fn(node, box_arg);
    free_parcel(p);
}

int inbox_post(struct inbox *box, inbox_fn *fn, const void *head, size_t head_len, struct str tail)
{
    if (box->load >= box->max) {
        stats_inc(STAT_INBOX_FULL);
        return ERR_FULL;
    }
    struct parcel *p = calloc(1, sizeof *p);
    if (!p)
        return ERR_NOMEM;
    p->post.head = copy_of(head, head_len);
    p->tail = copy_of(tail.p, tail.n);
    if (!p->post.head || !p->tail) {
        free_parcel(p);
        return ERR_NOMEM;
    }
    p->post.tail = (struct str){p->tail, tail.n};
    p->post.node.fn = on_parcel;
    p->fn = fn;
    p->box = box;
    box->load += load_of(tail);
    inbox_push(box, &p->post.node);
    return 0;
}

static bool handle_one(struct inbox *box)
{
    struct inbox_node *node = box->first;
    if (!node)
        return false;
    box->first = atomic_load(&node->next);
    if (!box->first)
        box->last = NULL;
    node->fn(node, box->arg);
    return true;
}

static void on_wake(void *arg)
{
    while (handle_one(arg))
        ;
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
