/* LMDB with its sharp edges covered: transactions whose error sticks (do all, ask once at the end),
 * and a gate that keeps every reader of the process out while the map grows, because LMDB would
 * move it under them. One thread is the writer, and others may be its guests; a reader belongs to
 * one thread and gives its snapshot up at the end of each turn of its loop. */
#ifndef BW_STORE_LMDB_H
#define BW_STORE_LMDB_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct lmdb;
struct lmdb_reader;

struct lmdb_conf {
    const char *dir;       /* exists */
    size_t map_len;        /* to begin with; a larger one of the file wins */
    bool is_synced;        /* a commit is on the disk when it returns */
    bool is_readonly;      /* another process writes; it must exist, and lmdb_begin fails */
    const char *const *db; /* names of the databases; their indices name them below */
    size_t n_dbs;
    size_t n_later; /* the last ones, which a file of an earlier version has not: not to be used
                       before lmdb_make_later */
};

/* *is_new: it is empty, and the first transaction is to call lmdb_make. ERR_BADCONF: the file is
 * not LMDB's, or has other databases than these: logged, untouched. ERR_IO, ERR_NOMEM: logged. */
int lmdb_open(const struct lmdb_conf *conf, struct lmdb **out, bool *is_new);

/* Once the file is known to be of a version that may get them; the writer's thread. ERR_IO,
 * ERR_NOMEM: logged. */
int lmdb_make_later(struct lmdb *l);

void lmdb_close(struct lmdb *l); /* NULL is legal */

/* Puts on the disk what was committed without; any thread. ERR_IO: logged. */
int lmdb_sync(struct lmdb *l);

/* Frees the slots of readers that died: they pin pages. The number. */
int lmdb_check_readers(struct lmdb *l);

/* Doubles the map, when no reader is inside; the writer, outside of a transaction. Waits for the
 * readers: so not on a thread that has one open. ERR_IO: logged. */
int lmdb_grow(struct lmdb *l);

/* ---- transactions */

struct lmdb_txn {
    struct lmdb *env;
    void *txn;
    bool is_guest;
    int code; /* LMDB's, the first that was not success; then nothing more is done */
};

/* The writer's. */
void lmdb_begin(struct lmdb *l, struct lmdb_txn *t);

/* The same for another thread than the writer, which does not grow the map: ERR_FULL is for later.
 * Keeps the map from growing until it ends by lmdb_commit or lmdb_abort. */
void lmdb_begin_guest(struct lmdb *l, struct lmdb_txn *t);

/* Makes the databases, in the first transaction. */
void lmdb_make(struct lmdb_txn *t);

/* 0; ERR_FULL: lmdb_grow, then all of it again; ERR_IO: t->code says why. Nothing is changed
 * unless 0. */
int lmdb_commit(struct lmdb_txn *t);
void lmdb_abort(struct lmdb_txn *t);

/* What the sticky error is to the caller: 0, ERR_FULL, ERR_IO. */
int lmdb_err(const struct lmdb_txn *t);
const char *lmdb_text(int code);

/* False: absent, or an error. The value lies in the map until the transaction ends. */
bool lmdb_get(struct lmdb_txn *t, unsigned db, struct str key, struct str *value);
void lmdb_put(struct lmdb_txn *t, unsigned db, struct str key, struct str value);
void lmdb_del(struct lmdb_txn *t, unsigned db, struct str key); /* absent is fine */
void lmdb_clear(struct lmdb_txn *t, unsigned db);
size_t lmdb_count(struct lmdb_txn *t, unsigned db);

/* The first key behind one, which need not be there; none or empty: the first of all. False: there
 * is no other, or an error. It lies in the map until the transaction ends. */
bool lmdb_next(struct lmdb_txn *t, unsigned db, struct str after, struct str *key);

/* Each entry in the order of keys, until fn returns other than 0, which is returned. */
typedef int lmdb_scan_fn(struct str key, struct str value, void *arg);
int lmdb_scan(struct lmdb_txn *t, unsigned db, lmdb_scan_fn *fn, void *arg);

/* ---- readers */

int lmdb_reader_new(struct lmdb *l, struct lmdb_reader **out);
void lmdb_reader_free(struct lmdb_reader *r); /* NULL is legal */

/* The snapshot: taken at the first call, kept until lmdb_reader_end. Never NULL; its code may be
 * set. */
struct lmdb_txn *lmdb_reader_begin(struct lmdb_reader *r);
void lmdb_reader_end(struct lmdb_reader *r);

#endif
