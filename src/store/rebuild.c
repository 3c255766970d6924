#include "store/rebuild.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "net/flow.h"
#include "store/leasememo.h"

enum { SCRATCH_LIMIT = 1 << 20, NAMES_LIMIT = 4 << 20 };

/* What a reset leaves: chunks that are too small for the next records must not pile up. */
enum { SCRATCH_KEPT = 64 << 10 };

/* Records that are read before the first of them is taken: their leases lie anywhere, and are
 * fetched from memory meanwhile. */
enum { AHEAD = 16 };

/* What is overdue at a start does not come all at once; with an unknown downtime that is every
 * registration upstream. */
enum { OVERDUE_SPREAD_S = 60, UNKNOWN_SPREAD_S = 300 };

struct name {
    struct name *next;
    struct str aor;
};

struct scan {
    const struct rebuild *r;
    enum lease_origin origin;
    uint64_t now_s;
    struct arena scratch;
    struct arena names; /* bounded: what does not fit waits for the next start */
    struct name *damaged, *misfits;
    size_t n_rebuilt, n_newer;
    struct aor_record *ahead[AHEAD];
    size_t n_ahead;
};

static void note(struct scan *s, struct name **list, struct str aor)
{
    struct name *n = arena_alloc(&s->names, sizeof *n);
    struct str copy = n ? str_dup(&s->names, aor) : STR_NONE;
    if (str_is_none(copy))
        return;
    *n = (struct name){*list, copy};
    *list = n;
}

/* ---- leases */

/* False: the record must name another slot. */
static bool claim(struct scan *s, struct binding *b, bool *is_rebuilt)
{
    struct lease_state known;
    *is_rebuilt = false;
    if (lease_adopt(s->r->leases, b->lease, b->id, &known)) {
        b->expires_at_s = known.expires_at_s;
        return true;
    }
    const struct lease_state as = {
        .expires_at_s = known.expires_at_s > b->expires_at_s ? known.expires_at_s : b->expires_at_s,
        .cseq = b->cseq,
        .branch_hash = b->lease.generation};
    b->expires_at_s = as.expires_at_s;
    *is_rebuilt = true;
    s->n_rebuilt++;
    return lease_rebuild(s->r->leases, b->lease, b->id, &as);
}

/* A binding whose true expiry is not known, or came while we were down, is kept for its grace and
 * one interval of the device at least, counted from now. */
static void prolong(struct scan *s, const struct binding *b, uint32_t grace_s, bool is_known)
{
    if (is_known && b->expires_at_s > s->now_s)
        return;
    uint32_t more_s = b->granted_s > grace_s ? b->granted_s - grace_s : 0;
    lease_prolong(s->r->leases, b->lease, s->now_s + more_s);
}

/* No connection has outlived us, and its device has to notice that first. */
static bool has_lost_flow(const struct binding *b)
{
    return flow_is_reliable((enum flow_transport)b->way.transport) && b->way.flow_id;
}

static void take_leases(struct scan *s, struct aor_record *rec)
{
    uint32_t grace_s = sweep_grace_s(s->r->sweep, rec->aor);
    bool is_misfit = false, is_rebuilt;
    for (size_t i = 0; i < rec->n_bindings; i++) {
        struct binding *b = &rec->bindings[i];
        if (claim(s, b, &is_rebuilt)) {
            leasememo_set_revision(s->r->leases, b->lease.slot, rec->revision);
            prolong(s, b, grace_s,
                    s->origin == LEASE_SAME_BOOT && !is_rebuilt && !has_lost_flow(b));
        } else {
            is_misfit = true;
        }
    }
    if (is_misfit)
        note(s, &s->misfits, rec->aor);
}

/* ---- records */

static int enter(struct scan *s, const struct aor_record *rec)
{
    struct calendar_entry *e = calendar_add_first(s->r->calendar, rec->aor);
    if (!e)
        return ERR_NOMEM;
    e->told_s = 0;
    e->must_tell = s->origin == LEASE_UNKNOWN;
    sweep_file(s->r->sweep, e, rec);
    if (e->must_tell)
        calendar_file(s->r->calendar, e, s->now_s + e->by_aor.hash % UNKNOWN_SPREAD_S);
    else if (e->due_s <= s->now_s)
        calendar_file(s->r->calendar, e, s->now_s + e->by_aor.hash % OVERDUE_SPREAD_S);
    return 0;
}

static int take_ahead(struct scan *s)
{
    int err = 0;
    for (size_t i = 0; i < s->n_ahead && !err; i++) {
        take_leases(s, s->ahead[i]);
        headcount_on_change(s->r->headcount, NULL, s->ahead[i]);
        err = enter(s, s->ahead[i]);
    }
    s->n_ahead = 0;
    arena_reset(&s->scratch, SCRATCH_KEPT);
    return err;
}

static void fetch_leases(const struct scan *s, const struct aor_record *rec)
{
    for (size_t i = 0; i < rec->n_bindings; i++)
        __builtin_prefetch(lease_slot(s->r->leases, rec->bindings[i].lease.slot), 1);
}

static int on_entry(struct str aor, struct str value, void *arg)
{
    struct scan *s = arg;
    struct aor_record *rec;
    int err = records_decode(s->r->records, &s->scratch, aor, value, &rec);
    if (err == ERR_PARSE) {
        note(s, &s->damaged, aor);
        return take_ahead(s);
    }
    if (err == ERR_TOOBIG) {
        s->n_newer++;
        return take_ahead(s);
    }
    if (err)
        return err;
    fetch_leases(s, rec);
    s->ahead[s->n_ahead++] = rec;
    return s->n_ahead == AHEAD ? take_ahead(s) : 0;
}

static int scan_all(struct scan *s)
{
    struct lmdb_reader *reader;
    int err = lmdb_reader_new(s->r->records->env, &reader);
    if (err)
        return err;
    struct lmdb_txn *t = lmdb_reader_begin(reader);
    calendar_reserve(s->r->calendar, records_count(t));
    err = records_scan(t, on_entry, s);
    if (!err)
        err = take_ahead(s);
    lmdb_reader_free(reader);
    return err;
}

/* ---- what did not fit */

static void put_aside(struct scan *s)
{
    struct lmdb_txn t;
    int err = 0;
    if (!s->damaged)
        return;
    lmdb_begin(s->r->records->env, &t);
    for (struct name *n = s->damaged; n && !err; n = n->next) {
        stats_inc(STAT_STORE_DAMAGED);
        log_error("store: the record of %.*s is damaged; put aside", STR_FMT(LOG_NAME_OF(n->aor)));
        err = records_put_aside(&t, &s->names, n->aor);
    }
    if (err)
        lmdb_abort(&t);
    else
        err = lmdb_commit(&t);
    if (err)
        log_warn("store: damaged records stay where they are: %s", err_text(err));
}

/* The group gives a lease to each binding without one when its record changes. */
static int touch(const struct store_change *c, void *input, bool *is_changed)
{
    (void)input;
    for (size_t i = 0; i < c->next->n_bindings; i++) {
        struct binding *b = &c->next->bindings[i];
        if (!c->leases[i].is_held && b->expires_at_s < c->now_s + b->granted_s)
            b->expires_at_s = c->now_s + b->granted_s;
    }
    *is_changed = true;
    return 0;
}

/* A binding that gets none now gets one with its next REGISTER. */
static void give_leases(struct scan *s)
{
    for (struct name *n = s->misfits; n; n = n->next) {
        struct update *u;
        if (update_new(&(struct store_request){.aor = n->aor, .reduce = touch}, &u))
            break;
        if (group_add(s->r->group, u))
            continue;
        (void)group_commit(s->r->group);
        if (!group_add(s->r->group, u))
            update_free(u);
    }
    (void)group_commit(s->r->group);
}

static const char *origin_word(enum lease_origin origin)
{
    static const char *const words[] = {[LEASE_NEW] = "no lease table was found",
                                        [LEASE_SAME_BOOT] = "leases go on",
                                        [LEASE_CHECKPOINT] = "leases from before the boot",
                                        [LEASE_UNKNOWN] = "an unknown time has passed"};
    return words[origin];
}

int rebuild_run(const struct rebuild *r)
{
    struct scan s = {.r = r, .now_s = sys_service_s()};
    uint32_t age_s;
    uint64_t began_ms = sys_now_ms();
    s.origin = lease_origin(r->leases, &age_s);
    arena_init(&s.scratch, SCRATCH_LIMIT);
    arena_init(&s.names, NAMES_LIMIT);
    int err = scan_all(&s);
    size_t n_freed = err ? 0 : lease_collect(r->leases);
    if (!err) {
        put_aside(&s);
        give_leases(&s);
    }
    arena_fini(&s.scratch);
    arena_fini(&s.names);
    if (s.n_newer)
        log_warn("store: %zu records were written by a newer version and are not served",
                 s.n_newer);
    if (err)
        log_error("store: cannot read the records: %s", err_text(err));
    else
        log_info("store: %zu AoRs, %zu leases (%s, %u s old; %zu rebuilt, %zu freed) in %llu ms",
                 calendar_count(r->calendar), lease_count(r->leases), origin_word(s.origin), age_s,
                 s.n_rebuilt, n_freed, (unsigned long long)(sys_now_ms() - began_ms));
    return err;
}
