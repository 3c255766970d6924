#include "daemon/daemon.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"

#include "admin/history.h"
#include "admin/http.h"
#include "admin/keysjson.h"
#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "conf/conf.h"
#include "daemon/reports.h"
#include "daemon/sockets.h"
#include "daemon/standby.h"
#include "net/namebook.h"
#include "net/tls.h"
#include "service/memo.h"
#include "service/alarm.h"
#include "service/board.h"
#include "service/lifecycle.h"
#include "service/regview.h"
#include "service/shield.h"
#include "service/source.h"
#include "service/tally.h"
#include "service/told.h"
#include "service/worker.h"
#include "sip/glue.h"
#include "store/keyring.h"
#include "store/store.h"
#include "store/ticketfile.h"

enum { STORE_QUEUE_MAX = 65536, TEND_MS = HISTORY_STEP_S * 1000 };

struct daemon {
    pthread_mutex_t reloading; /* one at a time: it may come by signal and by the admin API */
    pthread_mutex_t lock;      /* guards conf, which only a reload changes; never held for long */
    struct conf *conf;
    struct conf *last_conf;  /* before conf: the store thread may still be reading it */
    struct conf *first_conf; /* of the start: for changes that wait for a restart */
    struct http *http;
    struct worker_group group;
    struct tickets tickets; /* of all TLS listeners */
    struct reports reports;
    struct cluster *cluster; /* NULL: there is none */
    struct store *store;
    pthread_t store_thread;
    bool has_store_thread;
    const char **listener_names;
    pthread_t *threads;
    unsigned n_threads;
    int signal_fd;
    int idle_fd; /* counts the workers that have drained */
    atomic_bool is_draining;
    atomic_bool is_departing; /* the operator's drain: it goes on until the stop */
};

/* ---------------------------------------------------------------- reload */

static void say_to_log(bool is_error, const char *text, void *arg)
{
    (void)arg;
    if (is_error)
        log_error("%s", text);
    else
        log_warn("%s", text);
}

/* Before any worker has the snapshot. */
static void share_tickets(struct daemon *d, struct conf *conf)
{
    for (size_t i = 0; i < conf->n_listens; i++)
        if (conf->listens[i].tls)
            tls_context_set_tickets(conf->listens[i].tls, &d->tickets);
}

/* All workers get the new snapshot; without memory some keep the old one, and the log says so. */
static void spread(struct daemon *d, struct conf *next)
{
    share_tickets(d, next);
    for (unsigned i = 0; i < d->group.n; i++)
        if (worker_reload(d->group.workers[i], next))
            log_error("reload: worker %u keeps the old configuration: out of memory", i);
    stats_add(STAT_CREDENTIALS,
              (int64_t)next->n_credentials_lines - (int64_t)d->conf->n_credentials_lines);
    struct conf *old = d->last_conf;
    pthread_mutex_lock(&d->lock);
    d->last_conf = d->conf;
    d->conf = next;
    pthread_mutex_unlock(&d->lock);
    conf_unref(old);
}

static int reload(struct daemon *d, conf_say_fn *say, void *arg)
{
    struct conf *next;
    pthread_mutex_lock(&d->reloading); /* a large credentials file takes its time */
    int err = conf_load(d->conf->path, say, arg, &next);
    if (!err && shield_table_link(d->group.shields, next)) {
        conf_unref(next);
        err = ERR_NOMEM;
    }
    if (err) {
        log_error("reload: the running configuration stays (%s)", err_text(err));
    } else {
        conf_compare(d->first_conf, next, say, arg);
        if (log_open(&next->log))
            log_error("log.target: cannot open %s; the old target stays", next->log.target);
        if (reports_aim(&d->reports, next))
            log_error("events: out of memory; they go on as they were");
        spread(d, next);
        log_info("reload: done");
    }
    pthread_mutex_unlock(&d->reloading);
    return err;
}

/* ---------------------------------------------------------------- stop */

static void on_worker_idle(void *arg)
{
    struct daemon *d = arg;
    uint64_t one = 1;
    if (write(d->idle_fd, &one, sizeof one) < 0)
        log_error("drain: %s", strerror(errno));
}

static uint32_t drain_timeout_s(struct daemon *d)
{
    pthread_mutex_lock(&d->lock);
    uint32_t s = d->conf->drain_timeout_s;
    pthread_mutex_unlock(&d->lock);
    return s;
}

static void start_drain(struct daemon *d)
{
    if (atomic_exchange(&d->is_draining, true))
        return;
    uint32_t timeout_s = drain_timeout_s(d);
    sockets_tell("STOPPING=1");
    log_info("stopping: waiting up to %u s for requests under way", timeout_s);
    for (unsigned i = 0; i < d->group.n; i++)
        if (worker_drain(d->group.workers[i], timeout_s * 1000ULL, on_worker_idle, d))
            on_worker_idle(d);
}

/* ---------------------------------------------------------------- signals */

/* True: stop now. A second SIGTERM or SIGINT does not wait for the drain. */
static bool on_signal(struct daemon *d, uint32_t number)
{
    switch (number) {
    case SIGHUP:
        sockets_tell("RELOADING=1");
        (void)reload(d, say_to_log, NULL);
        sockets_tell("READY=1");
        return false;
    case SIGUSR1:
        if (log_reopen())
            log_error("log: cannot open the file again: %s", strerror(errno));
        return false;
    default:
        if (atomic_load(&d->is_draining))
            return true;
        start_drain(d);
        return false;
    }
}

static int wait_for_end(struct daemon *d)
{
    struct pollfd fds[] = {{.fd = d->signal_fd, .events = POLLIN},
                           {.fd = d->idle_fd, .events = POLLIN},
                           {.fd = d->cluster ? cluster_fd(d->cluster) : -1, .events = POLLIN}};
    uint64_t n_idle = 0, n;
    struct signalfd_siginfo info;
    while (n_idle < d->group.n) {
        if (poll(fds, sizeof fds / sizeof *fds, TEND_MS) < 0 && errno != EINTR)
            return 0;
        if (!standby_goes_on(d->cluster, d->group.shields))
            return ERR_GONE;
        http_tend(d->http);
        ticketfile_tend(d->first_conf->state_dir, &d->tickets);
        if (read(d->idle_fd, &n, sizeof n) == sizeof n)
            n_idle += n;
        if (read(d->signal_fd, &info, sizeof info) == sizeof info && on_signal(d, info.ssi_signo))
            return 0;
    }
    return 0;
}

/* Before any other thread exists, so that all inherit the mask. */
static int block_signals(struct daemon *d)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigset_t all = set;
    sigaddset(&all, SIGPIPE);
    if (pthread_sigmask(SIG_BLOCK, &all, NULL))
        return ERR_IO;
    d->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    d->idle_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return d->signal_fd < 0 || d->idle_fd < 0 ? ERR_IO : 0;
}

/* ---------------------------------------------------------------- store */

/* Used by the store thread within one step of its work: the snapshot outlives that, because the
 * one before the newest is kept. */
static const struct absorb_conf *policy_of(struct str aor, void *arg)
{
    struct daemon *d = arg;
    pthread_mutex_lock(&d->lock);
    const struct conf_domain *domain = regview_domain(d->conf, aor);
    pthread_mutex_unlock(&d->lock);
    return domain ? &domain->absorb : NULL;
}

static struct inbox *inbox_of(struct str aor, void *arg)
{
    const struct daemon *d = arg;
    return worker_inbox_of(&d->group, aor);
}

static void on_change(const struct aor_record *was, const struct aor_record *now, bool is_lapse,
                      void *arg)
{
    struct daemon *d = arg;
    lifecycle_on_commit(&d->reports.lifecycle, was, now, is_lapse);
    if (d->cluster)
        cluster_wake(d->cluster);
}

static int set_log_names(const struct keyring *keys)
{
    struct hash_key key;
    if (!token_hash_key(&keys->token, STR("names in the log"), &key))
        return ERR_NOMEM;
    log_set_name_key(&key);
    return 0;
}

static int name_listeners(struct daemon *d)
{
    d->listener_names = calloc(d->conf->n_listens, sizeof *d->listener_names);
    for (size_t i = 0; d->listener_names && i < d->conf->n_listens; i++)
        d->listener_names[i] = d->conf->listens[i].name;
    return d->listener_names ? 0 : ERR_NOMEM;
}

static int open_store(struct daemon *d)
{
    struct keyring keys;
    int err = keyring_load(d->conf->state_dir, &keys);
    if (!err)
        err = set_log_names(&keys);
    if (err)
        return err;
    d->group.token_key = keys.token;
    d->group.nonce_key = keys.nonce;
    const struct store_conf conf = {.state_dir = d->conf->state_dir,
                                    .runtime_dir = d->conf->runtime_dir,
                                    .durability = (enum store_durability)d->conf->durability,
                                    .lease_checkpoint_s = d->conf->lease_checkpoint_s,
                                    .max_queue = STORE_QUEUE_MAX,
                                    .names = {d->listener_names, d->conf->n_listens},
                                    .policy = policy_of,
                                    .owner = inbox_of,
                                    .on_event = worker_on_store_event,
                                    .arg = d,
                                    .on_change = on_change,
                                    .change_arg = d,
                                    .is_marked = d->cluster != NULL};
    err = store_open(&conf, &d->store);
    d->group.store = d->store;
    if (!err && d->cluster)
        cluster_lead(d->cluster, d->store);
    if (!err)
        err = ticketfile_load(d->conf->state_dir, &d->tickets);
    share_tickets(d, d->conf);
    return err;
}

static void *store_thread(void *arg)
{
    log_thread_name("store");
    if (stats_thread_start())
        log_warn("store: no memory for counters of its own; it uses the shared ones");
    store_run(arg);
    return NULL;
}

/* After the workers' threads: nobody submits any more. */
static void stop_store(struct daemon *d)
{
    if (!d->has_store_thread)
        return;
    store_stop(d->store);
    (void)pthread_join(d->store_thread, NULL);
}

/* ---------------------------------------------------------------- start */

static void say_not_opened(const struct conf_listen *l)
{
    log_error("listen \"%s\": cannot open udp:%s: %s", l->name,
              addr_text(&l->addr, (char[ADDR_TEXT]){0}), strerror(errno));
}

static int make_workers(struct daemon *d)
{
    d->group.n = d->conf->workers;
    d->group.owner_key = hash_key_new();
    d->group.loop_key = hash_key_new();
    d->group.workers = calloc(d->group.n, sizeof *d->group.workers);
    d->threads = calloc(d->group.n, sizeof *d->threads);
    if (!d->group.workers || !d->threads || source_table_new(&d->group.sources) ||
        alarm_new(&d->group.alarms) || board_new(&d->group.board) ||
        namebook_new(&d->group.names) || tally_new(&d->group.tally) || told_new(&d->group.told) ||
        memo_table_new(&d->group.owner_key, &d->group.memos) || shield_table_new(&d->group.shields))
        return ERR_NOMEM;
    if (d->cluster)
        shield_table_limit(d->group.shields, cluster_deadline(d->cluster));
    if (shield_table_link(d->group.shields, d->conf))
        return ERR_NOMEM;
    for (unsigned i = 0; i < d->group.n; i++) {
        const struct conf_listen *failed;
        int err = worker_new(&d->group, i, d->conf, &failed, &d->group.workers[i]);
        if (err && failed)
            say_not_opened(failed);
        if (err)
            return err;
    }
    return 0;
}

static void *worker_thread(void *arg)
{
    log_thread_name("worker");
    if (stats_thread_start())
        log_warn("worker: no memory for counters of its own; it uses the shared ones");
    worker_run(arg);
    return NULL;
}

static int start_threads(struct daemon *d)
{
    for (; d->n_threads < d->group.n; d->n_threads++) {
        struct worker *w = d->group.workers[d->n_threads];
        if (pthread_create(&d->threads[d->n_threads], NULL, worker_thread, w))
            return ERR_NOMEM;
    }
    d->has_store_thread = !pthread_create(&d->store_thread, NULL, store_thread, d->store);
    return d->has_store_thread ? 0 : ERR_NOMEM;
}

/* ---------------------------------------------------------------- admin */

static bool is_ready(const char **why, void *arg)
{
    const struct daemon *d = arg;
    *why = "draining";
    return !atomic_load(&d->is_draining) && !atomic_load(&d->is_departing);
}

static unsigned n_workers(void *arg)
{
    return ((const struct daemon *)arg)->group.n;
}

/* Where one call's findings go: to its caller and to the log. */
struct two_ears {
    conf_say_fn *say;
    void *arg;
};

static void say_twice(bool is_error, const char *text, void *arg)
{
    const struct two_ears *ears = arg;
    say_to_log(is_error, text, NULL);
    ears->say(is_error, text, ears->arg);
}

static int on_reload(conf_say_fn *say, void *say_arg, void *arg)
{
    struct two_ears ears = {say, say_arg};
    return reload(arg, say_twice, &ears);
}

/* 0, ERR_ABSENT, or ERR_BADCONF: it is not probed. */
static int look_up(struct daemon *d, struct str name)
{
    int err = ERR_ABSENT;
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < d->conf->n_upstreams; i++)
        if (str_eq(str_of(d->conf->upstreams[i].name), name))
            err = d->conf->upstreams[i].probe_interval_s ? 0 : ERR_BADCONF;
    pthread_mutex_unlock(&d->lock);
    return err;
}

static int on_resync(struct str upstream, void *arg)
{
    struct daemon *d = arg;
    int err = look_up(d, upstream) == ERR_ABSENT ? ERR_ABSENT : 0;
    uint64_t since_s = sys_service_s();
    for (unsigned i = 0; i < d->group.n && !err; i++)
        err = worker_resync(d->group.workers[i], upstream, since_s, true);
    return err;
}

static int on_hold(struct str upstream, bool is_held, void *arg)
{
    struct daemon *d = arg;
    int err = look_up(d, upstream);
    return err ? err : worker_hold(d->group.workers[0], upstream, is_held);
}

static int on_drain(void *arg)
{
    struct daemon *d = arg;
    int err = 0;
    for (unsigned i = 0; i < d->group.n && !err; i++)
        err = worker_depart(d->group.workers[i]);
    if (!err && !atomic_exchange(&d->is_departing, true)) {
        stats_inc(STAT_DRAINING);
        log_info("drain: no new calls are taken; devices are told the shortest expiry");
    }
    return err;
}

static struct conf *running_conf(void *arg)
{
    struct daemon *d = arg;
    pthread_mutex_lock(&d->lock);
    struct conf *conf = conf_ref(d->conf);
    pthread_mutex_unlock(&d->lock);
    return conf;
}

static int on_remove(struct str aor, struct removal *out, void *arg)
{
    const struct daemon *d = arg;
    return worker_remove(&d->group, aor, out);
}

static size_t trail_of(unsigned worker, struct str aor, struct trail_entry *out, void *arg)
{
    return worker_trail(&((const struct daemon *)arg)->group, worker, aor, out);
}

static const struct ledger *ledger_of(unsigned worker, void *arg)
{
    return worker_ledger(&((const struct daemon *)arg)->group, worker);
}

static const struct noise *noise_of(unsigned worker, void *arg)
{
    return worker_noise(&((const struct daemon *)arg)->group, worker);
}

static void keys_of(struct keysjson *out, void *arg)
{
    struct daemon *d = arg;
    out->ring = (struct keyring){d->group.token_key, d->group.nonce_key};
    out->n_tickets = ticket_get(&d->tickets, out->tickets);
}

static int install_keys(const struct keysjson *keys, void *arg)
{
    struct daemon *d = arg;
    const char *dir = d->first_conf->state_dir;
    int err = ticketfile_install(dir, &d->tickets, keys->tickets, keys->n_tickets);
    return err ? err : keyring_save(dir, &keys->ring);
}

static int start_admin(struct daemon *d)
{
    const struct http_conf conf = {
        .admin = &d->conf->admin,
        .hooks = {is_ready,         n_workers,       on_reload,      on_resync,        d,
                  d->group.sources, d->group.alarms, d->group.board, d->store,         running_conf,
                  on_remove,        trail_of,        ledger_of,      d->group.shields, noise_of,
                  on_drain,         keys_of,         install_keys,   on_hold,          d->cluster},
        .tap = &d->reports.tap};
    return http_start(&conf, &d->http);
}

static int start(struct daemon *d)
{
    int err = log_open(&d->conf->log);
    if (err) {
        log_error("log.target: cannot open %s: %s", d->conf->log.target, err_text(err));
        return err;
    }
    glue_init();
    stats_add(STAT_CREDENTIALS, (int64_t)d->conf->n_credentials_lines);
    if (mkdir(d->conf->runtime_dir, 0750) && errno != EEXIST)
        log_warn("runtime-dir: cannot make %s: %s", d->conf->runtime_dir, strerror(errno));
    err = block_signals(d);
    if (!err)
        err = reports_start(&d->reports, d->conf, &d->group);
    if (!err)
        err = name_listeners(d);
    if (!err)
        err = standby_wait(d->conf, d->listener_names, d->signal_fd, &d->cluster);
    if (!err)
        err = open_store(d);
    if (!err)
        err = sockets_take(&d->group.handover);
    if (!err)
        err = make_workers(d);
    if (!err)
        sockets_store(&d->group, d->group.handover);
    handover_free(d->group.handover);
    d->group.handover = NULL;
    if (!err)
        err = start_admin(d);
    if (!err)
        err = start_threads(d);
    if (err && err != ERR_AGAIN)
        log_error("start failed: %s", err_text(err));
    return err;
}

static void stop(struct daemon *d)
{
    http_stop(d->http);
    for (unsigned i = 0; i < d->n_threads; i++)
        worker_stop(d->group.workers[i]);
    for (unsigned i = 0; i < d->n_threads; i++)
        (void)pthread_join(d->threads[i], NULL);
    stop_store(d);
    cluster_finish(d->cluster);
    for (unsigned i = 0; d->group.workers && i < d->group.n; i++)
        worker_free(d->group.workers[i]);
    free(d->group.workers);
    source_table_free(d->group.sources);
    alarm_free(d->group.alarms);
    board_free(d->group.board);
    namebook_free(d->group.names);
    tally_free(d->group.tally);
    told_free(d->group.told);
    memo_table_free(d->group.memos);
    shield_table_free(d->group.shields);
    store_close(d->store);
    cluster_free(d->cluster);
    reports_stop(&d->reports);
    free(d->listener_names);
    free(d->threads);
    if (d->signal_fd >= 0)
        (void)close(d->signal_fd);
    if (d->idle_fd >= 0)
        (void)close(d->idle_fd);
    conf_unref(d->conf);
    conf_unref(d->last_conf);
    conf_unref(d->first_conf);
}

int daemon_run(struct conf *conf)
{
    struct daemon d = {.reloading = PTHREAD_MUTEX_INITIALIZER,
                       .lock = PTHREAD_MUTEX_INITIALIZER,
                       .tickets = {.lock = PTHREAD_MUTEX_INITIALIZER},
                       .conf = conf,
                       .first_conf = conf_ref(conf),
                       .signal_fd = -1,
                       .idle_fd = -1};
    int err = start(&d);
    if (!err) {
        log_info("breakwater " PACKAGE_VERSION " is ready: %u workers", d.group.n);
        sockets_tell("READY=1");
        err = wait_for_end(&d);
        log_info("stopped");
    }
    stop(&d);
    log_close();
    return err == ERR_AGAIN ? 0 : err; /* asked to stop while it stood by */
}
