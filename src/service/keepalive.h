/* Keepalives to registered devices (RFC 5626 4.4, behaviour D82), and who does not answer them.
 * Each worker looks after the lines that it owns: an entry a line, with one timer. Nothing is kept
 * of a binding: its moment in the interval is a hash of its id, and the record says the rest when
 * the moment comes. After a start and a reload a walk over the records, so many in a turn, makes
 * the entries. The worker's thread. */
#ifndef BW_SERVICE_KEEPALIVE_H
#define BW_SERVICE_KEEPALIVE_H

#include "service/context.h"

struct keepalive;

int keepalive_new(struct context *c, struct keepalive **out);

/* Before the transactions go. NULL is legal. */
void keepalive_free(struct keepalive *k);

/* The configuration is another one; at the start, too. */
void keepalive_sync(struct keepalive *k);

/* A binding of the line was committed. No memory: no keepalives until the next such moment. */
void keepalive_note(struct keepalive *k, struct str aor);

/* The next moment after after_ms of a binding with that hash, once in each interval. */
uint64_t keepalive_next_ms(uint64_t hash, uint64_t interval_ms, uint64_t after_ms);

#endif
