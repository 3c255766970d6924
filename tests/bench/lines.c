/* What the store costs: so many lines of one device each are registered in a store of their own,
 * and it is opened again. Run by store.py.
 *
 *     lines make DIR LINES BATCH power|process    registers them, BATCH to a commit
 *     lines open DIR LINES                        opens it and looks
 *
 * Both print "name value" a line: microseconds of this thread's processor time an update, seconds,
 * kilobytes of memory of our own (no file's pages), bytes of the files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "store/store.h"

enum { HOUR_S = 3600, MAP_LEN = 1 << 30 };

static const struct absorb_conf policy = {.grace_s = 30, .max_contacts = 8};
static const char *const listeners[] = {"udp-access"};

static const struct absorb_conf *policy_of(struct str aor, void *arg)
{
    (void)aor;
    (void)arg;
    return &policy;
}

static double clock_s(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long memory_kb(void)
{
    char line[256];
    long kb = 0;
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "RssAnon:", 8) == 0)
            kb = strtol(line + 8, NULL, 10);
    if (f)
        (void)fclose(f);
    return kb;
}

static void print_file(const char *dir, const char *name)
{
    char path[512];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (stat(path, &st) == 0)
        printf("%s_bytes %lld\n", strrchr(path, '/') + 1, (long long)st.st_blocks * 512);
}

static struct store *open_store(const char *dir, enum store_durability durability)
{
    char state[256], run[256];
    struct store *s;
    snprintf(state, sizeof state, "%s/state", dir);
    snprintf(run, sizeof run, "%s/run", dir);
    (void)mkdir(state, 0700);
    (void)mkdir(run, 0700);
    const struct store_conf conf = {.state_dir = state,
                                    .runtime_dir = run,
                                    .durability = durability,
                                    .lease_checkpoint_s = 10,
                                    .max_queue = 100000,
                                    .map_len = MAP_LEN,
                                    .names = {listeners, 1},
                                    .policy = policy_of};
    if (store_open(&conf, &s))
        exit(2);
    return s;
}

/* ---------------------------------------------------------------- registering */

/* Scattered, as phones come. */
static unsigned line_of(unsigned i)
{
    return i * 2654435761U;
}

/* A text with the line's number in it. */
static struct str text_in(struct arena *a, const char *before, unsigned line, const char *behind)
{
    char text[160];
    int n = snprintf(text, sizeof text, "%s%08x%s", before, line, behind);
    return str_dup(a, (struct str){text, (size_t)n});
}

/* What a phone's first REGISTER leaves once upstream has taken it; 640 bytes it had. */
static int reduce(const struct store_change *c, void *input, bool *is_changed)
{
    const unsigned line = *(const unsigned *)input;
    struct binding *b = binding_add(c->next);
    struct upreg *u = binding_upreg_add(c->next);
    b->id = (uint64_t)line << 20 | 1;
    b->contact = text_in(c->arena, "sip:u", line, "@192.168.17.20:5060;transport=udp");
    b->params = STR_NONE;
    b->instance = STR_NONE;
    b->path = STR_NONE;
    b->call_id = text_in(c->arena, "c0", line, "-76a1e3a4b8@192.168.17.20");
    b->user_agent = STR("Deskphone D735/10.1.46.16");
    b->cseq = 1000001;
    b->methods = 0x3fff;
    b->way.peer = (struct addr){.ip = {127, 0, 0, 9}, .port = 40000, .family = 4};
    b->proof = (struct proof){.kind = PROOF_UPSTREAM, .at_s = c->now_s};
    b->granted_s = 600;
    b->expires_at_s = c->now_s + 600;
    b->created_at_s = c->now_s;
    b->upreg_id = (uint64_t)line << 24 | 7;
    b->is_changed = true;
    *u = (struct upreg){.id = b->upreg_id,
                        .contact = text_in(c->arena, "sip:u", line,
                                           "@192.0.2.1:5060;bw=0123456789abcdef0123456789ab"),
                        .call_id = text_in(c->arena, "", line, "89abcdef0123456789abcdef@bw"),
                        .cseq = 28000000,
                        .granted_s = HOUR_S,
                        .dead_at_s = c->now_s + HOUR_S,
                        .service_route = STR_NONE,
                        .associated = STR_NONE,
                        .pub_gruu = STR_NONE,
                        .temp_gruu = STR_NONE,
                        .form = 0x123456789abcdef1};
    *is_changed = true;
    return 0;
}

static void *copy_line(struct arena *a, const void *input)
{
    unsigned *copy = arena_alloc(a, sizeof *copy);
    if (copy)
        *copy = *(const unsigned *)input;
    return copy;
}

static void update(struct store *s, unsigned i)
{
    const unsigned line = line_of(i);
    char aor[64];
    int n = snprintf(aor, sizeof aor, "u%08x@example.test", line);
    const struct store_request r = {
        .aor = {aor, (size_t)n}, .reduce = reduce, .input = &line, .copy = copy_line};
    if (store_update(s, &r))
        exit(3);
}

static void make(const char *dir, unsigned n, unsigned batch, enum store_durability durability)
{
    long before_kb = memory_kb();
    struct store *s = open_store(dir, durability);
    double cpu_s = clock_s(CLOCK_THREAD_CPUTIME_ID), wall_s = clock_s(CLOCK_MONOTONIC);
    for (unsigned i = 0; i < n; i++) {
        update(s, i);
        if ((i + 1) % batch == 0 || i + 1 == n)
            (void)store_turn(s);
    }
    while (lease_count(store_leases(s)) < n)
        (void)store_turn(s);
    printf("update_cpu_us %.2f\n", (clock_s(CLOCK_THREAD_CPUTIME_ID) - cpu_s) * 1e6 / n);
    printf("update_wall_us %.2f\n", (clock_s(CLOCK_MONOTONIC) - wall_s) * 1e6 / n);
    printf("memory_kb %ld\n", memory_kb() - before_kb);
    store_close(s);
}

static void open_again(const char *dir, unsigned n)
{
    char state[256], run[256];
    long before_kb = memory_kb();
    double start_s = clock_s(CLOCK_MONOTONIC), cpu_s = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    struct store *s = open_store(dir, DURABILITY_PROCESS);
    if (lease_count(store_leases(s)) != n || store_count(s) != n)
        exit(4);
    printf("open_s %.3f\n", clock_s(CLOCK_MONOTONIC) - start_s);
    printf("open_cpu_s %.3f\n", clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu_s);
    printf("memory_kb %ld\n", memory_kb() - before_kb);
    snprintf(state, sizeof state, "%s/state", dir);
    snprintf(run, sizeof run, "%s/run", dir);
    print_file(state, "data.mdb");
    print_file(run, "leases");
    store_close(s);
}

int main(int argc, char **argv)
{
    const struct log_conf log = {.level = LEVEL_WARN, .target = "stderr"};
    if (log_open(&log) || stats_thread_start())
        return 2;
    unsigned n = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
    if (argc == 6 && strcmp(argv[1], "make") == 0)
        make(argv[2], n, (unsigned)strtoul(argv[4], NULL, 10),
             strcmp(argv[5], "power") == 0 ? DURABILITY_POWER : DURABILITY_PROCESS);
    else if (argc == 4 && strcmp(argv[1], "open") == 0)
        open_again(argv[2], n);
    else
        return 2;
    return 0;
}
