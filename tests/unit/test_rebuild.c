/* A store that is opened again: after a kill, a clock step, a reboot, damage. */
#include "storebench.h"

#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/stats.h"

static const struct str alice = {"alice@example.test", 18};
static const struct str bob = {"bob@example.test", 16};

static void a_restart_goes_on(void **state)
{
    (void)state;
    struct wish w = put(1, 1, 60);
    w.upreg_id = 9;
    w.dead_at_s = sys_service_s() + 600;
    grant(alice, &w);
    assert_int_equal(extend(alice, 1, sys_service_s() + 90, 2), LEASE_EXTENDED);
    int64_t rebuilt = stats_sum(STAT_LEASE_REBUILT);
    restart();
    assert_int_equal(store_count(store), 1);
    struct lease_state s = lease_of(alice, 1);
    assert_true(s.expires_at_s == sys_service_s() + 90 && s.cseq == 2);
    assert_int_equal(stats_sum(STAT_LEASE_REBUILT), rebuilt);
    pass_s(110);
    turn();
    assert_int_equal(look(alice)->n_bindings, 0);
}

/* D75: whatever the clock does between two runs, all that is kept stays as far away as it was. */
static void a_clock_step_between_two_runs_expires_nothing(void **state)
{
    (void)state;
    static const int64_t steps_s[] = {-86400 * 400LL, -5000, 3600, 86400 * 3650LL};
    struct wish w = put(1, 1, 600);
    w.upreg_id = 9;
    w.dead_at_s = sys_service_s() + 6000;
    grant(alice, &w);
    for (size_t i = 0; i < sizeof steps_s / sizeof steps_s[0]; i++) {
        turn();
        store_close(store);
        wall_ms += (uint64_t)(steps_s[i] * 1000);
        start_process();
        open_store();
        turn();
        assert_int_equal(count_events(STORE_LAPSED) + count_events(STORE_DUE), 0);
        assert_in_range(lease_of(alice, 1).expires_at_s - sys_service_s(), 599, 601);
        const struct aor_record *r = look(alice);
        assert_in_range(r->upregs[0].dead_at_s - sys_service_s(), 5999, 6001);
        assert_in_range(r->bindings[0].expires_at_s - sys_service_s(), 599, 601);
        w.cseq++; /* and what is written under the new clock is right under the next */
        w.expires_at_s = sys_service_s() + 600;
        w.dead_at_s = sys_service_s() + 6000;
        grant(alice, &w);
    }
}

/* D77 */
static void what_ended_while_we_were_down_gets_its_grace(void **state)
{
    (void)state;
    struct wish short_one = put(1, 1, 10), long_one = put(1, 1, 120);
    grant(alice, &short_one);
    grant(bob, &long_one);
    turn();
    store_close(store);
    pass_s(1000);
    start_process();
    open_store();
    turn();
    assert_int_equal(store_count(store), 2);
    pass_s(19); /* grace is 20 */
    turn();
    assert_int_equal(store_count(store), 2);
    pass_s(1);
    turn();
    assert_int_equal(look(alice)->n_bindings, 0);
    pass_s(99); /* one interval is 120 */
    turn();
    assert_int_equal(look(bob)->n_bindings, 1);
    pass_s(1);
    turn();
    assert_int_equal(store_count(store), 0);
}

/* Small and large ones come in any order; what a large one has had does not run out. */
static void lines_of_many_devices_come_back(void **state)
{
    enum { LINES = 400, DEVICES = 64 };
    char aor[32];
    size_t n_bindings = 0;
    (void)state;
    for (uint64_t i = 0; i < LINES; i++) {
        int n = snprintf(aor, sizeof aor, "line%llu@example.test", (unsigned long long)i);
        for (uint64_t id = 1; id <= 1 + i * 37 % DEVICES; id++, n_bindings++) {
            struct wish w = put(id, 1, 600);
            w.upreg_id = id;
            w.dead_at_s = sys_service_s() + 600;
            assert_int_equal(submit((struct str){aor, (size_t)n}, &w, 0), 0);
        }
        turn();
        drop_all();
    }
    restart();
    assert_int_equal(store_count(store), LINES);
    assert_int_equal(lease_count(store_leases(store)), n_bindings);
}

static void overdue_registrations_are_told_at_a_start(void **state)
{
    (void)state;
    struct wish w = put(1, 1, 60);
    w.upreg_id = 9;
    w.dead_at_s = sys_service_s() + 600;
    grant(alice, &w);
    turn();
    store_close(store);
    pass_s(500);
    start_process();
    open_store();
    size_t n = 0;
    for (int s = 0; s < 60; s++) { /* spread over a minute */
        turn();
        n += count_events(STORE_DUE);
        pass_s(1);
    }
    assert_int_equal(n, 1);
}

/* ---- lost or damaged tables */

static void spoil(const char *name, off_t at, const char *bytes, size_t n)
{
    int fd = open(path_of(name), O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, at), n);
    (void)close(fd);
}

static void leases_without_a_table_are_built_from_records(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        struct wish w = put(1, 1, 300);
        grant(alice, &w);
        assert_int_equal(extend(alice, 1, sys_service_s() + 500, 2), LEASE_EXTENDED);
        turn();
        store_close(store);
        if (how == 0)
            assert_int_equal(unlink(path_of("leases")), 0);
        else if (how == 1)
            assert_int_equal(truncate(path_of("leases"), 4096), 0);
        else if (how == 2)
            assert_int_equal(truncate(path_of("leases"), 0), 0);
        else
            spoil("leases", 0, "\0\0\0\0\0\0\0\0", 8);
        if (how != 3)
            assert_int_equal(unlink(path_of("leases.checkpoint")), 0);
        start_process();
        open_store();
        struct lease_state s = lease_of(alice, 1);
        uint64_t least = how == 3 ? 500 : 280;
        assert_in_range(s.expires_at_s - sys_service_s(), least, 500);
        assert_int_equal(extend(alice, 1, sys_service_s() + 600, 3), LEASE_EXTENDED);
    }
}

static void a_lease_of_another_binding_is_not_taken(void **state)
{
    (void)state;
    struct wish w = put(1, 1, 300);
    grant(alice, &w);
    w = put(2, 1, 300);
    grant(bob, &w);
    size_t at = SLOT_HEAD_LEN + look(alice)->bindings[0].lease.slot * sizeof(struct slot) +
                offsetof(struct slot, binding_id);
    turn();
    store_close(store);
    spoil("leases", (off_t)at, "\x77", 1);
    int64_t rebuilt = stats_sum(STAT_LEASE_REBUILT);
    open_store();
    assert_int_equal(stats_sum(STAT_LEASE_REBUILT), rebuilt + 1);
    assert_int_equal(extend(alice, 1, sys_service_s() + 400, 2), LEASE_EXTENDED);
    assert_int_equal(extend(bob, 2, sys_service_s() + 400, 2), LEASE_EXTENDED);
}

static void a_slot_that_two_records_name_goes_to_one(void **state)
{
    (void)state;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    struct wish w = put(1, 1, 300);
    grant(alice, &w);
    struct aor_record copy = *look(alice);
    copy.aor = bob;
    copy.bindings[0].id = 2;
    char bytes[1000];
    struct buf b = buf_over(bytes, sizeof bytes);
    codec_encode(&copy, &(struct codec_names){listeners, 2}, &b);
    turn();
    store_close(store);
    MDB_val k = {bob.n, (void *)(uintptr_t)bob.p}, v = {b.len, bytes};
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_open(env, dir, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "aor", 0, &dbi), 0);
    assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
    k = (MDB_val){5, (void *)(uintptr_t) "junk@"};
    v = (MDB_val){4, (void *)(uintptr_t) "\x01\xff\xff\xff"};
    assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
    k = (MDB_val){6, (void *)(uintptr_t) "newer@"};
    v = (MDB_val){4, (void *)(uintptr_t) "\x09\xff\xff\xff"};
    assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
    int64_t damaged = stats_sum(STAT_STORE_DAMAGED);
    open_store();
    assert_int_equal(extend(alice, 1, sys_service_s() + 400, 2), LEASE_EXTENDED);
    assert_int_equal(extend(bob, 2, sys_service_s() + 400, 2), LEASE_EXTENDED);
    assert_int_not_equal(look(alice)->bindings[0].lease.slot, look(bob)->bindings[0].lease.slot);
    assert_int_equal(stats_sum(STAT_STORE_DAMAGED), damaged + 1); /* put aside: absent now */
    assert_int_equal(look(STR("junk@"))->n_bindings, 0);
    assert_int_equal(store_count(store), 2);
    w = put(1, 1, 60); /* a newer record is not written over */
    assert_int_equal(submit(STR("newer@"), &w, 0), 0);
    turn();
    assert_int_equal(outcome(), STORE_FAILED);
}

static void reboot(uint64_t down_s)
{
    turn();
    store_close(store);
    assert_int_equal(unlink(path_of("leases")), 0); /* a tmpfs is empty */
    spoil("leases.checkpoint", 16, "x", 1);         /* damaged: no lease at all */
    wall_ms += down_s * 1000;
    boot_ms = 10000;
    start_process();
    open_store();
}

static void after_a_reboot_nobody_is_dropped(void **state)
{
    (void)state;
    struct wish w = put(1, 1, 120);
    grant(alice, &w);
    reboot(3600);
    pass_s(119);
    turn();
    assert_int_equal(look(alice)->n_bindings, 1);
    pass_s(1);
    turn();
    assert_int_equal(store_count(store), 0);
}

/* Another boot and a clock that went back: nobody is dropped, and as nobody knows what upstream
 * still holds, every registration is due, spread over five minutes. */
static void after_an_unknown_time_every_registration_is_due(void **state)
{
    (void)state;
    char name[32];
    for (unsigned i = 0; i < 100; i++) {
        struct wish w = put(i + 1, 1, 60);
        w.upreg_id = i + 1;
        w.dead_at_s = sys_service_s() + 6000;
        struct str aor = {name, (size_t)snprintf(name, sizeof name, "u%u@example.test", i)};
        grant(aor, &w);
    }
    turn();
    store_close(store);
    spoil("leases", offsetof(struct slot_head, boot_id), "another", 7);
    wall_ms -= 1000000;
    boot_ms = 10000;
    start_process();
    open_store();
    size_t n = 0, n_seconds = 0;
    for (int s = 0; s < 300; s++) {
        turn();
        size_t n_now = count_events(STORE_DUE);
        n += n_now;
        n_seconds += n_now > 0;
        pass_s(1);
        if (s == 78)
            assert_int_equal(store_count(store), 100);
    }
    assert_int_equal(n, 100);
    assert_true(n_seconds > 50);
}

/* ---- a process that is killed */

static void a_commit_cut_short_frees_nothing_that_holds(void **state)
{
    (void)state;
    struct wish w = put(1, 1, 300);
    grant(alice, &w);
    struct lease_ref ref = look(alice)->bindings[0].lease;
    turn();
    store_close(store);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) { /* dies with the lease seized and a new one allocated */
        struct lease_state s;
        struct lease_ref fresh;
        open_store();
        if (lease_seize(store_leases(store), ref, 0, &s) &&
            lease_alloc(store_leases(store), 99, &fresh) == 0)
            (void)kill(getpid(), SIGKILL);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    open_store();
    assert_int_equal(lease_count(store_leases(store)), 1);
    assert_int_equal(extend(alice, 1, sys_service_s() + 400, 2), LEASE_EXTENDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_restart_goes_on),
        STORE_TEST(a_clock_step_between_two_runs_expires_nothing),
        STORE_TEST(what_ended_while_we_were_down_gets_its_grace),
        STORE_TEST(lines_of_many_devices_come_back),
        STORE_TEST(overdue_registrations_are_told_at_a_start),
        STORE_TEST(leases_without_a_table_are_built_from_records),
        STORE_TEST(a_lease_of_another_binding_is_not_taken),
        STORE_TEST(a_slot_that_two_records_name_goes_to_one),
        STORE_TEST(after_a_reboot_nobody_is_dropped),
        STORE_TEST(after_an_unknown_time_every_registration_is_due),
        STORE_TEST(a_commit_cut_short_frees_nothing_that_holds),
    };
    return RUN(tests);
}
