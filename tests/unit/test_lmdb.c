#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "store/lmdb.h"

static char dir[64];
static struct lmdb *env;
static const char *const dbs[] = {"one", "two"};

static int open_env(size_t map_len, bool *is_new)
{
    const struct lmdb_conf conf = {.dir = dir, .map_len = map_len, .db = dbs, .n_dbs = 2};
    return lmdb_open(&conf, &env, is_new);
}

static int set_up(void **state)
{
    (void)state;
    bool is_new = false;
    struct lmdb_txn t;
    (void)snprintf(dir, sizeof dir, "/tmp/bw-lmdb-XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(open_env(1 << 17, &is_new), 0);
    assert_true(is_new);
    lmdb_begin(env, &t);
    lmdb_make(&t);
    assert_int_equal(lmdb_commit(&t), 0);
    return 0;
}

static void wipe(void)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    for (size_t i = 0; i < 2; i++) {
        char path[100];
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

static int tear_down(void **state)
{
    (void)state;
    lmdb_close(env);
    wipe();
    return 0;
}

static struct str key_of(unsigned i, char text[16])
{
    return (struct str){text, (size_t)snprintf(text, 16, "%08u", i)};
}

static void what_is_put_is_there_after_the_commit(void **state)
{
    (void)state;
    struct lmdb_txn t;
    struct lmdb_reader *r;
    struct str v;
    assert_int_equal(lmdb_reader_new(env, &r), 0);
    lmdb_begin(env, &t);
    lmdb_put(&t, 0, STR("a"), STR("1"));
    lmdb_put(&t, 1, STR("a"), STR("2"));
    assert_false(lmdb_get(lmdb_reader_begin(r), 0, STR("a"), &v));
    assert_int_equal(lmdb_commit(&t), 0);
    assert_false(lmdb_get(lmdb_reader_begin(r), 0, STR("a"), &v)); /* the same snapshot */
    lmdb_reader_end(r);
    assert_true(lmdb_get(lmdb_reader_begin(r), 0, STR("a"), &v));
    assert_str(v, "1");
    assert_true(lmdb_get(lmdb_reader_begin(r), 1, STR("a"), &v));
    assert_str(v, "2");
    assert_int_equal(lmdb_err(lmdb_reader_begin(r)), 0); /* absence is no error */
    lmdb_reader_free(r);
    lmdb_begin(env, &t);
    lmdb_del(&t, 0, STR("a"));
    lmdb_del(&t, 0, STR("never"));
    assert_int_equal(lmdb_count(&t, 0), 0);
    assert_int_equal(lmdb_count(&t, 1), 1);
    lmdb_abort(&t);
}

static void an_error_sticks_and_changes_nothing(void **state)
{
    (void)state;
    struct lmdb_txn t;
    struct str v;
    char key[600];
    memset(key, 'k', sizeof key);
    lmdb_begin(env, &t);
    lmdb_put(&t, 0, STR("a"), STR("1"));
    lmdb_put(&t, 0, (struct str){key, sizeof key}, STR("too long a key"));
    lmdb_put(&t, 0, STR("b"), STR("1"));
    lmdb_del(&t, 0, STR("b"));
    assert_false(lmdb_get(&t, 0, STR("a"), &v));
    assert_int_equal(lmdb_count(&t, 0), 0);
    assert_int_equal(lmdb_commit(&t), ERR_IO);
    lmdb_begin(env, &t);
    assert_false(lmdb_get(&t, 0, STR("a"), &v));
    lmdb_abort(&t);
}

static int fill(unsigned n)
{
    struct lmdb_txn t;
    char key[16], value[1000] = {0};
    lmdb_begin(env, &t);
    for (unsigned i = 0; i < n; i++)
        lmdb_put(&t, 0, key_of(i, key), (struct str){value, sizeof value});
    return lmdb_commit(&t);
}

static void a_full_map_is_told_and_grows(void **state)
{
    (void)state;
    assert_int_equal(fill(1000), ERR_FULL);
    int n = 0;
    for (; fill(1000) == ERR_FULL; n++)
        assert_int_equal(lmdb_grow(env), 0);
    assert_in_range(n, 3, 6);
}

static int count_up(struct str key, struct str value, void *arg)
{
    unsigned *n = arg;
    char expected[16];
    assert_true(str_eq(key, key_of((*n)++, expected)));
    assert_int_equal(value.n, 1000);
    return *n == 50 ? ERR_AGAIN : 0;
}

static void a_scan_goes_in_order_and_can_end(void **state)
{
    (void)state;
    unsigned n = 0;
    struct lmdb_reader *r;
    assert_int_equal(fill(40), 0);
    assert_int_equal(lmdb_reader_new(env, &r), 0);
    assert_int_equal(lmdb_scan(lmdb_reader_begin(r), 0, count_up, &n), 0);
    assert_int_equal(n, 40);
    lmdb_reader_end(r);
    while (fill(60) == ERR_FULL)
        assert_int_equal(lmdb_grow(env), 0);
    n = 0;
    assert_int_equal(lmdb_scan(lmdb_reader_begin(r), 0, count_up, &n), ERR_AGAIN);
    assert_int_equal(n, 50);
    lmdb_reader_free(r);
}

static void keys_follow_each_other(void **state)
{
    (void)state;
    char text[16];
    struct lmdb_reader *r;
    struct str key = STR_NONE;
    unsigned n = 0;
    assert_int_equal(fill(40), 0);
    assert_int_equal(lmdb_reader_new(env, &r), 0);
    struct lmdb_txn *t = lmdb_reader_begin(r);
    while (lmdb_next(t, 0, key, &key))
        assert_true(str_eq(key, key_of(n++, text)));
    assert_int_equal(n, 40);
    assert_int_equal(t->code, 0);
    struct str third = key_of(3, text);
    assert_true(lmdb_next(t, 0, (struct str){third.p, third.n - 1}, &key)); /* is not there */
    assert_true(str_eq(key, key_of(0, text)));
    assert_true(lmdb_next(t, 0, key_of(38, text), &key));
    assert_true(str_eq(key, key_of(39, text)));
    assert_true(lmdb_next(t, 0, STR("!"), &key));
    assert_true(str_eq(key, key_of(0, text)));
    assert_false(lmdb_next(t, 0, STR("~"), &key));
    lmdb_reader_free(r);
}

/* ---- growing waits for readers */

static _Atomic bool has_grown;

static void *grower(void *arg)
{
    (void)arg;
    if (lmdb_grow(env))
        abort();
    has_grown = true;
    return NULL;
}

static void the_map_does_not_move_under_a_reader(void **state)
{
    (void)state;
    pthread_t thread;
    struct lmdb_reader *r;
    struct str v;
    assert_int_equal(fill(10), 0);
    assert_int_equal(lmdb_reader_new(env, &r), 0);
    assert_true(lmdb_get(lmdb_reader_begin(r), 0, STR("00000001"), &v));
    has_grown = false;
    assert_int_equal(pthread_create(&thread, NULL, grower, NULL), 0);
    for (int i = 0; i < 20; i++) {
        (void)usleep(1000);
        assert_false(has_grown);
        assert_int_equal(v.p[999], 0);
    }
    lmdb_reader_end(r);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(lmdb_get(lmdb_reader_begin(r), 0, STR("00000001"), &v));
    lmdb_reader_free(r);
}

/* A killed reader pins its snapshot until it is found. */
static void dead_readers_are_found(void **state)
{
    (void)state;
    bool is_new;
    lmdb_close(env);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct lmdb_reader *r;
        if (open_env(1 << 17, &is_new) == 0 && lmdb_reader_new(env, &r) == 0 &&
            lmdb_err(lmdb_reader_begin(r)) == 0)
            (void)kill(getpid(), SIGKILL);
        _exit(1);
    }
    /* while it lives somebody else has the lock file open: else LMDB clears it */
    assert_int_equal(open_env(1 << 17, &is_new), 0);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_in_range(lmdb_check_readers(env), 0, 1);
    assert_int_equal(lmdb_check_readers(env), 0);
    assert_false(is_new);
    assert_int_equal(lmdb_sync(env), 0);
}

static void open_and_read(void *arg)
{
    (void)arg;
    struct lmdb_reader *r;
    bool is_new;
    env = NULL;
    if (open_env(1 << 17, &is_new))
        return;
    if (lmdb_reader_new(env, &r) == 0) {
        (void)lmdb_count(lmdb_reader_begin(r), 0);
        lmdb_reader_free(r);
    }
    lmdb_close(env);
    env = NULL;
}

/* What another process writes. */
static void a_read_only_one_reads(void **state)
{
    (void)state;
    bool is_new = true;
    struct lmdb_txn t;
    struct lmdb_reader *reader;
    struct str value;
    lmdb_begin(env, &t);
    lmdb_put(&t, 0, STR("key"), STR("value"));
    assert_int_equal(lmdb_commit(&t), 0);
    lmdb_close(env);
    const struct lmdb_conf conf = {
        .dir = dir, .map_len = 1 << 17, .is_readonly = true, .db = dbs, .n_dbs = 2};
    assert_int_equal(lmdb_open(&conf, &env, &is_new), 0);
    assert_false(is_new);
    assert_int_equal(lmdb_reader_new(env, &reader), 0);
    assert_true(lmdb_get(lmdb_reader_begin(reader), 0, STR("key"), &value));
    assert_true(str_eq(value, STR("value")));
    lmdb_reader_free(reader);
    lmdb_begin(env, &t);
    lmdb_put(&t, 0, STR("key"), STR("other"));
    assert_int_equal(lmdb_commit(&t), ERR_IO);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    lmdb_close(env);
    assert_true(oom_sweep(open_and_read, NULL) >= 3);
    env = NULL;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_put_is_there_after_the_commit),
        TEST(an_error_sticks_and_changes_nothing),
        TEST(a_full_map_is_told_and_grows),
        TEST(a_scan_goes_in_order_and_can_end),
        TEST(keys_follow_each_other),
        TEST(the_map_does_not_move_under_a_reader),
        TEST(dead_readers_are_found),
        TEST(a_read_only_one_reads),
        TEST(every_failed_allocation_is_survived),
    };
    atomic_store(&log_now_level, -1); /* what is provoked here is no news */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
