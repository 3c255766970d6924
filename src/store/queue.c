#include "store/queue.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/stats.h"

struct queue {
    pthread_mutex_t lock;
    struct update *first, **last;
    size_t n, max;
    bool is_stopped;
    int wake; /* readable: something was added to an empty queue, or it was stopped */
};

int queue_new(size_t max, struct queue **out)
{
    struct queue *q = calloc(1, sizeof *q);
    if (!q)
        return ERR_NOMEM;
    q->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (q->wake < 0) {
        free(q);
        return ERR_IO;
    }
    (void)pthread_mutex_init(&q->lock, NULL);
    q->last = &q->first;
    q->max = max;
    *out = q;
    return 0;
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    for (struct update *u; (u = queue_take(q));)
        update_free(u);
    (void)pthread_mutex_destroy(&q->lock);
    (void)close(q->wake);
    free(q);
}

static void wake(struct queue *q)
{
    uint64_t one = 1;
    ssize_t n = write(q->wake, &one, sizeof one);
    (void)n; /* a counter that is full is readable, too */
}

int queue_add(struct queue *q, struct update *u)
{
    (void)pthread_mutex_lock(&q->lock);
    size_t max = u->request.is_background ? q->max / 2 : q->max;
    bool has_room = q->n < max && !q->is_stopped;
    bool was_empty = !q->first;
    if (has_room) {
        u->next = NULL;
        *q->last = u;
        q->last = &u->next;
        q->n++;
    }
    (void)pthread_mutex_unlock(&q->lock);
    if (!has_room) {
        stats_inc(STAT_STORE_QUEUE_FULL);
        return ERR_FULL;
    }
    if (was_empty)
        wake(q);
    return 0;
}

struct update *queue_take(struct queue *q)
{
    (void)pthread_mutex_lock(&q->lock);
    struct update *u = q->first;
    if (u) {
        q->first = u->next;
        q->n--;
    }
    if (!q->first)
        q->last = &q->first;
    (void)pthread_mutex_unlock(&q->lock);
    return u;
}

void queue_wait(struct queue *q, uint32_t max_ms)
{
    struct pollfd fd = {.fd = q->wake, .events = POLLIN};
    uint64_t n;
    if (poll(&fd, 1, (int)max_ms) > 0 && read(q->wake, &n, sizeof n) < 0)
        return; /* somebody was faster: then there is nothing to take */
}

void queue_stop(struct queue *q)
{
    (void)pthread_mutex_lock(&q->lock);
    q->is_stopped = true;
    (void)pthread_mutex_unlock(&q->lock);
    wake(q);
}

bool queue_is_over(struct queue *q)
{
    (void)pthread_mutex_lock(&q->lock);
    bool is_over = q->is_stopped && !q->first;
    (void)pthread_mutex_unlock(&q->lock);
    return is_over;
}
