#include "store/cluster.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "store/follower.h"
#include "store/keyring.h"
#include "store/outbox.h"

/* Between two attempts to connect, two readings, two purges; a turn in which nobody calls. */
enum { RETRY_MS = 1000, READ_MS = 20, PURGE_MS = 3600000, TURN_MS = 250 };
enum { PAGE_ROWS = 2000, HEX = 33, FINISH_MS = 8000 };

struct cluster {
    struct cluster_conf conf;
    struct clusterdb_id id;
    char instance[HEX], keys[HEX];
    pthread_t thread;
    bool has_thread;
    int stop_fd, wake_fd;
    struct clusterface face;
    atomic_bool is_finishing, is_woken;
    _Atomic(struct store *) store;

    /* the thread's */
    struct cluster_status now;
    struct pg *pg;
    struct follower *follower;
    struct outbox *outbox;
    struct clusterdb_member member;
    struct clusterdb_news news;
    struct tenure tenure;
    struct tenure_wish wish, granted;
    uint64_t generation, own_epoch; /* that it leads in */
    uint64_t lag, retry_ms, read_ms, purge_ms;
    int64_t shown[3]; /* of the gauges */
    bool is_current, has_handed;
};

/* ---------------------------------------------------------------- what others see */

static enum cluster_phase phase_of(const struct cluster *c)
{
    return clusterface_phase(&c->face);
}

static void show(struct cluster *c, uint64_t until_ms)
{
    static const enum stats_id ids[] = {STAT_CLUSTER_TO_WRITE, STAT_CLUSTER_MAY_SEND,
                                        STAT_CLUSTER_NODES_CURRENT};
    int64_t values[] = {(int64_t)c->lag, until_ms > sys_now_ms(), 0};
    for (size_t i = 0; i < c->news.view.n_nodes; i++)
        values[2] += c->news.view.nodes[i].is_member && c->news.view.nodes[i].is_current;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        stats_add(ids[i], values[i] - c->shown[i]);
        c->shown[i] = values[i];
    }
}

static void publish(struct cluster *c)
{
    struct cluster_status *s = &c->now;
    uint64_t until_ms = phase_of(c) == CLUSTER_LEADS ? tenure_acts_until_ms(&c->tenure, 0) : 0;
    s->is_connected = pg_is_open(c->pg);
    s->generation = c->generation;
    s->own_epoch = c->own_epoch;
    s->lag = c->lag;
    s->me = c->member.number;
    s->owner = c->news.view.claims[0].node;
    s->n_nodes = c->news.view.n_nodes;
    memcpy(s->nodes, c->news.view.nodes, sizeof s->nodes);
    memcpy(s->names, c->news.names, sizeof s->names);
    clusterface_publish(&c->face, s, until_ms);
    show(c, until_ms);
}

static void set_phase(struct cluster *c, enum cluster_phase phase)
{
    clusterface_set_phase(&c->face, phase);
    publish(c);
}

static void complain(struct cluster *c, const char *what, const char *why)
{
    clusterface_complain(&c->face, what, why);
}

void cluster_status(struct cluster *c, struct cluster_status *out)
{
    clusterface_read(&c->face, out);
}

/* ---------------------------------------------------------------- tenure */

static void step(struct cluster *c, struct tenure_event e)
{
    e.now_ms = sys_now_ms();
    tenure_step(&c->tenure, &e, &c->wish);
}

static void on_error(struct cluster *c, int err)
{
    if (err == ERR_GONE) {
        step(c, (struct tenure_event){.what = TENURE_LOST});
        publish(c);
    } else {
        complain(c, "database", err == ERR_IO ? pg_error(c->pg) : err_text(err));
    }
}

static int do_fence(struct cluster *c, const struct tenure_wish *w)
{
    int heir = tenure_choice(&c->tenure.conf, &c->news.view, 0);
    log_warn("cluster: node %d is not heard any more: it is fenced", w->fence);
    stats_inc(STAT_CLUSTER_FENCED);
    return clusterdb_fence(c->pg, &c->member, w, c->tenure.conf.fence_ms, heir);
}

static void grant_wishes(struct cluster *c)
{
    struct tenure_wish *w = &c->granted;
    int err = 0;
    *w = c->wish;
    if (w->fence != TENURE_NOBODY)
        err = do_fence(c, w);
    if (!err && w->n_takes)
        err = clusterdb_take(c->pg, &c->member, w->takes[0]);
    if (!err && w->n_hands && w->hands[0].to != TENURE_NOBODY) {
        err = clusterdb_hand(c->pg, &c->member, 0, c->tenure.shards[0].epoch, w->hands[0].to);
        c->has_handed = !err;
    }
    if (err)
        on_error(c, err);
}

/* The records are as the database says, or will be. */
static bool is_ours_again(struct cluster *c, const struct tenure_shard *s)
{
    if (s->epoch == c->own_epoch && c->tenure.generation == c->generation)
        return true;
    if (c->tenure.generation == c->generation)
        return false;
    if (outbox_begin_anew(c->outbox, c->tenure.generation, s->epoch))
        return false;
    log_warn("cluster: the database is another one: all records are written to it");
    c->generation = c->tenure.generation;
    c->own_epoch = s->epoch;
    return true;
}

/* Who leads, and stays so or not, after each heartbeat. */
static void judge_lead(struct cluster *c)
{
    const struct tenure_shard *s = &c->tenure.shards[0];
    bool is_unsettled = c->tenure.generation != c->generation &&
                        (!c->news.view.is_settled || !outbox_is_open(c->outbox));
    if (phase_of(c) != CLUSTER_LEADS || !c->tenure.is_member || is_unsettled)
        return;
    if (s->hold == TENURE_NONE || (s->hold == TENURE_ADOPTING && !is_ours_again(c, s))) {
        log_error("cluster: the database has another node in our place");
        stats_inc(STAT_CLUSTER_LOST);
        set_phase(c, CLUSTER_LOST);
    } else if (s->hold == TENURE_ADOPTING) {
        step(c, (struct tenure_event){.what = TENURE_READ, .sent_ms = s->learned_ms + 1});
    }
}

static void judge_clock(struct cluster *c)
{
    int64_t ours_ms = (int64_t)(sys_service_s() * 1000);
    clusterface_note_clock(&c->face, ours_ms - (int64_t)c->news.wall_ms);
}

static void beat(struct cluster *c)
{
    const struct clusterdb_beat b = {
        .is_current = c->is_current, .lag = c->lag, .fence_ms = c->tenure.conf.fence_ms};
    uint64_t sent_ms = sys_now_ms();
    int err = clusterdb_beat(c->pg, &c->member, &b, &c->news);
    if (err) {
        on_error(c, err);
        return;
    }
    stats_inc(STAT_CLUSTER_BEATS);
    judge_clock(c);
    step(c, (struct tenure_event){.what = TENURE_HEARD,
                                  .sent_ms = sent_ms,
                                  .epoch = c->member.epoch,
                                  .view = &c->news.view});
    bool must_join = c->wish.join;
    grant_wishes(c);
    if (!must_join)
        judge_lead(c);
    publish(c);
}

static void join(struct cluster *c)
{
    const char *why = "";
    uint64_t sent_ms = sys_now_ms();
    int err = clusterdb_join(c->pg, &c->id, &c->member, &why);
    if (err) {
        complain(c, "this node may not join", err == ERR_BADCONF ? why : pg_error(c->pg));
        pg_close(c->pg);
        return;
    }
    clusterface_note_success(&c->face);
    c->tenure.me = c->member.number;
    outbox_set_n(c->outbox, c->member.last_n);
    step(c, (struct tenure_event){
                .what = TENURE_JOINED, .sent_ms = sent_ms, .epoch = c->member.epoch});
    beat(c);
}

static void tick(struct cluster *c)
{
    step(c, (struct tenure_event){.what = TENURE_TICK});
    bool must_join = c->wish.join, must_beat = c->wish.beat;
    if (pg_is_open(c->pg) && must_join)
        join(c);
    else if (pg_is_open(c->pg) && must_beat)
        beat(c);
}

/* A connection begins with joining, so that nothing of the last one can arrive any more. */
static void keep_connected(struct cluster *c)
{
    uint64_t now_ms = sys_now_ms();
    if (pg_is_open(c->pg) || now_ms < c->retry_ms)
        return;
    c->retry_ms = now_ms + RETRY_MS;
    stats_inc(STAT_CLUSTER_CONNECTS);
    if (pg_connect(c->pg, CLUSTERDB_SOON_MS) || clusterdb_listen(c->pg)) {
        complain(c, "database", pg_error(c->pg));
        return;
    }
    join(c);
}

/* ---------------------------------------------------------------- following */

static int read_origin(struct cluster *c, int origin, uint64_t last)
{
    size_t n = PAGE_ROWS;
    int err = 0;
    while (!err && n == PAGE_ROWS && !atomic_load(&c->is_finishing)) {
        uint64_t at = follower_position(c->follower, origin);
        if (at >= last)
            return 0;
        err = clusterdb_feed(c->pg, origin, at, PAGE_ROWS, &n);
        if (!err)
            err = follower_apply(c->follower, origin, c->pg, n);
        stats_add(STAT_CLUSTER_ROWS_IN, err ? 0 : (int64_t)n);
        if (!err)
            tick(c); /* a long reading does not make us silent */
    }
    return !err && atomic_load(&c->is_finishing) ? ERR_IO : err;
}

/* What is here is newer than the database, or has to be in it yet. */
enum truth { TRUTH_THERE, TRUTH_HERE, TRUTH_HERE_ALONE };

/* The epoch that breakwaterctl cluster restored gives to the node that it names. */
static bool is_named(const struct cluster *c)
{
    const struct tenure_shard *s = &c->tenure.shards[0];
    return s->hold == TENURE_ADOPTING && s->epoch == (c->tenure.generation << 32) + 1 &&
           follower_is_whole(c->follower);
}

/* last: of all rows that the database has. */
static enum truth judge_truth(const struct cluster *c, uint64_t last)
{
    const struct tenure_shard *s = &c->tenure.shards[0];
    if (follower_is_foreign(c->follower, c->tenure.generation) && (!last || is_named(c)))
        return TRUTH_HERE_ALONE;
    bool has_led =
        s->hold == TENURE_ADOPTING && follower_has_led(c->follower, c->tenure.generation, s->epoch);
    return has_led ? TRUTH_HERE : TRUTH_THERE; /* here: it was this node all the time */
}

static int read_rows(struct cluster *c, const struct clusterdb_end *ends, size_t n)
{
    int err = 0;
    if (!follower_can_go_on(c->follower, c->tenure.generation, ends, n)) {
        log_info("cluster: the records are read anew");
        stats_inc(STAT_CLUSTER_RESYNCS);
        c->is_current = false;
        err = follower_reset(c->follower, c->tenure.generation, ends, n);
    }
    for (size_t i = 0; i < n && !err; i++)
        err = read_origin(c, ends[i].origin, ends[i].last);
    return err || c->is_current ? err : follower_note_whole(c->follower);
}

static int read_all(struct cluster *c, bool *is_first)
{
    struct clusterdb_end ends[TENURE_NODES_MAX];
    size_t n;
    int err = clusterdb_ends(c->pg, ends, &n);
    uint64_t last = 0;
    for (size_t i = 0; i < n && !err; i++)
        last = ends[i].last > last ? ends[i].last : last;
    enum truth truth = err ? TRUTH_THERE : judge_truth(c, last);
    *is_first = truth == TRUTH_HERE_ALONE;
    return err || truth != TRUTH_THERE ? err : read_rows(c, ends, n);
}

static void take_the_lead(struct cluster *c, bool is_first)
{
    c->generation = c->tenure.generation;
    c->own_epoch = c->tenure.shards[0].epoch;
    const struct follower_lead claim = {c->generation, c->own_epoch, is_first};
    if (follower_lead(c->follower, &claim, &c->lag)) {
        complain(c, "records", "they cannot be written");
        return;
    }
    follower_close(c->follower);
    c->follower = NULL;
    stats_inc(STAT_CLUSTER_LEADS);
    set_phase(c, CLUSTER_LEADS);
}

static const char *fault_text(int err)
{
    return err == ERR_TOOBIG ? "rows of a later version, or more nodes than there may be"
                             : err_text(err);
}

static void follow(struct cluster *c)
{
    uint64_t began_ms = sys_now_ms();
    bool is_first = false;
    bool is_told = c->tenure.generation && c->news.view.is_settled; /* whose records are right */
    if (!pg_is_open(c->pg) || !c->tenure.is_member || began_ms < c->read_ms)
        return;
    c->is_current = c->is_current && is_told;
    if (!is_told)
        return;
    int err = read_all(c, &is_first);
    c->read_ms = sys_now_ms() + READ_MS;
    if (err) {
        c->is_current = false;
        complain(c, "reading", pg_is_open(c->pg) ? fault_text(err) : pg_error(c->pg));
        return;
    }
    c->is_current = true;
    step(c, (struct tenure_event){.what = TENURE_READ, .sent_ms = began_ms});
    if (tenure_can_act(&c->tenure, 0, sys_now_ms()))
        take_the_lead(c, is_first);
}

/* ---------------------------------------------------------------- leading */

/* True: there is more. */
static bool write_rows(struct cluster *c)
{
    bool is_held =
        c->tenure.shards[0].hold == TENURE_HELD || c->tenure.shards[0].hold == TENURE_LEAVING;
    if (!outbox_is_open(c->outbox) || !pg_is_open(c->pg) || !c->tenure.is_member || !is_held)
        return false;
    size_t n_left = 0;
    int err = outbox_write(c->outbox, c->pg, &c->member, c->own_epoch, &n_left);
    c->lag = n_left;
    if (err == ERR_GONE)
        stats_inc(STAT_CLUSTER_REFUSED);
    if (err)
        on_error(c, err);
    return !err && n_left > 0;
}

static void purge(struct cluster *c)
{
    uint64_t now_ms = sys_now_ms();
    if (!pg_is_open(c->pg) || now_ms < c->purge_ms || c->tenure.shards[0].hold != TENURE_HELD)
        return;
    c->purge_ms = now_ms + PURGE_MS;
    int err = clusterdb_purge(c->pg, &c->member);
    if (err)
        on_error(c, err);
}

static void open_outbox(struct cluster *c)
{
    struct store *s = atomic_load(&c->store);
    if (s && !outbox_is_open(c->outbox) && outbox_open(c->outbox, s))
        complain(c, "records", "no memory to read them");
}

static bool lead(struct cluster *c)
{
    open_outbox(c);
    bool has_more = write_rows(c);
    purge(c);
    return has_more;
}

/* ---------------------------------------------------------------- the end */

static bool has_all_written(const struct cluster *c)
{
    return c->lag == 0 && (outbox_is_open(c->outbox) || !atomic_load(&c->store));
}

/* A node that leads and could not even open its store hands over, too: its service manager would
 * start it again and again, and so keep it the owner. But not what only it has. */
static void finish(struct cluster *c)
{
    uint64_t end_ms = sys_now_ms() + FINISH_MS;
    open_outbox(c);
    while (write_rows(c) && sys_now_ms() < end_ms)
        ;
    if (phase_of(c) == CLUSTER_LEADS && !has_all_written(c))
        log_warn("cluster: %" PRIu64 " records are not in the database: they are not handed over",
                 c->lag);
    else if (phase_of(c) == CLUSTER_LEADS && pg_is_open(c->pg)) {
        step(c, (struct tenure_event){.what = TENURE_GOING});
        step(c, (struct tenure_event){.what = TENURE_QUIET});
        beat(c); /* and hands over, if there is somebody */
    }
    bool is_owner = c->tenure.shards[0].hold != TENURE_NONE && !c->has_handed;
    if (pg_is_open(c->pg) && !is_owner && c->tenure.is_member)
        (void)clusterdb_leave(c->pg, &c->member);
}

static void turn(struct cluster *c)
{
    bool has_more = false;
    keep_connected(c);
    tick(c);
    if (phase_of(c) == CLUSTER_FOLLOWS)
        follow(c);
    else if (phase_of(c) == CLUSTER_LEADS)
        has_more = lead(c);
    publish(c);
    if (!has_more && pg_wait(c->pg, c->wake_fd, TURN_MS))
        c->tenure.sent_ms = 0; /* somebody's ownership has changed: ask at once */
    clusterface_drain(c->wake_fd);
    atomic_store(&c->is_woken, false);
}

static void *run(void *arg)
{
    struct cluster *c = arg;
    log_thread_name("cluster");
    (void)stats_thread_start();
    while (!atomic_load(&c->is_finishing) && phase_of(c) != CLUSTER_LOST)
        turn(c);
    if (phase_of(c) != CLUSTER_LOST)
        finish(c);
    atomic_store(&c->face.deadline_ms, 0);
    return NULL;
}

/* ---------------------------------------------------------------- life */

static int fingerprint(const struct token_key *key, struct str purpose, char out[HEX])
{
    uint8_t mac[TOKEN_MAC_LEN];
    if (!token_mac(key, &purpose, 1, mac))
        return ERR_NOMEM;
    struct buf b = buf_over(out, HEX - 1);
    buf_add_hex(&b, mac, (HEX - 1) / 2);
    out[b.len] = '\0';
    return 0;
}

static int name_node(struct cluster *c)
{
    struct token_key own;
    int err = keyring_load_node(c->conf.state_dir, &own);
    if (!err)
        err = fingerprint(&own, STR("a node of a cluster"), c->instance);
    if (!err)
        err = fingerprint(&c->conf.token, STR("keys of a cluster"), c->keys);
    c->id = (struct clusterdb_id){.cluster = c->conf.name,
                                  .node = c->conf.node,
                                  .instance = c->instance,
                                  .keys = c->keys,
                                  .fence_ms = c->conf.fence_s * 1000ULL};
    return err;
}

static int open_all(struct cluster *c)
{
    const struct follower_conf conf = {.state_dir = c->conf.state_dir,
                                       .runtime_dir = c->conf.runtime_dir,
                                       .is_synced = c->conf.is_synced,
                                       .names = c->conf.names};
    const struct tenure_conf tenure = tenure_conf_of(c->conf.fence_s * 1000ULL, 1, 0);
    tenure_init(&c->tenure, &tenure, TENURE_NOBODY);
    c->news.view.claims[0].node = TENURE_NOBODY;
    c->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    c->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (c->stop_fd < 0 || c->wake_fd < 0)
        return ERR_IO;
    int err = name_node(c);
    if (!err)
        err = pg_new(c->conf.database, c->stop_fd, &c->pg);
    if (!err)
        err = outbox_new(&c->outbox);
    if (!err)
        err = follower_open(&conf, &c->follower);
    return err;
}

int cluster_start(const struct cluster_conf *conf, struct cluster **out)
{
    struct cluster *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    c->conf = *conf;
    c->stop_fd = c->wake_fd = -1;
    int err = clusterface_init(&c->face, conf->node);
    if (!err)
        err = open_all(c);
    if (!err) {
        publish(c);
        c->has_thread = !pthread_create(&c->thread, NULL, run, c);
        err = c->has_thread ? 0 : ERR_NOMEM;
    }
    if (err) {
        cluster_free(c);
        return err;
    }
    *out = c;
    return 0;
}

int cluster_fd(const struct cluster *c)
{
    return c->face.phase_fd;
}

enum cluster_phase cluster_phase(struct cluster *c)
{
    clusterface_drain(c->face.phase_fd);
    return phase_of(c);
}

void cluster_lead(struct cluster *c, struct store *s)
{
    atomic_store(&c->store, s);
    cluster_wake(c);
}

void cluster_wake(struct cluster *c)
{
    if (!atomic_exchange(&c->is_woken, true))
        clusterface_signal(c->wake_fd);
}

bool cluster_has_regained(struct cluster *c)
{
    return atomic_exchange(&c->face.has_regained, false);
}

const _Atomic uint64_t *cluster_deadline(const struct cluster *c)
{
    return &c->face.deadline_ms;
}

void cluster_finish(struct cluster *c)
{
    if (!c || !c->has_thread)
        return;
    struct cluster_status s;
    cluster_status(c, &s);
    atomic_store(&c->is_finishing, true);
    clusterface_signal(s.is_connected ? c->wake_fd : c->stop_fd);
    (void)pthread_join(c->thread, NULL);
    c->has_thread = false;
    outbox_free(c->outbox);
    c->outbox = NULL;
}

void cluster_free(struct cluster *c)
{
    if (!c)
        return;
    cluster_finish(c);
    outbox_free(c->outbox);
    follower_close(c->follower);
    pg_free(c->pg);
    if (c->stop_fd >= 0)
        (void)close(c->stop_fd);
    if (c->wake_fd >= 0)
        (void)close(c->wake_fd);
    clusterface_fini(&c->face);
    free(c);
}
