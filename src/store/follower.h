/* The records of a node that stands by: what the one that acts has written, put into LMDB as it
 * comes, in the order of its writing, with the position up to which each node's rows were taken in
 * the same transaction. While it is open no store is. Times are service clock, unshifted, and no
 * lease table goes with them: a store that is opened on them builds its leases as after a reboot
 * from which nothing but the records came.
 *
 * Notes lie with the records: which generation of the database they are of, and whether this node
 * has led, in which epoch of its ownership. The cluster's thread; follower_open may be another's
 * before it. */
#ifndef BW_STORE_FOLLOWER_H
#define BW_STORE_FOLLOWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/clusterdb.h"
#include "store/codec.h"

struct follower;

struct follower_conf {
    const char *state_dir, *runtime_dir;
    bool is_synced;
    struct codec_names names;
};

/* Takes state-dir's lock. ERR_IO, ERR_NOMEM, ERR_BADCONF: logged. */
int follower_open(const struct follower_conf *conf, struct follower **out);
void follower_close(struct follower *f); /* NULL is legal */

/* The records are those of the owner of that epoch, complete: it was this node, and stopped. */
bool follower_has_led(const struct follower *f, uint64_t generation, uint64_t own_epoch);

/* They were taken from that generation of the database, in order, up to positions that can be gone
 * on from. False: follower_reset is needed. */
bool follower_can_go_on(const struct follower *f, uint64_t generation,
                        const struct clusterdb_end *ends, size_t n);

/* There are records, and they are not of that generation: of a node that was alone, or that knew
 * another database. */
bool follower_is_foreign(const struct follower *f, uint64_t generation);

/* They were complete once: this node led, or had read all there was. */
bool follower_is_whole(const struct follower *f);

/* All was read. ERR_IO: logged. */
int follower_note_whole(struct follower *f);

/* All records go, leases too; reading begins anew. ERR_IO: logged. */
int follower_reset(struct follower *f, uint64_t generation, const struct clusterdb_end *ends,
                   size_t n);

uint64_t follower_position(const struct follower *f, int origin);

/* Rows of one node in their order; what is damaged is counted, logged and left out. ERR_IO,
 * ERR_TOOBIG (one is of a later version): nothing was taken. */
int follower_apply(struct follower *f, int origin, const struct pg *rows, size_t n);

struct follower_lead {
    uint64_t generation, own_epoch;
    bool is_first; /* the database has none of the records yet, or older ones */
};

/* From now on they are this node's to change. *n_marked: how many have to be written to the
 * database; all if is_first, and if they were changed without the cluster since it led. */
int follower_lead(struct follower *f, const struct follower_lead *lead, uint64_t *n_marked);

#endif
