/* What a lease table survives: killed processes, clock steps, reboots, damage, no room. */
#include "leasetable.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/err.h"

/* ---- starts */

static void a_killed_process_loses_nothing(void **state)
{
    (void)state;
    uint64_t now = sys_service_s();
    struct lease_ref ref = make(7, now + 60, 5);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct lease_state s;
        if (refresh(ref, now + 500, 6, 1) != LEASE_EXTENDED || !lease_seize(table, ref, 0, &s))
            _exit(1);
        (void)kill(getpid(), SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    reopen();
    struct lease_state s;
    assert_true(lease_adopt(table, ref, 7, &s));
    assert_true(s.expires_at_s == now + 500 && s.cseq == 6);
    assert_false(lease_adopt(table, ref, 7, &s)); /* it is taken */
    assert_int_equal(refresh(ref, now + 600, 7, 1), LEASE_EXTENDED);
}

static void a_clock_step_between_two_runs_expires_nothing(void **state)
{
    (void)state;
    static const int64_t steps_s[] = {-86400 * 400LL, -5000, -1, 1, 3600, 86400 * 3650LL};
    struct lease_ref ref = make(7, sys_service_s() + 60, 5);
    struct lease_state s;
    for (size_t i = 0; i < sizeof steps_s / sizeof steps_s[0]; i++) {
        wall_ms += (uint64_t)(steps_s[i] * 1000);
        pass_s(1);
        reopen();
        assert_true(lease_adopt(table, ref, 7, &s));
        int64_t left_s = (int64_t)(s.expires_at_s - sys_service_s());
        assert_in_range(left_s, 60 - (i + 1) - 1, 60 - (i + 1) + 1);
    }
}

/* Another boot: the id in the file is another one, CLOCK_BOOTTIME begins anew. */
static void reboot(const char *file, size_t at, uint64_t down_s)
{
    lease_touch(table);
    lease_close(table);
    int fd = open(path_of(file), O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "another", 7, (off_t)at), 7);
    (void)close(fd);
    wall_ms += down_s * 1000;
    boot_ms = 20000;
    start_process();
    open_table();
}

static void another_boot_goes_by_wall_time(void **state)
{
    (void)state;
    struct lease_ref ref = make(7, sys_service_s() + 600, 5);
    struct lease_state s;
    uint32_t age;
    reboot("leases", offsetof(struct slot_head, boot_id), 100);
    assert_int_equal(lease_origin(table, &age), LEASE_CHECKPOINT);
    assert_int_equal(age, 100);
    assert_true(lease_adopt(table, ref, 7, &s));
    assert_in_range(s.expires_at_s - sys_service_s(), 499, 501);
    reboot("leases", offsetof(struct slot_head, boot_id), 8 * 86400);
    assert_int_equal(lease_origin(table, &age), LEASE_UNKNOWN);
    assert_true(lease_adopt(table, ref, 7, &s));
    assert_in_range(s.expires_at_s - sys_service_s(), 499, 501);
    reboot("leases", offsetof(struct slot_head, boot_id), (uint64_t)-5000);
    assert_int_equal(lease_origin(table, &age), LEASE_UNKNOWN);
}

static void a_checkpoint_stands_in_for_the_live_table(void **state)
{
    (void)state;
    struct lease_ref refs[3000];
    for (uint32_t i = 0; i < 3000; i++)
        refs[i] = make(100 + i, sys_service_s() + 600 + i, i);
    pass_s(11);
    lease_touch(table);
    assert_int_equal(lease_checkpoint(table), 0);
    assert_int_equal(refresh(refs[5], sys_service_s() + 5000, 77, 1), LEASE_EXTENDED);
    assert_int_equal(unlink(path_of("leases")), 0);
    struct lease_conf c = conf();
    struct lease_table *left = table;
    assert_int_equal(lease_open(&c, &table), 0);
    uint32_t age;
    struct lease_state s;
    assert_int_equal(lease_origin(table, &age), LEASE_CHECKPOINT);
    for (uint32_t i = 0; i < 3000; i++) {
        assert_true(lease_adopt(table, refs[i], 100 + i, &s));
        assert_int_equal(s.cseq, i);
        assert_true(s.expires_at_s == sys_service_s() + 600 + i - 11);
    }
    assert_int_equal(lease_collect(table), 0);
    lease_close(left);
}

static void damaged_files_are_put_aside(void **state)
{
    (void)state;
    struct lease_ref ref = make(7, sys_service_s() + 600, 5);
    struct lease_state s;
    uint32_t age;
    for (int how = 0; how < 4; how++) {
        lease_close(table);
        assert_int_equal(truncate(path_of("leases.checkpoint"), how < 2 ? 50 : 100), 0);
        int fd = open(path_of("leases"), O_RDWR);
        assert_true(fd >= 0);
        if (how == 0)
            assert_int_equal(ftruncate(fd, 5000), 0);
        else if (how == 1)
            assert_int_equal(ftruncate(fd, 0), 0);
        else if (how == 2)
            assert_int_equal(pwrite(fd, "XX", 2, 0), 2);
        else
            assert_int_equal(pwrite(fd, "\xff\xff\xff", 3, offsetof(struct slot_head, capacity)),
                             3);
        (void)close(fd);
        open_table();
        assert_int_equal(lease_origin(table, &age), LEASE_NEW);
        assert_false(lease_adopt(table, ref, 7, &s));
        assert_true(s.expires_at_s == 0);
    }
}

static void a_lost_lease_is_rebuilt_where_its_record_says(void **state)
{
    (void)state;
    struct lease_ref ref = {40000, 77}; /* beyond the file's first size */
    struct lease_state as = {.expires_at_s = sys_service_s() + 60, .cseq = 9}, s;
    assert_false(lease_adopt(table, ref, 7, &s));
    assert_true(lease_rebuild(table, ref, 7, &as));
    assert_false(lease_rebuild(table, ref, 8, &as));
    assert_false(lease_rebuild(table, (struct lease_ref){1 << 20, 1}, 8, &as));
    assert_false(lease_rebuild(table, (struct lease_ref){3, 0}, 8, &as));
    lease_prolong(table, ref, sys_service_s() + 90);
    lease_prolong(table, ref, sys_service_s() + 30);
    assert_true(lease_read(table, ref, &s));
    assert_true(s.expires_at_s == sys_service_s() + 90 && s.cseq == 9);
    assert_int_equal(lease_collect(table), 0);
    for (uint64_t i = 0; i < 50000; i++)
        assert_int_not_equal(make(i + 1, 1, 1).slot, ref.slot);
    assert_int_equal(lease_count(table), 50001);
}

static void a_machine_without_a_clock_is_served(void **state)
{
    (void)state;
    lease_close(table);
    wipe();
    wall_ms = 1000;
    boot_ms = 1000;
    start_process();
    open_table();
    struct lease_ref ref = make(7, sys_service_s() + 600, 5);
    wall_ms = (SLOT_EPOCH_S + 5000) * 1000; /* NTP */
    reopen();
    struct lease_state s;
    assert_true(lease_adopt(table, ref, 7, &s));
    assert_in_range(s.expires_at_s - sys_service_s(), 599, 601);
}

/* ---- no room */

static void a_full_file_system_is_an_error(void **state)
{
    (void)state;
    struct rlimit old, tight;
    struct lease_ref ref;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    tight = (struct rlimit){.rlim_cur = 1100000, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    int err = 0;
    uint64_t id = 1;
    while (!err)
        err = lease_alloc(table, id++, &ref);
    assert_int_equal(err, ERR_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(lease_alloc(table, id, &ref), 0);
}

static void a_failed_checkpoint_leaves_the_last(void **state)
{
    (void)state;
    struct rlimit old, tight;
    pass_s(11);
    assert_int_equal(lease_checkpoint(table), 0);
    for (uint32_t i = 0; i < 5000; i++)
        (void)make(1 + i, 1, 1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    tight = (struct rlimit){.rlim_cur = 60000, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    pass_s(11);
    assert_int_equal(lease_checkpoint(table), ERR_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    struct stat st;
    assert_int_equal(stat(path_of("leases.checkpoint"), &st), 0);
    assert_true(st.st_size < 1000);
    assert_int_equal(stat(path_of("leases.checkpoint.new"), &st), -1);
}

static void no_more_slots_than_configured(void **state)
{
    (void)state;
    struct lease_conf c = conf();
    struct lease_ref ref;
    lease_close(table);
    wipe();
    c.slots_max = 20000;
    assert_int_equal(lease_open(&c, &table), 0);
    for (uint64_t i = 0; i < 20000; i++)
        assert_int_equal(lease_alloc(table, i + 1, &ref), 0);
    assert_int_equal(lease_alloc(table, 1, &ref), ERR_FULL);
}

static void open_and_close(void *arg)
{
    struct lease_conf c = conf();
    struct lease_table *t;
    (void)arg;
    if (lease_open(&c, &t) == 0)
        lease_close(t);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    lease_close(table);
    assert_true(oom_sweep(open_and_close, NULL) >= 2);
    open_table();
}

static void an_unusable_directory_is_refused(void **state)
{
    (void)state;
    struct lease_conf c = conf();
    struct lease_table *t;
    assert_int_equal(lease_open(&c, &t), ERR_IO); /* it is open already */
    c.runtime_dir = "/proc/none";
    assert_int_equal(lease_open(&c, &t), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEASE_TEST(a_killed_process_loses_nothing),
        LEASE_TEST(a_clock_step_between_two_runs_expires_nothing),
        LEASE_TEST(another_boot_goes_by_wall_time),
        LEASE_TEST(a_checkpoint_stands_in_for_the_live_table),
        LEASE_TEST(damaged_files_are_put_aside),
        LEASE_TEST(a_lost_lease_is_rebuilt_where_its_record_says),
        LEASE_TEST(a_machine_without_a_clock_is_served),
        LEASE_TEST(a_full_file_system_is_an_error),
        LEASE_TEST(a_failed_checkpoint_leaves_the_last),
        LEASE_TEST(no_more_slots_than_configured),
        LEASE_TEST(every_failed_allocation_is_survived),
        LEASE_TEST(an_unusable_directory_is_refused),
    };
    atomic_store(&log_now_level, -1); /* what is provoked here is no news */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
