#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "store/calendar.h"
#include "store/group.h"
#include "store/headcount.h"
#include "store/notes.h"
#include "store/queue.h"
#include "store/rebuild.h"
#include "store/records.h"
#include "store/sweep.h"

enum { TICK_MS = 500, CHECK_READERS_MS = 60000, KEEPER_TICK_MS = 1000 };

/* After a commit that failed: the sweep waits, phones do not. */
enum { SWEEP_PAUSE_MS = 5000 };

struct store {
    struct store_conf conf;
    int lock_fd;
    struct records records;
    struct lease_table *leases;
    struct calendar *calendar;
    struct headcount *headcount;
    struct sweep *sweep;
    struct group *group;
    struct queue *queue;
    struct update *held; /* its AoR was in the last group already */
    uint64_t touched_s, checked_ms, sweep_after_ms;
    pthread_t keeper;
    int keeper_fd; /* readable: the keeper is to end */
};

struct store_reader {
    struct store *store;
    struct lmdb_reader *lmdb;
};

/* ---- opening */

int store_lock(const char *dir, int *fd)
{
    char path[PATH_MAX];
    if (mkdir(dir, 0700) && errno != EEXIST) {
        log_error("store: cannot make state-dir %s: %s", dir, strerror(errno));
        return ERR_IO;
    }
    if (snprintf(path, sizeof path, "%s/lock", dir) >= (int)sizeof path)
        return ERR_IO;
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0) {
        log_error("store: cannot open %s: %s", path, strerror(errno));
        return ERR_IO;
    }
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        log_error("store: state-dir %s is in use by another process; stop it, or set another "
                  "state-dir",
                  dir);
    else
        log_error("store: cannot lock %s: %s", path, strerror(errno));
    return ERR_IO;
}

static int open_records(struct store *s)
{
    const struct records_conf conf = {.dir = s->conf.state_dir,
                                      .map_len = s->conf.map_len,
                                      .is_synced = s->conf.durability == DURABILITY_POWER,
                                      .names = s->conf.names};
    return records_open(&conf, &s->records);
}

static int open_leases(struct store *s)
{
    const struct lease_conf conf = {.runtime_dir = s->conf.runtime_dir,
                                    .state_dir = s->conf.state_dir,
                                    .checkpoint_s = s->conf.lease_checkpoint_s,
                                    .slots_max = s->conf.leases_max};
    int err = lease_open(&conf, &s->leases);
    if (!err)
        s->records.shift_s = lease_shift_s(s->leases);
    s->records.is_marked = s->conf.is_marked;
    return err;
}

/* Once: changes of a run without the cluster are told to it as soon as this node leads again. */
static int try_alone(struct store *s)
{
    struct lmdb_txn t;
    lmdb_begin(s->records.env, &t);
    if (!notes_led(&t) || notes_was_alone(&t)) {
        lmdb_abort(&t);
        return 0;
    }
    notes_alone(&t);
    return lmdb_commit(&t);
}

static int note_alone(struct store *s)
{
    if (s->conf.is_marked)
        return 0;
    int err = try_alone(s);
    if (err != ERR_FULL)
        return err;
    err = lmdb_grow(s->records.env);
    return err ? err : try_alone(s);
}

static void on_done(struct update *u, const struct aor_record *next, void *arg);

static int make_parts(struct store *s)
{
    int err = calendar_new(sys_service_s(), &s->calendar);
    if (!err)
        err = headcount_new(&s->headcount);
    if (!err)
        err = sweep_new(&(struct sweep_conf){.records = &s->records,
                                             .leases = s->leases,
                                             .calendar = s->calendar,
                                             .policy = s->conf.policy,
                                             .owner = s->conf.owner,
                                             .on_event = s->conf.on_event,
                                             .arg = s->conf.arg},
                        &s->sweep);
    if (!err)
        err = group_new(&(struct group_conf){.records = &s->records,
                                             .leases = s->leases,
                                             .calendar = s->calendar,
                                             .headcount = s->headcount,
                                             .on_done = on_done,
                                             .arg = s,
                                             .on_change = s->conf.on_change,
                                             .change_arg = s->conf.change_arg},
                        &s->group);
    if (!err)
        err = queue_new(s->conf.max_queue, &s->queue);
    return err;
}

static int open_all(struct store *s)
{
    int err = store_lock(s->conf.state_dir, &s->lock_fd);
    if (!err)
        err = open_records(s);
    if (!err)
        err = note_alone(s);
    if (!err)
        err = open_leases(s);
    if (!err)
        err = make_parts(s);
    if (err)
        return err;
    stats_add(STAT_STORE_DEAD_READERS, lmdb_check_readers(s->records.env));
    return rebuild_run(&(struct rebuild){.records = &s->records,
                                         .leases = s->leases,
                                         .calendar = s->calendar,
                                         .headcount = s->headcount,
                                         .sweep = s->sweep,
                                         .group = s->group});
}

int store_open(const struct store_conf *conf, struct store **out)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    s->conf = *conf;
    s->lock_fd = -1;
    s->keeper_fd = -1;
    int err = open_all(s);
    if (err == ERR_NOMEM)
        log_error("store: no memory to open it");
    if (err) {
        store_close(s);
        return err;
    }
    *out = s;
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    update_free(s->held);
    queue_free(s->queue);
    group_free(s->group);
    sweep_free(s->sweep);
    calendar_free(s->calendar);
    headcount_free(s->headcount);
    lease_close(s->leases);
    if (s->records.env && s->conf.durability == DURABILITY_PROCESS)
        (void)lmdb_sync(s->records.env);
    records_close(&s->records);
    if (s->lock_fd >= 0)
        (void)close(s->lock_fd);
    free(s);
}

struct lease_table *store_leases(struct store *s)
{
    return s->leases;
}

struct records *store_records(struct store *s)
{
    return &s->records;
}

const struct headcount *store_headcount(const struct store *s)
{
    return s->headcount;
}

size_t store_count(const struct store *s)
{
    return calendar_count(s->calendar);
}

const struct codec_names *store_names(const struct store *s)
{
    return &s->conf.names;
}

/* ---- changing */

int store_update(struct store *s, const struct store_request *r)
{
    struct update *u;
    int err = update_new(r, &u);
    if (err)
        return err;
    err = queue_add(s->queue, u);
    if (err)
        update_free(u);
    return err;
}

void store_result_free(struct store_result *r)
{
    update_free(container_of(r, struct update, result));
}

void store_event_free(struct store_event *e)
{
    free(e);
}

static void on_done(struct update *u, const struct aor_record *next, void *arg)
{
    struct store *s = arg;
    struct calendar_entry *e = next ? calendar_find(s->calendar, next->aor) : NULL;
    if (e)
        sweep_file(s->sweep, e, next);
    if (u->event && u->result.outcome == STORE_COMMITTED)
        sweep_on_done(s->sweep, u);
    if (u->request.reply_to)
        inbox_push(u->request.reply_to, &u->result.node);
    else
        update_free(u);
}

/* ---- the writer */

/* True: there is more than one commit takes. */
static bool fill_group(struct store *s)
{
    struct update *u = s->held ? s->held : queue_take(s->queue);
    s->held = NULL;
    while (u && group_add(s->group, u))
        u = queue_take(s->queue);
    s->held = u;
    return u;
}

static void tick(struct store *s, uint64_t now_ms)
{
    if (now_ms / 1000 != s->touched_s)
        lease_touch(s->leases);
    s->touched_s = now_ms / 1000;
    if (now_ms - s->checked_ms < CHECK_READERS_MS)
        return;
    s->checked_ms = now_ms;
    stats_add(STAT_STORE_DEAD_READERS, lmdb_check_readers(s->records.env));
}

uint32_t store_turn(struct store *s)
{
    uint64_t now_ms = sys_now_ms();
    tick(s, now_ms);
    bool has_more = fill_group(s);
    if (now_ms >= s->sweep_after_ms)
        has_more |= sweep_turn(s->sweep, s->group);
    if (group_commit(s->group))
        s->sweep_after_ms = now_ms + SWEEP_PAUSE_MS;
    return has_more ? 0 : TICK_MS;
}

/* ---- the keeper: what may take long, on a thread of its own */

static void *keep(void *arg)
{
    struct store *s = arg;
    struct pollfd fd = {.fd = s->keeper_fd, .events = POLLIN};
    uint64_t synced_ms = sys_now_ms();
    log_thread_name("keeper");
    (void)stats_thread_start();
    while (poll(&fd, 1, KEEPER_TICK_MS) <= 0) {
        (void)lease_checkpoint(s->leases);
        uint64_t now_ms = sys_now_ms();
        if (s->conf.durability == DURABILITY_POWER ||
            now_ms - synced_ms < (uint64_t)s->conf.lease_checkpoint_s * 1000)
            continue;
        (void)lmdb_sync(s->records.env);
        synced_ms = now_ms;
    }
    return NULL;
}

static void start_keeper(struct store *s)
{
    s->keeper_fd = eventfd(0, EFD_CLOEXEC);
    if (s->keeper_fd >= 0 && pthread_create(&s->keeper, NULL, keep, s) == 0)
        return;
    log_error("store: cannot start the checkpoint thread: leases are not written to %s",
              s->conf.state_dir);
    if (s->keeper_fd >= 0)
        (void)close(s->keeper_fd);
    s->keeper_fd = -1;
}

static void stop_keeper(struct store *s)
{
    uint64_t one = 1;
    if (s->keeper_fd < 0)
        return;
    if (write(s->keeper_fd, &one, sizeof one) == (ssize_t)sizeof one)
        (void)pthread_join(s->keeper, NULL);
    (void)close(s->keeper_fd);
    s->keeper_fd = -1;
}

void store_run(struct store *s)
{
    start_keeper(s);
    while (s->held || !queue_is_over(s->queue)) {
        uint32_t wait_ms = store_turn(s);
        if (wait_ms)
            queue_wait(s->queue, wait_ms);
    }
    stop_keeper(s);
}

void store_stop(struct store *s)
{
    queue_stop(s->queue);
}

/* ---- reading */

int store_reader_new(struct store *s, struct store_reader **out)
{
    struct store_reader *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    r->store = s;
    int err = lmdb_reader_new(s->records.env, &r->lmdb);
    if (err) {
        free(r);
        return err;
    }
    *out = r;
    return 0;
}

void store_reader_free(struct store_reader *r)
{
    if (!r)
        return;
    lmdb_reader_free(r->lmdb);
    free(r);
}

static int empty_record(struct arena *a, struct str aor, const struct aor_record **out)
{
    struct aor_record *rec = arena_calloc(a, 1, sizeof *rec);
    if (!rec)
        return ERR_NOMEM;
    rec->aor = str_dup(a, aor);
    *out = rec;
    return str_is_none(rec->aor) && aor.p ? ERR_NOMEM : 0;
}

int store_read(struct store_reader *r, struct arena *a, struct str aor,
               const struct aor_record **out)
{
    struct aor_record *rec;
    struct lmdb_txn *t = lmdb_reader_begin(r->lmdb);
    int err = records_get(&r->store->records, t, a, aor, &rec);
    if (err == ERR_ABSENT)
        return empty_record(a, aor, out);
    if (err == ERR_NOMEM)
        return err;
    if (err) {
        stats_inc(STAT_STORE_DAMAGED);
        log_error("store: cannot read the record of %.*s: %s", STR_FMT(LOG_NAME_OF(aor)),
                  t->code ? lmdb_text(t->code) : err_text(err));
        return ERR_IO;
    }
    *out = rec;
    return 0;
}

int store_find_upreg(struct store_reader *r, struct arena *a, uint64_t upreg_id, struct str *aor)
{
    return records_find_upreg(lmdb_reader_begin(r->lmdb), a, upreg_id, aor);
}

int store_next(struct store_reader *r, struct arena *a, struct str after, struct str *aor)
{
    return records_next(lmdb_reader_begin(r->lmdb), a, after, aor);
}

void store_reader_reset(struct store_reader *r)
{
    lmdb_reader_end(r->lmdb);
}
