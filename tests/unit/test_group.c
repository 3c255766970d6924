/* What a commit promises: nothing acknowledged is lost by a kill, a full map or a full disk. With
 * BREAKWATER_SOAK=1 the kills are 500. */
#include "storebench.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/stats.h"

enum { LINES = 40 };

static struct str line(unsigned i, char name[32])
{
    return (struct str){name, (size_t)snprintf(name, 32, "line%u@example.test", i)};
}

/* ---- kills */

/* What the child has been told is done. */
struct ack {
    uint32_t line, cseq;   /* a commit */
    uint64_t expires_at_s; /* a refresh; 0: a commit */
};

static void *run(void *arg)
{
    store_run(arg);
    return NULL;
}

static void say(int to, struct ack a)
{
    if (write(to, &a, sizeof a) != (ssize_t)sizeof a)
        _exit(2);
}

/* Hands on what is committed, and refreshes it. */
static void child_take(int to, struct store_reader *r, struct arena *a)
{
    struct inbox_node *n = pull(&results, true);
    struct store_result *result = container_of(n, struct store_result, node);
    const struct wish *w = result->input;
    uint32_t i = (uint32_t)w->binding_id - 1;
    const struct aor_record *rec;
    if (result->outcome != STORE_COMMITTED)
        _exit(3);
    say(to, (struct ack){i, w->cseq, 0});
    arena_reset(a, 1 << 20);
    store_reader_reset(r);
    if (store_read(r, a, result->aor, &rec))
        _exit(4);
    struct lease_refresh refresh = {.ref = rec->bindings[0].lease,
                                    .expires_at_s = sys_service_s() + 1000 + w->cseq,
                                    .cseq = w->cseq + 1};
    uint64_t until;
    if (lease_extend(store_leases(store), &refresh, &until) == LEASE_EXTENDED)
        say(to, (struct ack){i, w->cseq + 1, until});
    store_result_free(result);
}

static _Noreturn void child(int to, uint32_t first_cseq)
{
    pthread_t thread;
    struct store_reader *r;
    struct arena a;
    char name[32];
    arena_init(&a, 1 << 20);
    open_store();
    if (pthread_create(&thread, NULL, run, store) || store_reader_new(store, &r))
        _exit(5);
    uint32_t waiting = 0;
    for (uint32_t cseq = first_cseq;; cseq += 2) {
        for (unsigned i = 0; i < LINES; i++, waiting++) {
            struct wish w = put(i + 1, cseq, 500);
            w.is_moved = true;
            if (submit(line(i, name), &w, 0))
                _exit(6);
            if (waiting > 100)
                child_take(to, r, &a), waiting--;
        }
    }
}

static struct ack known[LINES];

static void drain(int from)
{
    struct ack a;
    while (read(from, &a, sizeof a) == (ssize_t)sizeof a) {
        assert_true(a.line < LINES);
        if (a.cseq > known[a.line].cseq)
            known[a.line] = a;
    }
}

/* The record is as it was acknowledged or newer, and its lease is there. (A refresh whose CSeq a
 * commit has overtaken leaves the one of the commit before.) */
static void check_lines(void)
{
    char name[32];
    for (unsigned i = 0; i < LINES; i++) {
        if (!known[i].cseq)
            continue;
        const struct aor_record *r = look(line(i, name));
        assert_int_equal(r->n_bindings, 1);
        struct lease_state s;
        assert_true(lease_read(store_leases(store), r->bindings[0].lease, &s));
        bool is_refresh = known[i].expires_at_s != 0;
        assert_true(s.cseq + is_refresh >= known[i].cseq);
        if (s.cseq <= known[i].cseq && is_refresh)
            assert_true(s.expires_at_s == known[i].expires_at_s);
    }
    assert_true(lease_count(store_leases(store)) <= LINES);
}

static void kill_one(uint32_t first_cseq, uint32_t after_us)
{
    int pipe_fd[2];
    assert_int_equal(pipe(pipe_fd), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child(pipe_fd[1], first_cseq);
    (void)close(pipe_fd[1]);
    struct ack a; /* it runs */
    if (read(pipe_fd[0], &a, sizeof a) == (ssize_t)sizeof a)
        (void)usleep(after_us);
    assert_int_equal(kill(pid, SIGKILL), 0);
    drain(pipe_fd[0]);
    (void)close(pipe_fd[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static void no_kill_loses_what_was_acknowledged(void **state)
{
    (void)state;
    uint64_t seed = (uint64_t)time(NULL) | 1;
    int rounds = getenv("BREAKWATER_SOAK") ? 500 : 20;
    memset(known, 0, sizeof known);
    store_close(store);
    for (int i = 0; i < rounds; i++) {
        kill_one((uint32_t)(i + 1) * 1000000, mutate_random(&seed) % 20000);
        start_process();
        open_store();
        check_lines();
        store_close(store);
    }
    open_store();
}

/* ---- no room */

static void a_full_map_grows(void **state)
{
    (void)state;
    char name[32];
    struct store_conf c = conf();
    store_close(store);
    wipe();
    c.map_len = 128 * 1024;
    assert_int_equal(store_open(&c, &store), 0);
    int64_t grown = stats_sum(STAT_STORE_MAP_GROWN);
    for (unsigned i = 0; i < 3000; i++) {
        struct wish w = put(i + 1, 1, 60);
        assert_int_equal(submit(line(i, name), &w, 0), 0);
        if (i % 500 == 499)
            turn();
    }
    turn();
    for (unsigned i = 0; i < 3000; i++)
        assert_int_equal(outcome(), STORE_COMMITTED);
    assert_in_range(stats_sum(STAT_STORE_MAP_GROWN) - grown, 3, 8);
    for (unsigned i = 0; i < 3000; i++)
        assert_int_equal(look(line(i, name))->revision, 1);
}

static void limit_files(rlim_t n)
{
    struct rlimit r;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &r), 0);
    r.rlim_cur = n;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &r), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
}

static void a_full_disk_refuses_and_loses_nothing(void **state)
{
    (void)state;
    char name[32];
    struct wish w = put(1, 1, 60);
    grant(line(0, name), &w);
    struct lease_ref ref = look(line(0, name))->bindings[0].lease;
    size_t n_leases = lease_count(store_leases(store));
    limit_files(60000);
    unsigned n_failed = 0;
    for (unsigned i = 1; i < 400; i++) {
        w = put(i + 1, 1, 60);
        assert_int_equal(submit(line(i, name), &w, 0), 0);
        turn();
        bool has_failed = outcome() == STORE_FAILED;
        n_failed += has_failed;
        n_leases += !has_failed;
    }
    assert_true(n_failed > 0);
    assert_int_equal(lease_count(store_leases(store)), n_leases);
    assert_int_equal(store_count(store), n_leases);
    /* who is registered is served: refreshes need no disk, and no handle has moved */
    w = put(1, 2, 60);
    w.is_moved = true;
    assert_int_equal(submit(line(0, name), &w, 0), 0);
    turn();
    assert_int_equal(outcome(), STORE_FAILED);
    assert_memory_equal(&look(line(0, name))->bindings[0].lease, &ref, sizeof ref);
    assert_int_equal(extend(line(0, name), 1, sys_service_s() + 60, 2), LEASE_EXTENDED);
    w.what = WISH_NOTHING;
    assert_int_equal(submit(line(0, name), &w, 0), 0);
    turn();
    assert_int_equal(outcome(), STORE_UNCHANGED);
    /* the sweep tries, in vain, and goes on when there is room */
    pass_s(80);
    turn();
    assert_int_equal(store_count(store), n_leases);
    limit_files(RLIM_INFINITY);
    pass_s(10);
    turn();
    assert_int_equal(store_count(store), 0);
    w = put(1, 9, 60);
    grant(line(0, name), &w);
    restart();
    assert_int_equal(look(line(0, name))->bindings[0].cseq, 9);
}

static void a_full_lease_table_refuses_and_loses_nothing(void **state)
{
    (void)state;
    char name[32];
    struct store_conf c = conf();
    store_close(store);
    wipe();
    c.leases_max = 1; /* the file's first piece: 16384 */
    assert_int_equal(store_open(&c, &store), 0);
    unsigned n_failed = 0;
    for (unsigned i = 0; i < 16500; i++) {
        struct wish w = put(i + 1, 1, 60);
        assert_int_equal(submit(line(i, name), &w, 0), 0);
        if (i % 500 == 499)
            turn();
    }
    turn();
    for (unsigned i = 0; i < 16500; i++)
        n_failed += outcome() == STORE_FAILED;
    assert_int_equal(n_failed, 16500 - 16384);
    assert_int_equal(store_count(store), 16384);
}

/* ---- threads: a map that grows under readers, refreshes beside commits */

static _Atomic bool is_over;

static void *reader(void *arg)
{
    uint64_t seed = (uint64_t)(uintptr_t)arg;
    struct store_reader *r;
    struct arena a;
    char name[32];
    arena_init(&a, 1 << 20);
    if (store_reader_new(store, &r))
        return NULL;
    while (!is_over) {
        for (int i = 0; i < 8; i++) { /* a turn of a worker's loop */
            const struct aor_record *rec;
            uint64_t until;
            if (store_read(r, &a, line(mutate_random(&seed) % 4000, name), &rec))
                abort();
            for (size_t k = 0; k < rec->n_bindings; k++)
                (void)lease_extend(store_leases(store),
                                   &(struct lease_refresh){.ref = rec->bindings[k].lease,
                                                           .expires_at_s = sys_service_s() + 90,
                                                           .cseq = mutate_random(&seed) % 1000},
                                   &until);
        }
        store_reader_reset(r);
        arena_reset(&a, 1 << 20);
    }
    store_reader_free(r);
    arena_fini(&a);
    return arg;
}

static void readers_and_the_writer_do_not_disturb_each_other(void **state)
{
    (void)state;
    pthread_t threads[3];
    char name[32];
    struct store_conf c = conf();
    store_close(store);
    wipe();
    c.map_len = 128 * 1024;
    assert_int_equal(store_open(&c, &store), 0);
    is_over = false;
    assert_int_equal(pthread_create(&threads[0], NULL, run, store), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, reader, (void *)1), 0);
    assert_int_equal(pthread_create(&threads[2], NULL, reader, (void *)2), 0);
    for (unsigned i = 0; i < 8000; i++) {
        struct wish w = put(i % 4000 + 1, 1 + i / 4000, 60);
        while (submit(line(i % 4000, name), &w, 0) == ERR_FULL)
            (void)usleep(100);
    }
    for (unsigned i = 0; i < 8000; i++) {
        struct inbox_node *n = pull(&results, true);
        struct store_result *r = container_of(n, struct store_result, node);
        assert_int_equal(r->outcome, STORE_COMMITTED);
        store_result_free(r);
    }
    is_over = true;
    assert_int_equal(pthread_join(threads[1], NULL), 0);
    assert_int_equal(pthread_join(threads[2], NULL), 0);
    store_stop(store);
    assert_int_equal(pthread_join(threads[0], NULL), 0);
    assert_int_equal(store_count(store), 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(no_kill_loses_what_was_acknowledged),
        STORE_TEST(a_full_map_grows),
        STORE_TEST(a_full_disk_refuses_and_loses_nothing),
        STORE_TEST(a_full_lease_table_refuses_and_loses_nothing),
        STORE_TEST(readers_and_the_writer_do_not_disturb_each_other),
    };
    return RUN(tests);
}
