/* What lies with the records for the cluster: marks of what has changed, and notes. */
#include "unit.h"

#include <lmdb.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "store/follower.h"
#include "store/notes.h"
#include "store/store.h"

static const struct str alice = {"alice@example.test", 18};
static const struct str bob = {"bob@example.test", 16};

static char directory[] = "/tmp/test_marks.XXXXXX";
static struct records records;
static struct arena arena;

static void open_records(void)
{
    const struct records_conf conf = {.dir = directory, .map_len = 1 << 20};
    assert_int_equal(records_open(&conf, &records), 0);
    records.is_marked = true;
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    arena_init(&arena, 1 << 20);
    open_records();
    return 0;
}

static int tear_down(void **state)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "lock", "leases.checkpoint",
                                        "leases"};
    (void)state;
    records_close(&records);
    arena_fini(&arena);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    int err = rmdir(directory);
    for (size_t i = 2; i < 8; i++) /* for the next mkdtemp */
        directory[sizeof directory - i] = 'X';
    return err;
}

static void put(struct str aor, uint64_t upreg_id)
{
    struct upreg u = {.id = upreg_id, .granted_s = 60};
    struct aor_record none = {.aor = aor}, next = {.aor = aor, .upregs = &u, .n_upregs = 1};
    struct lmdb_txn t;
    struct str bytes;
    assert_int_equal(records_encode(&records, &arena, &next, &bytes), 0);
    lmdb_begin(records.env, &t);
    records_put(&records, &t, &none, &next, bytes);
    assert_int_equal(lmdb_commit(&t), 0);
}

static size_t marked(struct records_mark *out, size_t max)
{
    struct lmdb_txn t;
    size_t n = 0;
    lmdb_begin(records.env, &t);
    assert_int_equal(records_marked(&t, &arena, max, out, &n), 0);
    lmdb_abort(&t);
    return n;
}

static void unmark(const struct records_mark *m)
{
    struct lmdb_txn t;
    lmdb_begin_guest(records.env, &t);
    records_unmark(&t, m);
    assert_int_equal(lmdb_commit(&t), 0);
}

static void a_change_is_marked_until_it_was_told(void **state)
{
    (void)state;
    struct records_mark m[4], again[4];
    put(bob, 1);
    put(alice, 2);
    assert_int_equal(marked(m, 4), 2);
    assert_true(str_eq(m[0].aor, alice) && str_eq(m[1].aor, bob));
    assert_int_equal(marked(again, 1), 1);
    unmark(&m[1]);
    assert_int_equal(marked(again, 4), 1);
    put(alice, 3); /* while the first change was told */
    unmark(&m[0]);
    assert_int_equal(marked(again, 4), 1);
    unmark(&again[0]);
    assert_int_equal(marked(again, 4), 0);
}

static void marks_outlive_the_process(void **state)
{
    (void)state;
    struct records_mark m[4], again[4];
    put(alice, 1);
    assert_int_equal(marked(m, 4), 1);
    records_close(&records);
    open_records();
    put(alice, 2);
    assert_int_equal(marked(again, 4), 1);
    assert_true(again[0].mark != m[0].mark);
}

static void nothing_is_marked_without_a_cluster(void **state)
{
    (void)state;
    struct records_mark m[4];
    records.is_marked = false;
    put(alice, 1);
    assert_int_equal(marked(m, 4), 0);
}

static void all_can_be_marked_and_cleared(void **state)
{
    (void)state;
    struct records_mark m[4];
    struct lmdb_txn t;
    put(alice, 1);
    put(bob, 2);
    assert_int_equal(marked(m, 4), 2);
    unmark(&m[0]);
    unmark(&m[1]);
    lmdb_begin(records.env, &t);
    records_mark_all(&records, &t);
    notes_put(&t, STR("x"), 7);
    assert_int_equal(lmdb_commit(&t), 0);
    assert_int_equal(marked(m, 4), 2);
    lmdb_begin(records.env, &t);
    assert_int_equal(records_count_marked(&t), 2);
    records_clear(&t);
    assert_int_equal(records_count(&t) + records_count_marked(&t), 0);
    assert_true(notes_get(&t, STR("x")) == 0);
    struct str aor;
    assert_int_equal(records_find_upreg(&t, &arena, 1, &aor), ERR_ABSENT);
    assert_int_equal(lmdb_commit(&t), 0);
}

static void notes_are_numbers_by_name(void **state)
{
    (void)state;
    struct lmdb_txn t;
    lmdb_begin(records.env, &t);
    assert_true(notes_led(&t) == 0 && notes_generation(&t) == 0);
    notes_lead(&t, 3, UINT64_MAX);
    notes_put_position(&t, 1, 11);
    notes_put_position(&t, 12, 1);
    assert_int_equal(lmdb_commit(&t), 0);
    lmdb_begin(records.env, &t);
    assert_true(notes_led(&t) == UINT64_MAX && notes_generation(&t) == 3);
    assert_true(notes_position(&t, 1) == 11 && notes_position(&t, 12) == 1);
    assert_true(notes_position(&t, 2) == 0);
    lmdb_abort(&t);
}

static void drop_db(const char *name)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_open(env, directory, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, name, 0, &dbi), 0);
    assert_int_equal(mdb_drop(txn, dbi, 1), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

/* A store of before there were clusters: with a file of theirs, and without what is new. */
static void an_earlier_store_is_opened(void **state)
{
    (void)state;
    struct records_mark m[4];
    struct records beside;
    put(alice, 1);
    records_close(&records);
    drop_db("mark");
    drop_db("note");
    const struct records_conf readonly = {.dir = directory, .is_readonly = true};
    assert_int_equal(records_open(&readonly, &beside), 0);
    records_close(&beside);
    open_records();
    assert_int_equal(marked(m, 4), 0);
    put(bob, 2);
    assert_int_equal(marked(m, 4), 1);
    records_close(&records);
    drop_db("aor"); /* that is another thing */
    assert_int_equal(records_open(&readonly, &beside), ERR_BADCONF);
    drop_db("upreg");
    drop_db("damaged");
    drop_db("meta");
    drop_db("mark");
    drop_db("note");
    open_records();
}

/* ---------------------------------------------------------------- a node that stands by */

static struct follower *open_follower(void)
{
    struct follower *f = NULL;
    const struct follower_conf conf = {.state_dir = directory, .runtime_dir = directory};
    assert_int_equal(follower_open(&conf, &f), 0);
    return f;
}

static void what_it_may_go_on_from(void **state)
{
    (void)state;
    struct clusterdb_end ends[] = {{1, 10, 50}, {2, 0, 5}};
    put(alice, 1);
    records_close(&records);
    struct follower *f = open_follower(), *other = NULL;
    const struct follower_conf conf = {.state_dir = directory, .runtime_dir = directory};
    assert_int_equal(follower_open(&conf, &other), ERR_IO); /* it is locked */
    assert_true(follower_is_foreign(f, 1) && !follower_is_whole(f));
    assert_false(follower_can_go_on(f, 1, ends, 2));
    assert_int_equal(follower_reset(f, 1, ends, 2), 0);
    assert_false(follower_is_foreign(f, 1));
    assert_true(follower_can_go_on(f, 1, ends, 2));
    assert_true(follower_position(f, 1) == 10 && follower_position(f, 2) == 0);
    assert_false(follower_can_go_on(f, 2, ends, 2)); /* a restored database */
    assert_false(follower_is_whole(f));
    assert_int_equal(follower_note_whole(f), 0);
    assert_true(follower_is_whole(f));
    assert_int_equal(follower_reset(f, 1, ends, 2), 0);
    assert_false(follower_is_whole(f)); /* it is read anew */
    ends[0].purged = 11;                /* removals that it has not heard of */
    assert_false(follower_can_go_on(f, 1, ends, 2));
    ends[0].purged = 10;
    uint64_t n_marked = 9;
    assert_int_equal(follower_lead(f, &(struct follower_lead){1, 4, false}, &n_marked), 0);
    assert_int_equal(n_marked, 0);
    follower_close(f);
    f = open_follower();
    assert_false(
        follower_can_go_on(f, 1, ends, 2)); /* what it has written itself is not in order */
    assert_true(follower_has_led(f, 1, 4) && follower_is_whole(f));
    assert_false(follower_has_led(f, 1, 5) || follower_has_led(f, 2, 4));
    assert_false(follower_has_led(f, 1, 0));
    follower_close(f);
    open_records();
}

static void the_first_leader_marks_what_it_has(void **state)
{
    (void)state;
    struct records_mark m[4];
    records.is_marked = false;
    put(alice, 1);
    put(bob, 2);
    records_close(&records);
    struct follower *f = open_follower();
    uint64_t n_marked = 0;
    assert_int_equal(follower_lead(f, &(struct follower_lead){1, 1, true}, &n_marked), 0);
    assert_int_equal(n_marked, 2); /* they may not be handed over unwritten */
    follower_close(f);
    open_records();
    assert_int_equal(marked(m, 4), 2);
}

static const struct absorb_conf *no_policy(struct str aor, void *arg)
{
    (void)aor;
    (void)arg;
    return NULL;
}

/* Changes that were made without the section "cluster" carry no mark. */
static void changes_made_alone_are_told_later(void **state)
{
    (void)state;
    put(alice, 1);
    records_close(&records);
    struct follower *f = open_follower();
    uint64_t n_marked = 0;
    assert_int_equal(follower_lead(f, &(struct follower_lead){1, 4, false}, &n_marked), 0);
    assert_int_equal(n_marked, 1);
    follower_close(f);
    open_records();
    struct records_mark m[4];
    struct lmdb_txn t;
    assert_int_equal(marked(m, 4), 1);
    lmdb_begin(records.env, &t);
    records_unmark(&t, &m[0]);
    assert_int_equal(lmdb_commit(&t), 0);
    records_close(&records);
    struct store *alone;
    const struct store_conf conf = {.state_dir = directory,
                                    .runtime_dir = directory,
                                    .max_queue = 8,
                                    .leases_max = 16,
                                    .map_len = 1 << 20,
                                    .policy = no_policy};
    assert_int_equal(store_open(&conf, &alone), 0);
    store_close(alone);
    f = open_follower();
    assert_int_equal(follower_lead(f, &(struct follower_lead){1, 4, false}, &n_marked), 0);
    assert_int_equal(n_marked, 1);
    follower_close(f);
    open_records();
    assert_int_equal(marked(m, 4), 1);
    lmdb_begin(records.env, &t);
    assert_false(notes_was_alone(&t));
    lmdb_abort(&t);
}

static void try_to_follow(void *arg)
{
    struct follower *f = NULL;
    const struct follower_conf conf = {.state_dir = directory, .runtime_dir = directory};
    (void)arg;
    if (follower_open(&conf, &f))
        return;
    (void)follower_reset(f, 1, NULL, 0);
    uint64_t n_marked = 0;
    (void)follower_lead(f, &(struct follower_lead){1, 1, true}, &n_marked);
    follower_close(f);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    records_close(&records);
    assert_true(oom_sweep(try_to_follow, NULL) > 3);
    open_records();
}

#define WITH_RECORDS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RECORDS(a_change_is_marked_until_it_was_told),
        WITH_RECORDS(marks_outlive_the_process),
        WITH_RECORDS(nothing_is_marked_without_a_cluster),
        WITH_RECORDS(all_can_be_marked_and_cleared),
        WITH_RECORDS(notes_are_numbers_by_name),
        WITH_RECORDS(an_earlier_store_is_opened),
        WITH_RECORDS(what_it_may_go_on_from),
        WITH_RECORDS(the_first_leader_marks_what_it_has),
        WITH_RECORDS(changes_made_alone_are_told_later),
        WITH_RECORDS(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
