#include "store/records.h"

#include "base/err.h"
#include "base/log.h"
#include "base/sys.h"

enum { DB_META, DB_AOR, DB_UPREG, DB_DAMAGED, DB_MARK, DB_NOTE, DBS, DBS_LATER = 2 };

enum { FORMAT = 1 };

static const char *const db_names[DBS] = {"meta", "aor", "upreg", "damaged", "mark", "note"};

/* ---- opening */

/* In one commit: a store is either ours or empty. */
static int make(struct lmdb *env)
{
    char format[16], created[64];
    struct buf f = buf_over(format, sizeof format), c = buf_over(created, sizeof created);
    struct lmdb_txn t;
    buf_add_u64(&f, FORMAT);
    buf_addf(&c, "by breakwater, %llu s after 1970", (unsigned long long)sys_wall_ms() / 1000);
    lmdb_begin(env, &t);
    lmdb_make(&t);
    lmdb_put(&t, DB_META, STR("magic"), STR("breakwater"));
    lmdb_put(&t, DB_META, STR("format"), buf_str(&f));
    lmdb_put(&t, DB_META, STR("created"), buf_str(&c));
    int err = lmdb_commit(&t);
    if (!err)
        return 0;
    log_error("store: cannot make the databases: %s", lmdb_text(t.code));
    return ERR_IO;
}

static int judge_meta(struct lmdb_txn *t, const char *dir)
{
    struct str magic, format;
    uint32_t version;
    if (!lmdb_get(t, DB_META, STR("magic"), &magic) || !str_eq(magic, STR("breakwater")) ||
        !lmdb_get(t, DB_META, STR("format"), &format) || str_to_u32(format, UINT32_MAX, &version)) {
        log_error("store: %s/data.mdb belongs to another program: move it away, or set another "
                  "state-dir",
                  dir);
        return ERR_BADCONF;
    }
    if (version > FORMAT) {
        log_error("store: %s/data.mdb has format %u and was written by a newer version; this one "
                  "reads formats up to %d",
                  dir, version, FORMAT);
        return ERR_BADCONF;
    }
    return 0;
}

static int check_meta(struct lmdb *env, const char *dir)
{
    struct lmdb_reader *reader;
    int err = lmdb_reader_new(env, &reader);
    if (err)
        return err;
    struct lmdb_txn *t = lmdb_reader_begin(reader);
    err = lmdb_err(t);
    if (err)
        log_error("store: %s: cannot read: %s", dir, lmdb_text(t->code));
    else
        err = judge_meta(t, dir);
    lmdb_reader_free(reader);
    return err;
}

int records_open(const struct records_conf *conf, struct records *out)
{
    struct lmdb *env;
    bool is_new;
    int err = lmdb_open(&(struct lmdb_conf){.dir = conf->dir,
                                            .map_len = conf->map_len ? conf->map_len : 1 << 30,
                                            .is_synced = conf->is_synced,
                                            .is_readonly = conf->is_readonly,
                                            .db = db_names,
                                            .n_dbs = DBS,
                                            .n_later = DBS_LATER},
                        &env, &is_new);
    if (err)
        return err;
    if (is_new)
        err = conf->is_readonly ? ERR_ABSENT : make(env);
    else
        err = check_meta(env, conf->dir);
    if (!err && !is_new && !conf->is_readonly)
        err = lmdb_make_later(env);
    if (err) {
        lmdb_close(env);
        return err;
    }
    *out = (struct records){.env = env, .names = conf->names};
    sys_random(&out->mark, sizeof out->mark);
    return 0;
}

void records_close(struct records *r)
{
    lmdb_close(r->env);
}

/* ---- times */

static void shift(uint64_t *at_s, int64_t by_s)
{
    if (*at_s)
        *at_s = (int64_t)*at_s + by_s > 0 ? (uint64_t)((int64_t)*at_s + by_s) : 1;
}

static void shift_record(struct aor_record *r, int64_t by_s)
{
    for (size_t i = 0; by_s && i < r->n_bindings; i++) {
        shift(&r->bindings[i].proof.at_s, by_s);
        shift(&r->bindings[i].expires_at_s, by_s);
        shift(&r->bindings[i].created_at_s, by_s);
    }
    for (size_t i = 0; by_s && i < r->n_upregs; i++)
        shift(&r->upregs[i].dead_at_s, by_s);
}

/* With arrays of its own; the slices are shared. */
static struct aor_record *shifted(struct arena *a, const struct aor_record *r, int64_t by_s)
{
    struct aor_record *s = arena_alloc(a, sizeof *s);
    struct binding *bindings = arena_alloc(a, r->n_bindings * sizeof *bindings);
    struct upreg *upregs = arena_alloc(a, r->n_upregs * sizeof *upregs);
    if (!s || !bindings || !upregs)
        return NULL;
    *s = *r;
    s->bindings = bindings;
    s->upregs = upregs;
    if (r->n_bindings)
        memcpy(bindings, r->bindings, r->n_bindings * sizeof *bindings);
    if (r->n_upregs)
        memcpy(upregs, r->upregs, r->n_upregs * sizeof *upregs);
    shift_record(s, by_s);
    return s;
}

/* ---- reading */

int records_decode(const struct records *r, struct arena *a, struct str aor, struct str value,
                   struct aor_record **out)
{
    int err = codec_decode(a, value, &r->names, out);
    if (!err && !str_eq((*out)->aor, aor))
        err = ERR_PARSE;
    if (!err)
        shift_record(*out, r->shift_s);
    return err;
}

int records_get(const struct records *r, struct lmdb_txn *t, struct arena *a, struct str aor,
                struct aor_record **out)
{
    struct str value;
    if (aor.n == 0 || aor.n > RECORDS_AOR_MAX)
        return ERR_ABSENT;
    if (!lmdb_get(t, DB_AOR, aor, &value))
        return t->code ? ERR_IO : ERR_ABSENT;
    struct str bytes = str_dup(a, value);
    return str_is_none(bytes) ? ERR_NOMEM : records_decode(r, a, aor, bytes, out);
}

struct id_key {
    char bytes[8];
};

static struct id_key key_of(uint64_t id)
{
    struct id_key k;
    for (size_t i = 0; i < sizeof k.bytes; i++)
        k.bytes[i] = (char)(id >> (56 - 8 * i));
    return k;
}

int records_find_upreg(struct lmdb_txn *t, struct arena *a, uint64_t id, struct str *aor)
{
    struct id_key k = key_of(id);
    struct str value;
    if (!lmdb_get(t, DB_UPREG, (struct str){k.bytes, sizeof k.bytes}, &value))
        return t->code ? ERR_IO : ERR_ABSENT;
    *aor = str_dup(a, value);
    return str_is_none(*aor) ? ERR_NOMEM : 0;
}

size_t records_count(struct lmdb_txn *t)
{
    return lmdb_count(t, DB_AOR);
}

int records_next(struct lmdb_txn *t, struct arena *a, struct str after, struct str *aor)
{
    struct str key;
    if (!lmdb_next(t, DB_AOR, after, &key))
        return t->code ? lmdb_err(t) : ERR_ABSENT;
    *aor = str_dup(a, key);
    return str_is_none(*aor) ? ERR_NOMEM : 0;
}

int records_scan(struct lmdb_txn *t, lmdb_scan_fn *fn, void *arg)
{
    return lmdb_scan(t, DB_AOR, fn, arg);
}

/* ---- writing */

int records_encode(const struct records *r, struct arena *a, const struct aor_record *record,
                   struct str *out)
{
    const struct aor_record *s = r->shift_s ? shifted(a, record, -r->shift_s) : record;
    if (!s)
        return ERR_NOMEM;
    struct buf b = buf_in(a, codec_bound(s, &r->names));
    codec_encode(s, &r->names, &b);
    if (b.has_overflown)
        return ERR_NOMEM;
    *out = buf_str(&b);
    return 0;
}

static bool has_upreg(const struct aor_record *r, uint64_t id)
{
    for (size_t i = 0; i < r->n_upregs; i++)
        if (r->upregs[i].id == id)
            return true;
    return false;
}

static void index_upregs(struct lmdb_txn *t, const struct aor_record *now,
                         const struct aor_record *next)
{
    for (size_t i = 0; i < now->n_upregs; i++) {
        struct id_key k = key_of(now->upregs[i].id);
        if (!has_upreg(next, now->upregs[i].id))
            lmdb_del(t, DB_UPREG, (struct str){k.bytes, sizeof k.bytes});
    }
    for (size_t i = 0; i < next->n_upregs; i++) {
        struct id_key k = key_of(next->upregs[i].id);
        if (!has_upreg(now, next->upregs[i].id))
            lmdb_put(t, DB_UPREG, (struct str){k.bytes, sizeof k.bytes}, next->aor);
    }
}

static void mark(struct records *r, struct lmdb_txn *t, struct str aor)
{
    struct id_key k = key_of(++r->mark);
    lmdb_put(t, DB_MARK, aor, (struct str){k.bytes, sizeof k.bytes});
}

void records_put(struct records *r, struct lmdb_txn *t, const struct aor_record *now,
                 const struct aor_record *next, struct str bytes)
{
    if (next->n_bindings || next->n_upregs)
        lmdb_put(t, DB_AOR, next->aor, bytes);
    else
        lmdb_del(t, DB_AOR, next->aor);
    index_upregs(t, now, next);
    if (r->is_marked)
        mark(r, t, next->aor);
}

/* ---- marks and notes */

struct marked {
    struct arena *arena;
    struct records_mark *out;
    size_t n, max;
};

static uint64_t id_of(struct str bytes)
{
    uint64_t id = 0;
    for (size_t i = 0; i < bytes.n; i++)
        id = id << 8 | (uint8_t)bytes.p[i];
    return id;
}

/* 1 ends the scan. */
static int on_mark(struct str aor, struct str value, void *arg)
{
    struct marked *m = arg;
    if (m->n == m->max)
        return 1;
    struct str copy = str_dup(m->arena, aor);
    if (str_is_none(copy))
        return ERR_NOMEM;
    m->out[m->n++] = (struct records_mark){copy, id_of(value)};
    return 0;
}

int records_marked(struct lmdb_txn *t, struct arena *a, size_t max, struct records_mark *out,
                   size_t *n)
{
    struct marked m = {.arena = a, .out = out, .max = max};
    int err = lmdb_scan(t, DB_MARK, on_mark, &m);
    *n = m.n;
    return err < 0 ? err : 0;
}

void records_unmark(struct lmdb_txn *t, const struct records_mark *m)
{
    struct str value;
    if (lmdb_get(t, DB_MARK, m->aor, &value) && id_of(value) == m->mark)
        lmdb_del(t, DB_MARK, m->aor);
}

struct everyone {
    struct records *records;
    struct lmdb_txn *txn;
};

static int mark_one(struct str aor, struct str value, void *arg)
{
    const struct everyone *e = arg;
    (void)value;
    mark(e->records, e->txn, aor);
    return 0;
}

void records_mark_all(struct records *r, struct lmdb_txn *t)
{
    struct everyone e = {r, t};
    (void)lmdb_scan(t, DB_AOR, mark_one, &e);
}

size_t records_count_marked(struct lmdb_txn *t)
{
    return lmdb_count(t, DB_MARK);
}

struct str records_note(struct lmdb_txn *t, struct str name)
{
    struct str value;
    return lmdb_get(t, DB_NOTE, name, &value) ? value : STR_NONE;
}

void records_put_note(struct lmdb_txn *t, struct str name, struct str value)
{
    if (str_is_none(value))
        lmdb_del(t, DB_NOTE, name);
    else
        lmdb_put(t, DB_NOTE, name, value);
}

void records_clear(struct lmdb_txn *t)
{
    lmdb_clear(t, DB_AOR);
    lmdb_clear(t, DB_UPREG);
    lmdb_clear(t, DB_MARK);
    lmdb_clear(t, DB_NOTE);
}

int records_put_aside(struct lmdb_txn *t, struct arena *a, struct str aor)
{
    struct str value;
    if (!lmdb_get(t, DB_AOR, aor, &value))
        return 0;
    struct str copy = str_dup(a, value);
    if (str_is_none(copy))
        return ERR_NOMEM;
    lmdb_put(t, DB_DAMAGED, aor, copy);
    lmdb_del(t, DB_AOR, aor);
    return 0;
}
