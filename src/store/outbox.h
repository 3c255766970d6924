/* What the cluster's database has to hear of yet: reads the marks of a running store, writes the
 * records behind them, and takes the marks away that nothing has overtaken meanwhile. So what a
 * killed process had not written is written by the next one. The cluster's thread. */
#ifndef BW_STORE_OUTBOX_H
#define BW_STORE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/clusterdb.h"

struct outbox;
struct store;

int outbox_new(struct outbox **out); /* ERR_NOMEM */
void outbox_free(struct outbox *o);  /* NULL is legal; before the store is closed */

/* The store is this one from now on. ERR_NOMEM. */
int outbox_open(struct outbox *o, struct store *s);
bool outbox_is_open(const struct outbox *o);

/* The number of the last row that the database has of this node: the next ones are above. */
void outbox_set_n(struct outbox *o, uint64_t last_n);

/* The oldest marks, as many as one transaction takes. *n_left: how many there are then. ERR_GONE,
 * ERR_IO, ERR_NOMEM, ERR_FULL: none was taken away. */
int outbox_write(struct outbox *o, struct pg *p, const struct clusterdb_member *m,
                 uint64_t own_epoch, size_t *n_left);

/* The database has lost what it had: all is marked, and the note of who leads is of this epoch. */
int outbox_begin_anew(struct outbox *o, uint64_t generation, uint64_t own_epoch);

#endif
