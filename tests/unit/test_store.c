#include "storebench.h"

#include <fcntl.h>
#include <lmdb.h>
#include <sys/stat.h>

#include "base/stats.h"

static const struct str alice = {"alice@example.test", 18};
static const struct str bob = {"bob@example.test", 16};

static void what_is_committed_is_read(void **state)
{
    (void)state;
    assert_int_equal(look(alice)->n_bindings, 0);
    struct wish w = put(5, 1, 60);
    w.upreg_id = 77;
    w.dead_at_s = sys_service_s() + 600;
    grant(alice, &w);
    const struct aor_record *r = look(alice);
    assert_int_equal(r->n_bindings, 1);
    assert_int_equal(r->revision, 1);
    assert_int_equal(r->bindings[0].id, 5);
    assert_int_equal(r->upregs[0].id, 77);
    assert_int_equal(store_count(store), 1);
    struct lease_state s = lease_of(alice, 5);
    assert_true(s.expires_at_s == w.expires_at_s && s.cseq == 1);
    w.what = WISH_DROP;
    grant(alice, &w);
    assert_int_equal(look(alice)->n_bindings, 0);
    assert_int_equal(store_count(store), 0);
    assert_int_equal(lease_count(store_leases(store)), 0);
}

static void results_carry_what_the_reducer_said(void **state)
{
    (void)state;
    struct wish w = {.what = WISH_NOTHING};
    assert_int_equal(submit(alice, &w, 4711), 0);
    turn();
    struct inbox_node *n = pull(&results, false);
    struct store_result *r = container_of(n, struct store_result, node);
    assert_true(r->cookie == 4711 && r->code == 7 && r->outcome == STORE_UNCHANGED);
    assert_true(str_eq(r->aor, alice));
    assert_int_equal(((struct wish *)r->input)->what, WISH_NOTHING);
    store_result_free(r);
    assert_int_equal(store_count(store), 0);
}

static void a_registration_upstream_is_found_by_its_id(void **state)
{
    (void)state;
    struct arena a;
    struct store_reader *r;
    struct str aor;
    arena_init(&a, 1 << 16);
    struct wish w = put(5, 1, 60);
    w.upreg_id = 77;
    grant(alice, &w);
    assert_int_equal(store_reader_new(store, &r), 0);
    assert_int_equal(store_find_upreg(r, &a, 77, &aor), 0);
    assert_true(str_eq(aor, alice));
    assert_int_equal(store_find_upreg(r, &a, 78, &aor), ERR_ABSENT);
    store_reader_reset(r);
    w.what = WISH_DROP;
    grant(alice, &w);
    assert_int_equal(store_find_upreg(r, &a, 77, &aor), ERR_ABSENT);
    store_reader_free(r);
    arena_fini(&a);
}

/* A commit takes a new generation for what moved, and leaves the others theirs. */
static void only_what_moved_loses_its_handles(void **state)
{
    (void)state;
    struct wish a = put(1, 10, 60), b = put(2, 20, 60);
    grant(alice, &a);
    grant(alice, &b);
    struct lease_ref first = look(alice)->bindings[0].lease;
    struct lease_ref second = look(alice)->bindings[1].lease;
    assert_int_equal(extend(alice, 1, sys_service_s() + 90, 11), LEASE_EXTENDED);
    b.cseq = 21;
    b.is_moved = true;
    grant(alice, &b);
    const struct aor_record *r = look(alice);
    assert_memory_equal(&r->bindings[0].lease, &first, sizeof first);
    assert_int_equal(r->bindings[1].lease.slot, second.slot);
    assert_int_not_equal(r->bindings[1].lease.generation, second.generation);
    /* the record has learned what the lease knew */
    assert_true(r->bindings[0].expires_at_s == sys_service_s() + 90);
    assert_int_equal(r->bindings[0].cseq, 11);
    assert_true(lease_of(alice, 1).expires_at_s == sys_service_s() + 90);
}

static void many_updates_of_one_line_keep_their_order(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= 50; i++) {
        struct wish w = put(1, i, 60);
        assert_int_equal(submit(i % 3 ? alice : bob, &w, i), 0);
    }
    turn();
    for (uint32_t i = 1; i <= 50; i++)
        assert_int_equal(outcome(), STORE_COMMITTED);
    assert_int_equal(lease_of(alice, 1).cseq, 50);
    assert_int_equal(lease_of(bob, 1).cseq, 48);
    assert_int_equal(look(alice)->revision, 34);
}

static void the_queue_is_bounded_and_keeps_half_for_phones(void **state)
{
    (void)state;
    struct wish w = {.what = WISH_NOTHING};
    struct store_request r = {.aor = alice, .reduce = fulfil, .input = &w, .copy = copy_wish};
    r.is_background = true;
    for (int i = 0; i < 500; i++)
        assert_int_equal(store_update(store, &r), 0);
    assert_int_equal(store_update(store, &r), ERR_FULL);
    r.is_background = false;
    for (int i = 0; i < 500; i++)
        assert_int_equal(store_update(store, &r), 0);
    assert_int_equal(store_update(store, &r), ERR_FULL);
    turn();
    assert_int_equal(store_update(store, &r), 0);
    store_stop(store);
    assert_int_equal(store_update(store, &r), ERR_FULL);
    store_run(store); /* what is queued is done, then it returns */
}

static void odd_names_are_refused(void **state)
{
    (void)state;
    char name[600];
    memset(name, 'a', sizeof name);
    struct wish w = put(1, 1, 60);
    assert_int_equal(submit((struct str){name, 512}, &w, 0), ERR_TOOBIG);
    assert_int_equal(submit(STR(""), &w, 0), ERR_TOOBIG);
    grant((struct str){name, 511}, &w);
    assert_int_equal(look((struct str){name, 511})->n_bindings, 1);
    assert_int_equal(look((struct str){name, 512})->n_bindings, 0);
}

static void a_reader_sees_its_snapshot_until_it_is_reset(void **state)
{
    (void)state;
    struct arena a;
    struct store_reader *r;
    const struct aor_record *rec;
    arena_init(&a, 1 << 20);
    assert_int_equal(store_reader_new(store, &r), 0);
    assert_int_equal(store_read(r, &a, alice, &rec), 0);
    struct wish w = put(1, 1, 60);
    grant(alice, &w);
    assert_int_equal(store_read(r, &a, alice, &rec), 0);
    assert_int_equal(rec->n_bindings, 0);
    store_reader_reset(r);
    assert_int_equal(store_read(r, &a, alice, &rec), 0);
    assert_int_equal(rec->n_bindings, 1);
    store_reader_free(r);
    arena_fini(&a);
}

/* ---- opening */

static void one_process_at_a_time(void **state)
{
    (void)state;
    struct store_conf c = conf();
    struct store *other;
    assert_int_equal(store_open(&c, &other), ERR_IO);
}

static void rewrite_meta(const char *key, const char *value, bool is_deleted)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val k = {strlen(key), (void *)(uintptr_t)key},
            v = {strlen(value), (void *)(uintptr_t)value};
    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_open(env, dir, 0, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, "meta", MDB_CREATE, &dbi), 0);
    assert_int_equal(is_deleted ? mdb_del(txn, dbi, &k, NULL) : mdb_put(txn, dbi, &k, &v, 0), 0);
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

/* The file's bytes, to see that they are left alone. */
static uint64_t sum_of(const char *name)
{
    char bytes[65536];
    uint64_t sum = 0;
    int fd = open(path_of(name), O_RDONLY);
    assert_true(fd >= 0);
    for (ssize_t n; (n = read(fd, bytes, sizeof bytes)) > 0;)
        for (ssize_t i = 0; i < n; i++)
            sum = sum * 31 + (uint8_t)bytes[i];
    (void)close(fd);
    return sum;
}

static void assert_refused_untouched(void)
{
    struct store_conf c = conf();
    uint64_t before = sum_of("data.mdb");
    store = NULL;
    assert_int_equal(store_open(&c, &store), ERR_BADCONF);
    assert_true(sum_of("data.mdb") == before);
}

static void a_newer_store_is_refused(void **state)
{
    (void)state;
    store_close(store);
    rewrite_meta("format", "2", false);
    assert_refused_untouched();
    rewrite_meta("format", "x", false);
    assert_refused_untouched();
}

static void a_foreign_store_is_refused(void **state)
{
    (void)state;
    store_close(store);
    rewrite_meta("magic", "something else", false);
    assert_refused_untouched();
    rewrite_meta("magic", "", true);
    assert_refused_untouched();
    wipe();
    rewrite_meta("magic", "breakwater", false); /* but nothing else of ours */
    assert_refused_untouched();
    wipe();
    int fd = open(path_of("data.mdb"), O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    for (int i = 0; i < 2000; i++)
        assert_int_equal(write(fd, "not at all LMDB ", 16), 16);
    (void)close(fd);
    assert_refused_untouched();
}

static void an_unusable_directory_is_refused(void **state)
{
    (void)state;
    struct store_conf c = conf();
    struct store *other;
    c.state_dir = "/proc/none";
    assert_int_equal(store_open(&c, &other), ERR_IO);
    c.state_dir = path_of("made");
    char made[sizeof dir + 8];
    (void)snprintf(made, sizeof made, "%s/made", dir);
    c.state_dir = c.runtime_dir = made;
    assert_int_equal(store_open(&c, &other), 0);
    struct stat st;
    assert_int_equal(stat(made, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    store_close(other);
    char command[200];
    (void)snprintf(command, sizeof command, "rm -rf %s", made);
    assert_int_equal(system(command), 0);
}

static void live_through(void *arg)
{
    (void)arg;
    struct store_conf c = conf();
    struct store_reader *r;
    struct arena a;
    const struct aor_record *rec;
    if (store_open(&c, &store))
        return;
    arena_init(&a, 1 << 20);
    struct wish w = put(1, 1, 60);
    w.upreg_id = 9;
    (void)submit(alice, &w, 1);
    (void)submit(bob, &w, 1);
    turn();
    if (store_reader_new(store, &r) == 0) {
        (void)store_read(r, &a, alice, &rec);
        store_reader_free(r);
    }
    pass_s(100);
    turn();
    pass_s(10);
    turn();
    arena_fini(&a);
    store_close(store);
    store = NULL;
    drop_all();
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    store_close(store);
    assert_true(oom_sweep(live_through, NULL) > 30);
    open_store();
    pass_s(1000);
    turn();
    assert_int_equal(store_count(store), 0);
    assert_int_equal(lease_count(store_leases(store)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(what_is_committed_is_read),
        STORE_TEST(results_carry_what_the_reducer_said),
        STORE_TEST(a_registration_upstream_is_found_by_its_id),
        STORE_TEST(only_what_moved_loses_its_handles),
        STORE_TEST(many_updates_of_one_line_keep_their_order),
        STORE_TEST(the_queue_is_bounded_and_keeps_half_for_phones),
        STORE_TEST(odd_names_are_refused),
        STORE_TEST(a_reader_sees_its_snapshot_until_it_is_reset),
        STORE_TEST(one_process_at_a_time),
        STORE_TEST(a_newer_store_is_refused),
        STORE_TEST(a_foreign_store_is_refused),
        STORE_TEST(an_unusable_directory_is_refused),
        STORE_TEST(every_failed_allocation_is_survived),
    };
    return RUN(tests);
}
