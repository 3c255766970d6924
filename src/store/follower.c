#include "store/follower.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "store/notes.h"
#include "store/records.h"
#include "store/store.h"

enum { SCRATCH_LIMIT = 64 << 20, SCRATCH_KEEP = 1 << 20 };

struct follower {
    int lock_fd;
    const char *state_dir, *runtime_dir;
    struct records records;
    struct lmdb_reader *reader;
    struct arena scratch;
};

/* ---------------------------------------------------------------- notes */

uint64_t follower_position(const struct follower *f, int origin)
{
    uint64_t n = notes_position(lmdb_reader_begin(f->reader), origin);
    lmdb_reader_end(f->reader);
    return n;
}

bool follower_has_led(const struct follower *f, uint64_t generation, uint64_t own_epoch)
{
    struct lmdb_txn *t = lmdb_reader_begin(f->reader);
    bool has_led = own_epoch && notes_generation(t) == generation && notes_led(t) == own_epoch;
    lmdb_reader_end(f->reader);
    return has_led;
}

bool follower_can_go_on(const struct follower *f, uint64_t generation,
                        const struct clusterdb_end *ends, size_t n)
{
    struct lmdb_txn *t = lmdb_reader_begin(f->reader);
    bool is_good = notes_generation(t) == generation && !notes_led(t);
    for (size_t i = 0; i < n && is_good; i++)
        is_good = notes_position(t, ends[i].origin) >= ends[i].purged;
    lmdb_reader_end(f->reader);
    return is_good;
}

bool follower_is_foreign(const struct follower *f, uint64_t generation)
{
    struct lmdb_txn *t = lmdb_reader_begin(f->reader);
    bool is_foreign = records_count(t) > 0 && notes_generation(t) != generation;
    lmdb_reader_end(f->reader);
    return is_foreign;
}

bool follower_is_whole(const struct follower *f)
{
    struct lmdb_txn *t = lmdb_reader_begin(f->reader);
    bool is_whole = notes_led(t) || notes_is_whole(t);
    lmdb_reader_end(f->reader);
    return is_whole;
}

/* ---------------------------------------------------------------- opening */

int follower_open(const struct follower_conf *conf, struct follower **out)
{
    struct follower *f = calloc(1, sizeof *f);
    if (!f)
        return ERR_NOMEM;
    f->lock_fd = -1;
    f->state_dir = conf->state_dir;
    f->runtime_dir = conf->runtime_dir;
    arena_init(&f->scratch, SCRATCH_LIMIT);
    int err = store_lock(conf->state_dir, &f->lock_fd);
    if (!err)
        err = records_open(&(struct records_conf){.dir = conf->state_dir,
                                                  .is_synced = conf->is_synced,
                                                  .names = conf->names},
                           &f->records);
    if (!err)
        err = lmdb_reader_new(f->records.env, &f->reader);
    if (err) {
        follower_close(f);
        return err;
    }
    *out = f;
    return 0;
}

void follower_close(struct follower *f)
{
    if (!f)
        return;
    lmdb_reader_free(f->reader);
    records_close(&f->records);
    if (f->lock_fd >= 0)
        (void)close(f->lock_fd);
    arena_fini(&f->scratch);
    free(f);
}

/* ---------------------------------------------------------------- writing */

/* False: to be done again, with a larger map. */
static bool is_over(const struct follower *f, int *err)
{
    if (*err != ERR_FULL)
        return true;
    *err = lmdb_grow(f->records.env);
    return *err != 0;
}

static int commit(const struct follower *f, struct lmdb_txn *t)
{
    int err = lmdb_commit(t);
    if (err == ERR_IO)
        log_error("cluster: cannot write to %s: %s", f->state_dir, lmdb_text(t->code));
    return err;
}

static void remove_file(const char *dir, const char *name)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path && unlink(path) &&
        errno != ENOENT)
        log_warn("cluster: cannot remove %s: %s", path, strerror(errno));
}

/* Leases of other records, on a clock of their own. */
static void remove_leases(const struct follower *f)
{
    remove_file(f->runtime_dir, "leases");
    remove_file(f->state_dir, "leases.checkpoint");
}

static int try_whole(struct follower *f)
{
    struct lmdb_txn t;
    lmdb_begin(f->records.env, &t);
    notes_put_whole(&t);
    return commit(f, &t);
}

int follower_note_whole(struct follower *f)
{
    int err = 0;
    if (follower_is_whole(f))
        return 0;
    do
        err = try_whole(f);
    while (!is_over(f, &err));
    return err;
}

static int clear(struct follower *f, uint64_t generation, const struct clusterdb_end *ends,
                 size_t n)
{
    struct lmdb_txn t;
    lmdb_begin(f->records.env, &t);
    records_clear(&t);
    notes_put_generation(&t, generation);
    for (size_t i = 0; i < n; i++)
        notes_put_position(&t, ends[i].origin, ends[i].purged);
    return commit(f, &t);
}

int follower_reset(struct follower *f, uint64_t generation, const struct clusterdb_end *ends,
                   size_t n)
{
    int err;
    remove_leases(f); /* first: they would be taken for those of what is read now */
    do
        err = clear(f, generation, ends, n);
    while (!is_over(f, &err));
    return err;
}

static void count_damaged(struct str key)
{
    stats_inc(STAT_CLUSTER_DAMAGED);
    log_error("cluster: the row of %.*s cannot be read; it is left out", STR_FMT(LOG_NAME_OF(key)));
}

/* ERR_NOMEM; ERR_TOOBIG: of a later version. What is damaged is passed over. */
static int put_row(struct follower *f, struct lmdb_txn *t, const struct clusterdb_row *row)
{
    struct aor_record none = {.aor = row->key}, *now = &none, *next = &none;
    struct str bytes = STR_NONE;
    int err = records_get(&f->records, t, &f->scratch, row->key, &now);
    if (err == ERR_NOMEM)
        return err;
    if (err)
        now = &none;
    err = row->data.n ? records_decode(&f->records, &f->scratch, row->key, row->data, &next) : 0;
    if (err == ERR_NOMEM || err == ERR_TOOBIG)
        return err;
    if (err || !row->key.n || row->key.n > RECORDS_AOR_MAX) {
        count_damaged(row->key);
        return 0;
    }
    if (next != &none)
        err = records_encode(&f->records, &f->scratch, next, &bytes);
    if (!err)
        records_put(&f->records, t, now, next, bytes);
    return err;
}

static int apply(struct follower *f, int origin, const struct pg *rows, size_t n)
{
    struct lmdb_txn t;
    struct clusterdb_row row = {.n = 0};
    int err = 0;
    lmdb_begin(f->records.env, &t);
    for (size_t i = 0; i < n && !err; i++) {
        row = clusterdb_row(rows, i);
        err = put_row(f, &t, &row);
        arena_reset(&f->scratch, SCRATCH_KEEP);
    }
    notes_put_position(&t, origin, row.n);
    if (err) {
        lmdb_abort(&t);
        return err;
    }
    return commit(f, &t);
}

int follower_apply(struct follower *f, int origin, const struct pg *rows, size_t n)
{
    int err;
    if (!n)
        return 0;
    do
        err = apply(f, origin, rows, n);
    while (!is_over(f, &err));
    return err;
}

static int lead(struct follower *f, const struct follower_lead *l, uint64_t *n_marked)
{
    struct lmdb_txn t;
    lmdb_begin(f->records.env, &t);
    if (l->is_first || notes_was_alone(&t))
        records_mark_all(&f->records, &t);
    notes_lead(&t, l->generation, l->own_epoch);
    *n_marked = records_count_marked(&t);
    return commit(f, &t);
}

int follower_lead(struct follower *f, const struct follower_lead *l, uint64_t *n_marked)
{
    int err;
    do
        err = lead(f, l, n_marked);
    while (!is_over(f, &err));
    return err;
}
