#include "store/group.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "store/leasememo.h"

enum { SCRATCH_LIMIT = 256 << 20, SCRATCH_KEEP = 4 << 20 };

/* What becomes of a lease with the commit, and without. */
enum fate {
    FATE_KEEP,    /* seized: released either way */
    FATE_PUBLISH, /* seized: a new generation, or released */
    FATE_NEW,     /* allocated: published, or freed */
    FATE_FREE     /* seized: freed, or released */
};

struct move {
    enum fate fate;
    uint64_t binding_id;
    struct lease_ref ref, next;
    struct lease_state seized;
};

struct job {
    struct update *u;
    uint64_t hash; /* of the AoR */
    struct aor_record *now;
    struct aor_record *next; /* NULL: nothing is to be written */
    struct str bytes;
    struct move *moves;
    size_t n_moves;
};

struct group {
    struct group_conf conf;
    struct lmdb_reader *reader;
    struct hash_key key;
    uint64_t complained_ms; /* of a commit that failed: once a minute */
    struct arena scratch;
    struct job jobs[GROUP_MAX];
    size_t n;
};

int group_new(const struct group_conf *conf, struct group **out)
{
    struct group *g = calloc(1, sizeof *g);
    if (!g)
        return ERR_NOMEM;
    g->conf = *conf;
    g->key = hash_key_new();
    arena_init(&g->scratch, SCRATCH_LIMIT);
    int err = lmdb_reader_new(conf->records->env, &g->reader);
    if (err) {
        free(g);
        return err;
    }
    *out = g;
    return 0;
}

void group_free(struct group *g)
{
    if (!g)
        return;
    lmdb_reader_free(g->reader);
    arena_fini(&g->scratch);
    free(g);
}

bool group_add(struct group *g, struct update *u)
{
    if (g->n == GROUP_MAX)
        return false;
    uint64_t hash = hash_str(&g->key, u->result.aor);
    for (size_t i = 0; i < g->n; i++)
        if (g->jobs[i].hash == hash)
            return false;
    g->jobs[g->n++] = (struct job){.u = u, .hash = hash};
    return true;
}

/* ---- deciding */

static int load(struct group *g, struct job *j)
{
    struct str aor = j->u->result.aor;
    int err = records_get(g->conf.records, lmdb_reader_begin(g->reader), &g->scratch, aor, &j->now);
    if (err == ERR_PARSE) {
        stats_inc(STAT_STORE_DAMAGED);
        log_error("store: the record of %.*s is damaged; it begins anew",
                  STR_FMT(LOG_NAME_OF(aor)));
    }
    if (err != ERR_ABSENT && err != ERR_PARSE)
        return err;
    j->now = arena_calloc(&g->scratch, 1, sizeof *j->now);
    if (!j->now)
        return ERR_NOMEM;
    j->now->aor = aor;
    return 0;
}

static struct lease_view seize(struct group *g, struct job *j, struct binding *b)
{
    struct lease_state s;
    if (lease_is_of(g->conf.leases, b->lease, b->id) &&
        lease_seize(g->conf.leases, b->lease, 0, &s)) {
        j->moves[j->n_moves++] = (struct move){
            .fate = FATE_KEEP, .binding_id = b->id, .ref = b->lease, .next = b->lease, .seized = s};
        b->expires_at_s = s.expires_at_s;
        b->cseq = s.cseq;
        return (struct lease_view){.is_held = true,
                                   .is_pending = s.is_pending,
                                   .expires_at_s = s.expires_at_s,
                                   .cseq = s.cseq,
                                   .branch_hash = s.branch_hash};
    }
    b->lease = (struct lease_ref){0, 0};
    return (struct lease_view){.expires_at_s = b->expires_at_s, .cseq = b->cseq};
}

/* NULL: the arena is exhausted. There is room for the moves of the bindings to come, too. */
static struct lease_view *seize_all(struct group *g, struct job *j)
{
    size_t n = j->now->n_bindings;
    struct lease_view *views = arena_alloc(&g->scratch, n * sizeof *views);
    j->moves = arena_alloc(&g->scratch, (n + RECORD_BINDINGS_MAX) * sizeof *j->moves);
    if (!views || !j->moves)
        return NULL;
    for (size_t i = 0; i < n; i++)
        views[i] = seize(g, j, &j->now->bindings[i]);
    return views;
}

static struct move *find_move(const struct job *j, uint64_t binding_id)
{
    for (size_t i = 0; i < j->n_moves; i++)
        if (j->moves[i].binding_id == binding_id)
            return &j->moves[i];
    return NULL;
}

/* Names in the record the lease that will hold with it. */
static int assign(struct group *g, struct job *j, struct binding *b)
{
    struct move *m = find_move(j, b->id);
    if (m && !b->is_changed && b->expires_at_s == m->seized.expires_at_s &&
        b->cseq == m->seized.cseq) {
        b->lease = m->ref;
        return 0;
    }
    if (!m) {
        m = &j->moves[j->n_moves];
        *m = (struct move){.fate = FATE_NEW, .binding_id = b->id};
        int err = lease_alloc(g->conf.leases, b->id, &m->ref);
        if (err)
            return err;
        j->n_moves++;
    }
    if (m->fate == FATE_KEEP)
        m->fate = FATE_PUBLISH;
    m->next = lease_next(g->conf.leases, m->ref);
    b->lease = m->next;
    return 0;
}

static int assign_all(struct group *g, struct job *j)
{
    for (size_t i = 0; i < j->n_moves; i++)
        if (!binding_find_id(j->next, j->moves[i].binding_id))
            j->moves[i].fate = FATE_FREE;
    for (size_t i = 0; i < j->next->n_bindings; i++) {
        int err = assign(g, j, &j->next->bindings[i]);
        if (err)
            return err;
    }
    return 0;
}

static bool is_empty(const struct aor_record *r)
{
    return !r->n_bindings && !r->n_upregs;
}

/* All that could fail is done before the commit. */
static int prepare(struct group *g, struct job *j)
{
    int err = assign_all(g, j);
    if (err)
        return err;
    j->next->revision++;
    if (is_empty(j->next))
        return 0;
    if (!calendar_add(g->conf.calendar, j->next->aor))
        return ERR_NOMEM;
    return records_encode(g->conf.records, &g->scratch, j->next, &j->bytes);
}

static int reduce(struct group *g, struct job *j, uint64_t now_s, bool *is_changed)
{
    struct update *u = j->u;
    int err = load(g, j);
    if (err)
        return err;
    const struct lease_view *views = seize_all(g, j);
    j->next = binding_record_copy(&u->arena, j->now);
    if (!views || !j->next)
        return ERR_NOMEM;
    const struct store_change c = {
        .arena = &u->arena, .now_state = j->now, .next = j->next, .leases = views, .now_s = now_s};
    u->result.code = u->request.reduce(&c, u->result.input, is_changed);
    return 0;
}

static void settle(struct group *g, struct move *m, bool is_committed,
                   const struct aor_record *next)
{
    struct lease_table *t = g->conf.leases;
    const struct binding *b = is_committed ? binding_find_id(next, m->binding_id) : NULL;
    if (b)
        leasememo_set_revision(t, m->ref.slot, next->revision);
    if (b && (m->fate == FATE_PUBLISH || m->fate == FATE_NEW))
        lease_publish(t, m->next, b->expires_at_s, b->cseq);
    else if (m->fate == FATE_NEW || (is_committed && m->fate == FATE_FREE))
        lease_free(t, m->ref);
    else
        lease_release(t, m->ref);
}

static void settle_all(struct group *g, struct job *j, bool is_committed)
{
    for (size_t i = 0; i < j->n_moves; i++)
        settle(g, &j->moves[i], is_committed, j->next);
    j->n_moves = 0;
}

static void forget(struct group *g, struct str aor)
{
    calendar_del(g->conf.calendar, calendar_find(g->conf.calendar, aor));
}

static void decide(struct group *g, struct job *j, uint64_t now_s)
{
    bool is_changed = false;
    int err = reduce(g, j, now_s, &is_changed);
    if (!err && is_changed)
        err = prepare(g, j);
    j->u->result.outcome = err ? STORE_FAILED : is_changed ? STORE_COMMITTED : STORE_UNCHANGED;
    if (err)
        j->u->result.code = err;
    if (j->u->result.outcome == STORE_COMMITTED)
        return;
    settle_all(g, j, false);
    if (j->next && is_empty(j->now))
        forget(g, j->now->aor);
    j->next = NULL;
}

/* ---- writing */

static void complain(struct group *g, int code)
{
    uint64_t now_ms = sys_now_ms();
    if (g->complained_ms && now_ms - g->complained_ms < 60000)
        return;
    g->complained_ms = now_ms;
    log_error("store: cannot write: %s; nothing new is registered until it can", lmdb_text(code));
}

static int write_all(struct group *g)
{
    struct lmdb_txn t;
    lmdb_begin(g->conf.records->env, &t);
    for (size_t i = 0; i < g->n; i++)
        if (g->jobs[i].next)
            records_put(g->conf.records, &t, g->jobs[i].now, g->jobs[i].next, g->jobs[i].bytes);
    int err = lmdb_commit(&t);
    if (err == ERR_IO)
        complain(g, t.code);
    return err;
}

static bool has_work(const struct group *g)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->jobs[i].next)
            return true;
    return false;
}

static int commit(struct group *g)
{
    if (!has_work(g))
        return 0;
    int err = write_all(g);
    while (err == ERR_FULL) {
        err = lmdb_grow(g->conf.records->env);
        if (!err)
            err = write_all(g);
    }
    stats_inc(err ? STAT_STORE_COMMIT_FAILED : STAT_STORE_COMMIT);
    return err;
}

/* ---- handing back */

static void count_outcome(enum store_outcome outcome)
{
    static const enum stats_id ids[] = {[STORE_COMMITTED] = STAT_STORE_COMMITTED,
                                        [STORE_UNCHANGED] = STAT_STORE_UNCHANGED,
                                        [STORE_FAILED] = STAT_STORE_FAILED};
    stats_inc(ids[outcome]);
}

static void finish(struct group *g, struct job *j, int err)
{
    if (j->next) {
        settle_all(g, j, !err);
        if (!err)
            headcount_on_change(g->conf.headcount, j->now, j->next);
        if (is_empty(err ? j->now : j->next))
            forget(g, j->next->aor);
    }
    if (j->next && !err && g->conf.on_change)
        g->conf.on_change(j->now, j->next, j->u->event, g->conf.change_arg);
    if (j->next && err)
        j->u->result.outcome = STORE_FAILED;
    count_outcome(j->u->result.outcome);
    g->conf.on_done(j->u, err ? NULL : j->next, g->conf.arg);
}

int group_commit(struct group *g)
{
    uint64_t now_s = sys_service_s();
    for (size_t i = 0; i < g->n; i++)
        decide(g, &g->jobs[i], now_s);
    lmdb_reader_end(g->reader); /* before the map may have to grow */
    int err = commit(g);
    for (size_t i = 0; i < g->n; i++)
        finish(g, &g->jobs[i], err);
    g->n = 0;
    arena_reset(&g->scratch, SCRATCH_KEEP);
    return err;
}
