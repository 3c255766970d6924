#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/sys.h"
#include "fakeclock.h"
#include "store/ticketfile.h"

enum { KEY_LEN = 88, DAY_S = 86400 };

static char directory[] = "/tmp/test_ticketfile.XXXXXX";
static char path[64];

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/ticket.keys", directory);
    wall_ms = 1780272000000;
    boot_ms = 1000;
    start_process();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(directory);
}

static size_t load(struct ticket_key keys[TICKET_KEYS_MAX])
{
    struct tickets t = {.lock = PTHREAD_MUTEX_INITIALIZER};
    assert_int_equal(ticketfile_load(directory, &t), 0);
    return ticket_get(&t, keys);
}

static bool is_same(const struct ticket_key *a, const struct ticket_key *b)
{
    return a->made_at_s == b->made_at_s && memcmp(a->name, b->name, sizeof a->name) == 0 &&
           memcmp(a->cipher, b->cipher, sizeof a->cipher) == 0 &&
           memcmp(a->mac, b->mac, sizeof a->mac) == 0;
}

static void a_key_is_kept_and_nobody_else_reads_it(void **state)
{
    struct ticket_key first[TICKET_KEYS_MAX], then[TICKET_KEYS_MAX];
    struct stat st;
    (void)state;
    (void)unlink(path);
    assert_int_equal(load(first), 1);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, KEY_LEN);
    pass_s(DAY_S - 1);
    assert_int_equal(load(then), 1);
    assert_true(is_same(first, then));
}

/* Each day one more, until the tickets of the oldest have ended. */
static void keys_come_and_go(void **state)
{
    struct ticket_key keys[TICKET_KEYS_MAX], last[TICKET_KEYS_MAX];
    struct tickets t = {.lock = PTHREAD_MUTEX_INITIALIZER};
    (void)state;
    (void)unlink(path);
    assert_int_equal(ticketfile_load(directory, &t), 0);
    for (size_t day = 1; day < 20; day++) {
        (void)ticket_get(&t, last);
        pass_s(DAY_S - 60);
        ticketfile_tend(directory, &t);
        (void)ticket_get(&t, keys);
        assert_true(is_same(&keys[0], &last[0]));
        pass_s(60);
        ticketfile_tend(directory, &t);
        size_t n = ticket_get(&t, keys), most = 1 + TICKET_LIFE_S / DAY_S;
        assert_int_equal(n, day + 1 < most ? day + 1 : most);
        assert_true(is_same(&keys[1], &last[0]));
        assert_false(is_same(&keys[0], &last[0]));
        assert_int_equal(load(last), n);
        assert_memory_equal(keys, last, n * sizeof *keys);
    }
    pass_s(30 * DAY_S);
    assert_int_equal(load(keys), 1);
}

/* A clock that was ahead when the key was made does not stop the days. */
static void a_key_from_the_future_is_followed(void **state)
{
    struct ticket_key keys[TICKET_KEYS_MAX];
    (void)state;
    (void)unlink(path);
    wall_ms += 1000ULL * DAY_S * 365;
    start_process();
    assert_int_equal(load(keys), 1);
    wall_ms -= 1000ULL * DAY_S * 365;
    start_process();
    assert_int_equal(load(keys), 2);
    assert_int_equal(keys[0].made_at_s, sys_service_s());
    assert_int_equal(load(keys), 2);
}

static void what_is_no_such_file_is_refused(void **state)
{
    static const struct {
        size_t len;
        mode_t mode;
        int err;
    } rows[] = {{KEY_LEN, 0600, 0},
                {KEY_LEN * TICKET_KEYS_MAX, 0400, 0},
                {0, 0600, ERR_BADCONF},
                {KEY_LEN - 1, 0600, ERR_BADCONF},
                {KEY_LEN + 1, 0600, ERR_BADCONF},
                {KEY_LEN * (TICKET_KEYS_MAX + 1), 0600, ERR_BADCONF},
                {KEY_LEN, 0640, ERR_BADCONF},
                {KEY_LEN, 0604, ERR_BADCONF}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tickets t = {.lock = PTHREAD_MUTEX_INITIALIZER};
        (void)unlink(path);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, rows[i].mode);
        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, (off_t)rows[i].len), 0);
        (void)close(fd);
        assert_int_equal(chmod(path, rows[i].mode), 0);
        assert_int_equal(ticketfile_load(directory, &t), rows[i].err);
    }
    struct tickets t = {.lock = PTHREAD_MUTEX_INITIALIZER};
    assert_int_equal(ticketfile_load("/does/not/exist", &t), ERR_IO);
}

/* What cannot be written does not take effect: a restart would not know it. */
static void a_disk_that_is_gone_changes_nothing(void **state)
{
    struct ticket_key before[TICKET_KEYS_MAX], after[TICKET_KEYS_MAX];
    struct tickets t = {.lock = PTHREAD_MUTEX_INITIALIZER};
    (void)state;
    (void)unlink(path);
    assert_int_equal(ticketfile_load(directory, &t), 0);
    size_t n = ticket_get(&t, before);
    pass_s(DAY_S);
    ticketfile_tend("/does/not/exist", &t);
    assert_int_equal(ticket_get(&t, after), n);
    assert_memory_equal(before, after, n * sizeof *after);
}

/* Other keys wait for the next start: nothing is written over them, whatever day it becomes. */
static void keys_that_were_brought_stay(void **state)
{
    struct ticket_key brought[2] = {{.made_at_s = 7, .name = {1}}, {.made_at_s = 6, .name = {2}}};
    struct ticket_key before[TICKET_KEYS_MAX], after[TICKET_KEYS_MAX];
    struct tickets t = {.lock = PTHREAD_MUTEX_INITIALIZER};
    (void)state;
    (void)unlink(path);
    assert_int_equal(ticketfile_load(directory, &t), 0);
    size_t n = ticket_get(&t, before);
    assert_int_equal(ticketfile_install("/does/not/exist", &t, brought, 2), ERR_IO);
    pass_s(DAY_S);
    ticketfile_tend(directory, &t); /* nothing was brought yet */
    assert_int_equal(ticket_get(&t, after), n + 1);
    brought[0].made_at_s = brought[1].made_at_s = sys_service_s();
    assert_int_equal(ticketfile_install(directory, &t, brought, 2), 0);
    pass_s(DAY_S);
    ticketfile_tend(directory, &t);
    assert_int_equal(ticket_get(&t, before), n + 1);
    assert_memory_equal(before, after, (n + 1) * sizeof *after);
    assert_int_equal(load(after), 3); /* the restart: theirs, and the next day's */
    assert_true(is_same(&after[1], &brought[0]) && is_same(&after[2], &brought[1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_kept_and_nobody_else_reads_it),
        cmocka_unit_test(keys_come_and_go),
        cmocka_unit_test(a_key_from_the_future_is_followed),
        cmocka_unit_test(what_is_no_such_file_is_refused),
        cmocka_unit_test(a_disk_that_is_gone_changes_nothing),
        cmocka_unit_test(keys_that_were_brought_stay),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
