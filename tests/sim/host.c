#include "host.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/sys.h"
#include "conf/conf.h"
#include "fake.h"
#include "service/memo.h"
#include "service/board.h"
#include "service/lifecycle.h"
#include "service/regview.h"
#include "service/alarm.h"
#include "service/shield.h"
#include "service/source.h"
#include "service/tally.h"
#include "service/told.h"
#include "store/keyring.h"
#include "store/store.h"

enum { KEEPER_MS = 1000, QUEUE_MAX = 65536, LEASES_MAX = 65536, MAP_LEN = 64 << 20 };

static void path_of(const struct host *h, const char *name, char path[PATH_MAX])
{
    BUG_ON(snprintf(path, PATH_MAX, "%s/%s", h->root, name) >= PATH_MAX);
}

/* ---------------------------------------------------------------- directories */

static const char *const folders[] = {"state", "run", "kept-state", "kept-run", "files"};

static void make_folders(const struct host *h)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        path_of(h, folders[i], path);
        BUG_ON(mkdir(path, 0700));
    }
}

/* Copies one file, with its mode; to NULL: removes it. */
static void do_file(const char *from, const char *to)
{
    static char block[1 << 16];
    struct stat st;
    if (!to) {
        BUG_ON(unlink(from));
        return;
    }
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    BUG_ON(!in || !out || fstat(fileno(in), &st) || fchmod(fileno(out), st.st_mode & 0777));
    for (size_t n = fread(block, 1, sizeof block, in); n; n = fread(block, 1, sizeof block, in))
        BUG_ON(fwrite(block, 1, n, out) != n);
    (void)fclose(in);
    BUG_ON(fclose(out));
}

static void do_files(const struct host *h, const char *from, const char *to)
{
    char folder[PATH_MAX], source[PATH_MAX + NAME_MAX], target[PATH_MAX + NAME_MAX];
    path_of(h, from, folder);
    DIR *d = opendir(folder);
    BUG_ON(!d);
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(source, sizeof source, "%s/%s/%s", h->root, from, e->d_name);
        (void)snprintf(target, sizeof target, "%s/%s/%s", h->root, to ? to : "", e->d_name);
        do_file(source, to ? target : NULL);
    }
    (void)closedir(d);
}

static void copy_files(const struct host *h, const char *from, const char *to)
{
    do_files(h, to, NULL);
    do_files(h, from, to);
}

static void remove_files(const struct host *h, const char *folder)
{
    do_files(h, folder, NULL);
}

/* In memory where there is such a place: the store syncs. */
static char *make_root(void)
{
    const char *folder = getenv("TMPDIR");
    char path[PATH_MAX];
    if (!folder)
        folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(path, sizeof path, "%s/sim-XXXXXX", folder);
    BUG_ON(!mkdtemp(path));
    return strdup(path);
}

/* ---------------------------------------------------------------- configuration */

static void say(bool is_error, const char *text, void *arg)
{
    (void)arg;
    if (is_error) /* warnings are about this machine, which the simulated one is not */
        fprintf(stderr, "%s\n", text);
}

void host_put_credentials(const struct host *h, struct str lines)
{
    char path[PATH_MAX];
    path_of(h, "credentials", path);
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    BUG_ON(fd < 0 || write(fd, lines.p, lines.n) != (ssize_t)lines.n || close(fd));
}

void host_file(struct host *h, struct str name, struct str text)
{
    char path[PATH_MAX], whole[PATH_MAX + NAME_MAX];
    path_of(h, "files", path);
    (void)snprintf(whole, sizeof whole, "%s/%.*s", path, STR_FMT(name));
    FILE *f = fopen(whole, "w");
    BUG_ON(!f || fchmod(fileno(f), 0600) || fwrite(text.p, 1, text.n, f) != text.n);
    BUG_ON(fclose(f));
}

/* Names in a configuration, and what they stand for in the host's directory. */
static const struct {
    struct str name;
    const char *path;
} names[] = {{{"@credentials", 12}, "credentials"}, {{"$DIR", 4}, "files"}};

/* The name that a text begins with; -1: none. */
static int name_at(struct str text)
{
    for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++)
        if (str_has_prefix(text, names[i].name))
            return i;
    return -1;
}

/* With paths in place of names. */
static bool write_conf(const struct host *h, struct str text, FILE *f)
{
    bool is_written = true;
    while (text.n && is_written) {
        int i = name_at(text);
        is_written =
            i >= 0 ? fprintf(f, "%s/%s", h->root, names[i].path) > 0 : fputc(*text.p, f) >= 0;
        text = str_skip(text, i >= 0 ? names[i].name.n : 1);
    }
    return is_written;
}

/* Where the section that text stands before ends. */
static struct str section_of(struct str text)
{
    unsigned depth = 0;
    for (size_t i = 0; i < text.n; i++) {
        depth += text.p[i] == '{';
        if (text.p[i] == '}' && --depth == 0)
            return (struct str){text.p, i};
    }
    return text;
}

/* Upstreams are probed in the scenarios that say so: what nobody expects is a failure. */
static bool write_quiet_conf(const struct host *h, struct str text, FILE *f)
{
    static const char word[] = "upstream \"";
    bool is_written = true;
    while (text.n && is_written) {
        const char *at = memmem(text.p, text.n, word, sizeof word - 1);
        const char *open = at ? memchr(at, '{', text.n - (size_t)(at - text.p)) : NULL;
        struct str head = open ? str_span(text.p, open + 1) : text;
        struct str rest = str_skip(text, head.n),
                   all = section_of(str_skip(text, head.n ? head.n - 1 : 0));
        bool is_quiet = open && !memmem(all.p, all.n, "probe-interval", 14);
        is_written = write_conf(h, head, f) && (!is_quiet || fputs(" probe-interval = 0 ", f) >= 0);
        text = rest;
    }
    return is_written;
}

/* The text goes through a file, as the daemon reads it. */
static int load_conf(const struct host *h, struct str text, struct conf **out)
{
    char path[PATH_MAX];
    path_of(h, "conf", path);
    FILE *f = fopen(path, "w");
    if (!f)
        return ERR_IO;
    bool is_written =
        fprintf(f, "state-dir = \"%s/state\"\nruntime-dir = \"%s/run\"\ndurability = process\n",
                h->root, h->root) > 0 &&
        write_quiet_conf(h, text, f);
    if (fclose(f) || !is_written)
        return ERR_IO;
    return conf_load(path, say, NULL, out);
}

/* ---------------------------------------------------------------- store */

static const struct absorb_conf *policy_of(struct str aor, void *arg)
{
    const struct host *h = arg;
    const struct conf_domain *domain = regview_domain(h->conf, aor);
    return domain ? &domain->absorb : NULL;
}

static struct inbox *inbox_of(struct str aor, void *arg)
{
    const struct host *h = arg;
    return worker_inbox_of(&h->group, aor);
}

static void on_change(const struct aor_record *was, const struct aor_record *now, bool is_lapse,
                      void *arg)
{
    lifecycle_on_commit(arg, was, now, is_lapse);
}

static int open_store(struct host *h)
{
    struct keyring keys;
    int err = keyring_load(h->conf->state_dir, &keys);
    h->group.token_key = keys.token;
    h->group.nonce_key = keys.nonce;
    h->listener_names = calloc(h->conf->n_listens, sizeof *h->listener_names);
    if (err || !h->listener_names)
        return err ? err : ERR_NOMEM;
    for (size_t i = 0; i < h->conf->n_listens; i++)
        h->listener_names[i] = h->conf->listens[i].name;
    const struct store_conf conf = {.state_dir = h->conf->state_dir,
                                    .runtime_dir = h->conf->runtime_dir,
                                    .durability = DURABILITY_PROCESS,
                                    .lease_checkpoint_s = h->conf->lease_checkpoint_s,
                                    .max_queue = QUEUE_MAX,
                                    .leases_max = LEASES_MAX,
                                    .map_len = MAP_LEN,
                                    .names = {h->listener_names, h->conf->n_listens},
                                    .policy = policy_of,
                                    .owner = inbox_of,
                                    .on_event = worker_on_store_event,
                                    .arg = h,
                                    .on_change = on_change,
                                    .change_arg = &h->lifecycle};
    err = store_open(&conf, &h->store);
    h->group.store = h->store;
    return err;
}

void host_turn(struct host *h)
{
    uint64_t now_ms = sys_now_ms();
    if (!h->store || h->is_writer_held)
        return;
    h->turn_ms = now_ms + store_turn(h->store);
    if (now_ms < h->keeper_ms)
        return;
    h->keeper_ms = now_ms + KEEPER_MS;
    (void)lease_checkpoint(store_leases(h->store));
}

uint64_t host_next_ms(const struct host *h)
{
    return h->store && !h->is_writer_held ? h->turn_ms : UINT64_MAX;
}

void host_hold_writer(struct host *h, bool is_held)
{
    h->is_writer_held = is_held;
    if (h->store && !is_held)
        while (store_turn(h->store) == 0)
            ;
}

/* ---------------------------------------------------------------- the daemon */

static int make_workers(struct host *h)
{
    h->group.owner_key = hash_key_new();
    h->group.loop_key = hash_key_new();
    h->group.workers = calloc(h->conf->workers, sizeof *h->group.workers);
    if (!h->group.workers || source_table_new(&h->group.sources) || alarm_new(&h->group.alarms) ||
        tally_new(&h->group.tally) || told_new(&h->group.told) ||
        memo_table_new(&h->group.owner_key, &h->group.memos))
        return ERR_NOMEM;
    h->group.n = h->conf->workers;
    if (board_new(&h->group.board) || shield_table_new(&h->group.shields) ||
        shield_table_link(h->group.shields, h->conf))
        return ERR_NOMEM;
    for (unsigned i = 0; i < h->group.n; i++) {
        const struct conf_listen *failed;
        int err = worker_new(&h->group, i, h->conf, &failed, &h->group.workers[i]);
        if (err)
            return err;
    }
    return 0;
}

bool host_boot(struct host *h, struct str conf)
{
    fake_sys_boot();
    h->n_idle = 0;
    h->is_writer_held = false;
    h->keeper_ms = sys_now_ms() + KEEPER_MS;
    int err = load_conf(h, conf, &h->conf);
    if (!err)
        err = open_store(h);
    if (!err)
        err = make_workers(h);
    if (err)
        fprintf(stderr, "cannot start the daemon: %s\n", err_text(err));
    return err == 0;
}

bool host_reload(struct host *h, struct str conf)
{
    struct conf *next;
    if (load_conf(h, conf, &next))
        return false;
    BUG_ON(shield_table_link(h->group.shields, next));
    for (unsigned i = 0; i < h->group.n; i++)
        BUG_ON(worker_reload(h->group.workers[i], next));
    conf_unref(h->conf);
    h->conf = next;
    return true;
}

bool host_resync(struct host *h, struct str upstream)
{
    uint64_t since_s = sys_service_s();
    for (unsigned i = 0; i < h->group.n; i++)
        if (worker_resync(h->group.workers[i], upstream, since_s, true))
            return false;
    return true;
}

bool host_drain_upstream(struct host *h, struct str upstream, bool is_drained)
{
    return worker_hold(h->group.workers[0], upstream, is_drained) == 0;
}

bool host_depart(struct host *h)
{
    for (unsigned i = 0; i < h->group.n; i++)
        if (worker_depart(h->group.workers[i]))
            return false;
    return true;
}

static void on_idle(void *arg)
{
    struct host *h = arg;
    h->n_idle++;
}

bool host_drain(struct host *h, uint64_t timeout_ms)
{
    for (unsigned i = 0; i < h->group.n; i++)
        if (worker_drain(h->group.workers[i], timeout_ms, on_idle, h))
            return false;
    return true;
}

/* As the daemon does it: the store's last commits, the workers, then the files. */
static void take_down(struct host *h)
{
    if (h->store) {
        store_stop(h->store);
        while (store_turn(h->store) == 0)
            ;
    }
    for (unsigned i = 0; i < h->group.n; i++)
        worker_free(h->group.workers[i]);
    free(h->group.workers);
    source_table_free(h->group.sources);
    alarm_free(h->group.alarms);
    board_free(h->group.board);
    tally_free(h->group.tally);
    told_free(h->group.told);
    memo_table_free(h->group.memos);
    shield_table_free(h->group.shields);
    store_close(h->store);
    free(h->listener_names);
    conf_unref(h->conf);
    h->group = (struct worker_group){0};
    h->store = NULL;
    h->listener_names = NULL;
    h->conf = NULL;
}

/* A killed process leaves its files as they are; what the shutdown does to them is undone. */
void host_stop(struct host *h, enum host_end how)
{
    if (how != HOST_STOP) {
        copy_files(h, "state", "kept-state");
        copy_files(h, "run", "kept-run");
    }
    take_down(h);
    if (how != HOST_STOP) {
        copy_files(h, "kept-state", "state");
        copy_files(h, "kept-run", "run");
    }
    if (how == HOST_REBOOT)
        remove_files(h, "run");
}

void host_init(struct host *h)
{
    *h = (struct host){.root = make_root()};
    BUG_ON(!h->root);
    make_folders(h);
}

void host_fini(struct host *h)
{
    char path[PATH_MAX];
    take_down(h);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        remove_files(h, folders[i]);
        path_of(h, folders[i], path);
        BUG_ON(rmdir(path));
    }
    path_of(h, "conf", path);
    (void)unlink(path);
    path_of(h, "credentials", path);
    (void)unlink(path);
    (void)rmdir(h->root);
    free(h->root);
}
