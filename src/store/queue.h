/* Updates on their way to the writer: bounded, and the last half is kept for what a phone waits
 * for. Any thread adds, the store thread takes. */
#ifndef BW_STORE_QUEUE_H
#define BW_STORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/update.h"

struct queue;

/* max: updates that may wait. ERR_NOMEM, ERR_IO. */
int queue_new(size_t max, struct queue **out);

/* Frees what still waits, unheard. NULL is legal. */
void queue_free(struct queue *q);

/* Takes the update over. ERR_FULL: no room (for a background one: in its half), or stopped. */
int queue_add(struct queue *q, struct update *u);

/* The oldest, or NULL. */
struct update *queue_take(struct queue *q);

/* Waits until there is something to take, or it is stopped; at most that long. */
void queue_wait(struct queue *q, uint32_t max_ms);

/* From now on nothing is added. */
void queue_stop(struct queue *q);

/* Stopped and empty. */
bool queue_is_over(struct queue *q);

#endif
