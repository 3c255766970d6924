/* Numbers of the cluster's that lie with the records, by name; 0: there is none. In the caller's
 * transaction. */
#ifndef BW_STORE_NOTES_H
#define BW_STORE_NOTES_H

#include <stdbool.h>
#include <stdint.h>

#include "store/records.h"

void notes_put(struct lmdb_txn *t, struct str name, uint64_t v);
uint64_t notes_get(struct lmdb_txn *t, struct str name);

/* Up to where the rows of one node were taken. */
void notes_put_position(struct lmdb_txn *t, int origin, uint64_t n);
uint64_t notes_position(struct lmdb_txn *t, int origin);

/* Which generation of the database the records are of, and in which epoch of its ownership this
 * node leads, or has led last. */
void notes_put_generation(struct lmdb_txn *t, uint64_t generation);
uint64_t notes_generation(struct lmdb_txn *t);
void notes_lead(struct lmdb_txn *t, uint64_t generation, uint64_t own_epoch);
uint64_t notes_led(struct lmdb_txn *t);

/* All rows were read once since the records were cleared, so they are a copy that can be used. */
void notes_put_whole(struct lmdb_txn *t);
bool notes_is_whole(struct lmdb_txn *t);

/* The records were opened to be changed without marks since it led; notes_lead ends that. */
void notes_alone(struct lmdb_txn *t);
bool notes_was_alone(struct lmdb_txn *t);

#endif
