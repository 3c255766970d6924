#include "store/outbox.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "store/notes.h"
#include "store/records.h"
#include "store/store.h"

enum { ROWS_MAX = 512, SCRATCH_LIMIT = 256 << 20, SCRATCH_KEEP = 4 << 20 };

struct outbox {
    struct store *store;
    struct lmdb_reader *reader;
    struct arena scratch;
    uint64_t last_n;
    struct records_mark marks[ROWS_MAX];
    struct clusterdb_row rows[ROWS_MAX];
};

int outbox_new(struct outbox **out)
{
    struct outbox *o = calloc(1, sizeof *o);
    if (!o)
        return ERR_NOMEM;
    arena_init(&o->scratch, SCRATCH_LIMIT);
    *out = o;
    return 0;
}

void outbox_free(struct outbox *o)
{
    if (!o)
        return;
    lmdb_reader_free(o->reader);
    arena_fini(&o->scratch);
    free(o);
}

int outbox_open(struct outbox *o, struct store *s)
{
    int err = lmdb_reader_new(store_records(s)->env, &o->reader);
    if (!err)
        o->store = s;
    return err;
}

bool outbox_is_open(const struct outbox *o)
{
    return o->store != NULL;
}

void outbox_set_n(struct outbox *o, uint64_t last_n)
{
    o->last_n = last_n;
}

/* As it is now, in service clock; a record that is gone, or that nobody can read, is a removal. */
static int fill_row(struct outbox *o, struct lmdb_txn *t, struct str aor, struct clusterdb_row *row)
{
    const struct records *records = store_records(o->store);
    struct aor_record *rec;
    *row = (struct clusterdb_row){.key = aor, .data = STR_NONE, .n = ++o->last_n};
    int err = records_get(records, t, &o->scratch, aor, &rec);
    if (err == ERR_NOMEM || err == ERR_IO)
        return err;
    if (err)
        return 0;
    struct buf b = buf_in(&o->scratch, codec_bound(rec, &records->names));
    codec_encode(rec, &records->names, &b);
    row->data = buf_str(&b);
    return b.has_overflown ? ERR_NOMEM : 0;
}

static int collect(struct outbox *o, size_t *n)
{
    struct lmdb_txn *t = lmdb_reader_begin(o->reader);
    int err = records_marked(t, &o->scratch, ROWS_MAX, o->marks, n);
    for (size_t i = 0; i < *n && !err; i++)
        err = fill_row(o, t, o->marks[i].aor, &o->rows[i]);
    lmdb_reader_end(o->reader);
    return err;
}

/* What cannot be unmarked now is written again later; ERR_FULL until the store has grown its map.
 */
static int unmark(struct outbox *o, size_t n)
{
    struct lmdb_txn t;
    if (!n)
        return 0;
    lmdb_begin_guest(store_records(o->store)->env, &t);
    for (size_t i = 0; i < n; i++)
        records_unmark(&t, &o->marks[i]);
    return lmdb_commit(&t);
}

static size_t count_left(struct outbox *o)
{
    size_t n = records_count_marked(lmdb_reader_begin(o->reader));
    lmdb_reader_end(o->reader);
    return n;
}

int outbox_write(struct outbox *o, struct pg *p, const struct clusterdb_member *m,
                 uint64_t own_epoch, size_t *n_left)
{
    size_t n = 0;
    int err = collect(o, &n);
    if (!err && n)
        err = clusterdb_put(p, m, own_epoch, o->rows, n);
    if (!err)
        err = unmark(o, n);
    stats_add(STAT_CLUSTER_ROWS_OUT, err ? 0 : (int64_t)n);
    arena_reset(&o->scratch, SCRATCH_KEEP);
    *n_left = count_left(o);
    return err;
}

int outbox_begin_anew(struct outbox *o, uint64_t generation, uint64_t own_epoch)
{
    struct lmdb_txn t;
    struct records *records = store_records(o->store);
    lmdb_begin_guest(records->env, &t);
    notes_lead(&t, generation, own_epoch);
    records_mark_all(records, &t);
    return lmdb_commit(&t);
}
