/* Messages from any thread to the one that owns a loop. Senders never block and take no lock; the
 * owner is woken once for a batch and handles it in order of arrival (per sender). A simulation
 * links another file with the same symbols. */
#ifndef BW_NET_INBOX_H
#define BW_NET_INBOX_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/str.h"

struct inbox;
struct inbox_node;
struct loop;

/* On the owner's thread; box_arg was given to inbox_new. A pushed node is the handler's to keep or
 * free; a posted one is freed when the handler returns. */
typedef void inbox_fn(struct inbox_node *node, void *box_arg);

struct inbox_node {
    _Atomic(struct inbox_node *) next;
    inbox_fn *fn;
};

/* What inbox_post delivers: the head as it was copied, and the bytes behind it. */
struct inbox_post {
    struct inbox_node node;
    void *head; /* aligned for any type */
    struct str tail;
};

/* max: posts that may wait; one counts once more for each KiB of its tail, so the memory is
 * bounded, too. 0 or ERR_NOMEM. */
int inbox_new(struct loop *owner, size_t max, void *box_arg, struct inbox **out);

/* No sender may be left. What still waits is handed to its handler first. NULL is legal. */
void inbox_free(struct inbox *box);

/* Any thread: delivers a node that the sender allocated with what it carries; cannot fail. */
void inbox_push(struct inbox *box, struct inbox_node *node);

/* Any thread: copies head and tail. ERR_FULL: max is reached already; ERR_NOMEM. */
int inbox_post(struct inbox *box, inbox_fn *fn, const void *head, size_t head_len, struct str tail);

#endif
