#include "store/lmdb.h"

#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"

/* Ours and those of tools that look into the store. */
enum { READERS_MAX = 512 };

struct lmdb {
    MDB_env *env;
    MDB_dbi *dbi;
    const char *const *db;
    size_t n_dbs, n_later;
    const char *dir;
    pthread_rwlock_t gate; /* read: a snapshot is open; write: the map grows */
};

struct lmdb_reader {
    struct lmdb_txn t;
    bool is_inside;
};

const char *lmdb_text(int code)
{
    return mdb_strerror(code);
}

static int fail(const struct lmdb *l, const char *what, int code)
{
    log_error("store: %s: %s: %s", l->dir, what, mdb_strerror(code));
    return code == ENOMEM ? ERR_NOMEM : ERR_IO;
}

/* ---- opening */

static int open_env(const struct lmdb_conf *conf, struct lmdb *l)
{
    unsigned flags = MDB_NOTLS | (conf->is_synced ? 0 : MDB_NOSYNC);
    flags |= conf->is_readonly ? MDB_RDONLY : 0;
    int code = mdb_env_create(&l->env);
    if (code)
        return fail(l, "cannot start", code);
    code = mdb_env_set_maxdbs(l->env, (MDB_dbi)conf->n_dbs);
    if (!code)
        code = mdb_env_set_maxreaders(l->env, READERS_MAX);
    if (!code)
        code = mdb_env_set_mapsize(l->env, conf->map_len);
    if (!code)
        code = mdb_env_open(l->env, conf->dir, flags, 0600);
    if (code == MDB_INVALID || code == MDB_VERSION_MISMATCH || code == MDB_CORRUPTED) {
        log_error("store: %s/data.mdb is damaged or none of ours (%s): move it away, or set "
                  "another state-dir",
                  conf->dir, mdb_strerror(code));
        return ERR_BADCONF;
    }
    return code ? fail(l, "cannot open the database", code) : 0;
}

static int foreign(const struct lmdb *l)
{
    log_error("store: %s/data.mdb belongs to another program: move it away, or set another "
              "state-dir",
              l->dir);
    return ERR_BADCONF;
}

static int open_dbs(struct lmdb *l, MDB_txn *txn, unsigned flags)
{
    for (size_t i = 0; i < l->n_dbs; i++) {
        int code = mdb_dbi_open(txn, l->db[i], flags, &l->dbi[i]);
        if (code && (code != MDB_NOTFOUND || i < l->n_dbs - l->n_later))
            return code;
    }
    return 0;
}

/* A commit without a change writes nothing. */
int lmdb_make_later(struct lmdb *l)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(l->env, NULL, 0, &txn);
    if (code)
        return fail(l, "cannot write", code);
    code = open_dbs(l, txn, MDB_CREATE);
    if (code)
        mdb_txn_abort(txn);
    else
        code = mdb_txn_commit(txn);
    return code ? fail(l, "cannot make the databases", code) : 0;
}

static bool is_empty(MDB_txn *txn)
{
    MDB_dbi names;
    MDB_stat st;
    return mdb_dbi_open(txn, NULL, 0, &names) == 0 && mdb_stat(txn, names, &st) == 0 &&
           st.ms_entries == 0;
}

/* Looks only: a foreign file is left as it is. */
static int look(struct lmdb *l, bool *is_new)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(l->env, NULL, MDB_RDONLY, &txn);
    if (code)
        return fail(l, "cannot read", code);
    *is_new = is_empty(txn);
    if (!*is_new)
        code = open_dbs(l, txn, 0);
    if (code) {
        mdb_txn_abort(txn);
        return code == MDB_NOTFOUND || code == MDB_INCOMPATIBLE ? foreign(l)
                                                                : fail(l, "cannot read", code);
    }
    code = mdb_txn_commit(txn); /* keeps the databases open */
    return code ? fail(l, "cannot read", code) : 0;
}

/* Writers first: else a steady stream of readers would keep the gate open for ever. */
static int make_gate(struct lmdb *l)
{
    pthread_rwlockattr_t attr;
    if (pthread_rwlockattr_init(&attr))
        return ERR_NOMEM;
    (void)pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    int err = pthread_rwlock_init(&l->gate, &attr) ? ERR_NOMEM : 0;
    (void)pthread_rwlockattr_destroy(&attr);
    return err;
}

int lmdb_open(const struct lmdb_conf *conf, struct lmdb **out, bool *is_new)
{
    struct lmdb *l = calloc(1, sizeof *l);
    if (!l)
        return ERR_NOMEM;
    l->db = conf->db;
    l->n_dbs = conf->n_dbs;
    l->n_later = conf->n_later;
    l->dir = conf->dir;
    int err = ERR_NOMEM;
    l->dbi = calloc(conf->n_dbs, sizeof *l->dbi);
    if (!l->dbi || make_gate(l)) {
        free(l->dbi);
        free(l);
        return err;
    }
    err = open_env(conf, l);
    if (!err)
        err = look(l, is_new);
    if (err) {
        lmdb_close(l);
        return err;
    }
    *out = l;
    return 0;
}

void lmdb_close(struct lmdb *l)
{
    if (!l)
        return;
    if (l->env)
        mdb_env_close(l->env);
    (void)pthread_rwlock_destroy(&l->gate);
    free(l->dbi);
    free(l);
}

int lmdb_sync(struct lmdb *l)
{
    int code = mdb_env_sync(l->env, 1);
    return code ? fail(l, "cannot sync", code) : 0;
}

int lmdb_check_readers(struct lmdb *l)
{
    int n_dead = 0;
    return mdb_reader_check(l->env, &n_dead) ? 0 : n_dead;
}

int lmdb_grow(struct lmdb *l)
{
    MDB_envinfo info;
    (void)pthread_rwlock_wrlock(&l->gate);
    int code = mdb_env_info(l->env, &info);
    if (!code)
        code = mdb_env_set_mapsize(l->env, info.me_mapsize * 2);
    (void)pthread_rwlock_unlock(&l->gate);
    if (code)
        return fail(l, "cannot grow the map", code);
    stats_inc(STAT_STORE_MAP_GROWN);
    log_info("store: %s: the map is now %zu MiB", l->dir, info.me_mapsize / 512 / 1024);
    return 0;
}

/* ---- transactions */

void lmdb_begin(struct lmdb *l, struct lmdb_txn *t)
{
    MDB_txn *txn = NULL;
    *t = (struct lmdb_txn){.env = l};
    t->code = mdb_txn_begin(l->env, NULL, 0, &txn);
    t->txn = txn;
}

void lmdb_begin_guest(struct lmdb *l, struct lmdb_txn *t)
{
    (void)pthread_rwlock_rdlock(&l->gate);
    lmdb_begin(l, t);
    t->is_guest = true;
}

static void leave_gate(struct lmdb_txn *t)
{
    if (t->is_guest)
        (void)pthread_rwlock_unlock(&t->env->gate);
    t->is_guest = false;
}

void lmdb_make(struct lmdb_txn *t)
{
    if (!t->code)
        t->code = open_dbs(t->env, t->txn, MDB_CREATE);
}

int lmdb_err(const struct lmdb_txn *t)
{
    if (!t->code)
        return 0;
    return t->code == MDB_MAP_FULL ? ERR_FULL : ERR_IO;
}

int lmdb_commit(struct lmdb_txn *t)
{
    if (t->code) {
        lmdb_abort(t);
        return lmdb_err(t);
    }
    t->code = mdb_txn_commit(t->txn);
    t->txn = NULL;
    leave_gate(t);
    return lmdb_err(t);
}

void lmdb_abort(struct lmdb_txn *t)
{
    if (t->txn)
        mdb_txn_abort(t->txn);
    t->txn = NULL;
    leave_gate(t);
}

static MDB_val val_of(struct str s)
{
    return (MDB_val){.mv_size = s.n, .mv_data = (void *)(uintptr_t)s.p};
}

static struct str str_of_val(MDB_val v)
{
    return (struct str){v.mv_data, v.mv_size};
}

bool lmdb_get(struct lmdb_txn *t, unsigned db, struct str key, struct str *value)
{
    MDB_val k = val_of(key), v;
    if (t->code)
        return false;
    int code = mdb_get(t->txn, t->env->dbi[db], &k, &v);
    if (code && code != MDB_NOTFOUND)
        t->code = code;
    if (code)
        return false;
    *value = str_of_val(v);
    return true;
}

void lmdb_put(struct lmdb_txn *t, unsigned db, struct str key, struct str value)
{
    MDB_val k = val_of(key), v = val_of(value);
    if (!t->code)
        t->code = mdb_put(t->txn, t->env->dbi[db], &k, &v, 0);
}

void lmdb_del(struct lmdb_txn *t, unsigned db, struct str key)
{
    MDB_val k = val_of(key);
    int code = t->code ? 0 : mdb_del(t->txn, t->env->dbi[db], &k, NULL);
    if (code && code != MDB_NOTFOUND)
        t->code = code;
}

void lmdb_clear(struct lmdb_txn *t, unsigned db)
{
    if (!t->code)
        t->code = mdb_drop(t->txn, t->env->dbi[db], 0);
}

size_t lmdb_count(struct lmdb_txn *t, unsigned db)
{
    MDB_stat st;
    if (!t->code)
        t->code = mdb_stat(t->txn, t->env->dbi[db], &st);
    return t->code ? 0 : st.ms_entries;
}

bool lmdb_next(struct lmdb_txn *t, unsigned db, struct str after, struct str *key)
{
    MDB_cursor *cursor;
    MDB_val k = val_of(after), v;
    if (!t->code)
        t->code = mdb_cursor_open(t->txn, t->env->dbi[db], &cursor);
    if (t->code)
        return false;
    int code = mdb_cursor_get(cursor, &k, &v, after.n ? MDB_SET_RANGE : MDB_FIRST);
    if (!code && after.n && str_eq(str_of_val(k), after))
        code = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    mdb_cursor_close(cursor);
    if (code && code != MDB_NOTFOUND)
        t->code = code;
    *key = code ? STR_NONE : str_of_val(k);
    return !code;
}

int lmdb_scan(struct lmdb_txn *t, unsigned db, lmdb_scan_fn *fn, void *arg)
{
    MDB_cursor *cursor;
    MDB_val k, v;
    if (!t->code)
        t->code = mdb_cursor_open(t->txn, t->env->dbi[db], &cursor);
    if (t->code)
        return lmdb_err(t);
    int result = 0, code = mdb_cursor_get(cursor, &k, &v, MDB_FIRST);
    while (!code && !result) {
        result = fn(str_of_val(k), str_of_val(v), arg);
        code = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (code && code != MDB_NOTFOUND)
        t->code = code;
    return result ? result : lmdb_err(t);
}

/* ---- readers */

int lmdb_reader_new(struct lmdb *l, struct lmdb_reader **out)
{
    struct lmdb_reader *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    r->t.env = l;
    *out = r;
    return 0;
}

void lmdb_reader_free(struct lmdb_reader *r)
{
    if (!r)
        return;
    lmdb_reader_end(r);
    lmdb_abort(&r->t);
    free(r);
}

struct lmdb_txn *lmdb_reader_begin(struct lmdb_reader *r)
{
    if (r->is_inside)
        return &r->t;
    (void)pthread_rwlock_rdlock(&r->t.env->gate);
    r->is_inside = true;
    if (r->t.txn) {
        r->t.code = mdb_txn_renew(r->t.txn);
        return &r->t;
    }
    MDB_txn *txn = NULL;
    r->t.code = mdb_txn_begin(r->t.env->env, NULL, MDB_RDONLY, &txn);
    r->t.txn = txn;
    return &r->t;
}

void lmdb_reader_end(struct lmdb_reader *r)
{
    if (!r->is_inside)
        return;
    if (r->t.txn && r->t.code)
        lmdb_abort(&r->t); /* the next one begins anew */
    else if (r->t.txn)
        mdb_txn_reset(r->t.txn);
    r->is_inside = false;
    (void)pthread_rwlock_unlock(&r->t.env->gate);
}
