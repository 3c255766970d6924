/* The records in LMDB: one entry an AoR, and an index from an upstream registration's id to its
 * AoR. Times are stored in the store's own clock (lease.h) and are service clock here. The store
 * thread writes; any thread reads with a reader of its own.
 *
 *     "aor"      canonical AoR -> record (codec.h)
 *     "upreg"    id, 8 bytes big-endian -> AoR
 *     "damaged"  AoR -> bytes that are no record, put aside at a start
 *     "meta"     "magic", "format" (decimal), "created" */
#ifndef BW_STORE_RECORDS_H
#define BW_STORE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "core/binding.h"
#include "store/codec.h"
#include "store/lmdb.h"

/* Of an AoR: LMDB's longest key. */
enum { RECORDS_AOR_MAX = 511 };

struct records_conf {
    const char *dir;
    size_t map_len; /* 0: 1 GiB */
    bool is_synced;
    bool is_readonly; /* beside the process that writes them */
    struct codec_names names;
};

struct records {
    struct lmdb *env;
    struct codec_names names;
    int64_t shift_s; /* lease_shift_s; set after opening */
    bool is_marked;  /* each change marks its AoR as not yet known to the cluster; set likewise */
    uint64_t mark;   /* of the last change */
};

/* Opens or makes them; errors as lmdb_open, and ERR_BADCONF for a newer format (logged,
 * untouched). ERR_ABSENT: to be read only, and empty. */
int records_open(const struct records_conf *conf, struct records *out);
void records_close(struct records *r);

/* A copy of the record in the arena. ERR_ABSENT, ERR_PARSE (damaged), ERR_TOOBIG (newer), ERR_IO,
 * ERR_NOMEM. */
int records_get(const struct records *r, struct lmdb_txn *t, struct arena *a, struct str aor,
                struct aor_record **out);

/* The same from an entry of records_scan: slices point into the value. */
int records_decode(const struct records *r, struct arena *a, struct str aor, struct str value,
                   struct aor_record **out);

/* The bytes to put, in the arena; ERR_NOMEM. */
int records_encode(const struct records *r, struct arena *a, const struct aor_record *record,
                   struct str *out);

/* Puts the bytes of `next` in the place of `now`; deletes them when next is empty. */
void records_put(struct records *r, struct lmdb_txn *t, const struct aor_record *now,
                 const struct aor_record *next, struct str bytes);

/* Moves an entry from "aor" to "damaged"; the arena is for a copy. ERR_NOMEM; else the transaction
 * tells. */
int records_put_aside(struct lmdb_txn *t, struct arena *a, struct str aor);

/* A copy of the AoR in the arena. ERR_ABSENT, ERR_IO, ERR_NOMEM. */
int records_find_upreg(struct lmdb_txn *t, struct arena *a, uint64_t id, struct str *aor);

/* A copy of the AoR behind `after` in the arena. ERR_ABSENT, ERR_IO, ERR_NOMEM. */
int records_next(struct lmdb_txn *t, struct arena *a, struct str after, struct str *aor);

/* ---- AoRs whose change others have to hear of yet; they are marked in the change's own
 * transaction. A mark is a number that no earlier change of the AoR has. */

/* By records_put, if is_marked. */
struct records_mark {
    struct str aor;
    uint64_t mark;
};

/* Up to `max` of them in the arena, in the order of their bytes. ERR_IO, ERR_NOMEM. */
int records_marked(struct lmdb_txn *t, struct arena *a, size_t max, struct records_mark *out,
                   size_t *n);

/* Others have heard of it, unless it has been changed since. */
void records_unmark(struct lmdb_txn *t, const struct records_mark *m);

/* As if all of them had changed. */
void records_mark_all(struct records *r, struct lmdb_txn *t);

/* How many there are. */
size_t records_count_marked(struct lmdb_txn *t);

/* A note of the cluster's, kept with the records; none: there is none. An absent value deletes. */
struct str records_note(struct lmdb_txn *t, struct str name);
void records_put_note(struct lmdb_txn *t, struct str name, struct str value);

/* All records, marks and notes of the cluster go. */
void records_clear(struct lmdb_txn *t);

size_t records_count(struct lmdb_txn *t);
int records_scan(struct lmdb_txn *t, lmdb_scan_fn *fn, void *arg);

#endif
