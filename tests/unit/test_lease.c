#include "leasetable.h"

#include <pthread.h>

#include "base/err.h"
#include "store/leaseview.h"

/* ---- the protocol */

static void a_refresh_extends_and_raises(void **state)
{
    (void)state;
    uint64_t now = sys_service_s(), until = 0;
    struct lease_ref ref = make(7, now + 60, 5);
    struct lease_refresh r = {.ref = ref, .expires_at_s = now + 100, .cseq = 6, .branch_hash = 1};
    assert_int_equal(lease_extend(table, &r, &until), LEASE_EXTENDED);
    assert_true(until == now + 100);
    r.expires_at_s = now + 200;
    assert_int_equal(lease_extend(table, &r, &until), LEASE_REPEAT);
    assert_true(until == now + 100);
    r.branch_hash = 2;
    assert_int_equal(lease_extend(table, &r, &until), LEASE_OLD);
    r.is_equal_cseq_allowed = true;
    assert_int_equal(lease_extend(table, &r, &until), LEASE_EXTENDED);
    r.cseq = 5;
    assert_int_equal(lease_extend(table, &r, &until), LEASE_OLD);
    r.cseq = 9;
    r.expires_at_s = now + 10; /* never back */
    assert_int_equal(lease_extend(table, &r, &until), LEASE_EXTENDED);
    assert_true(until == now + 200);
    struct lease_state s;
    assert_true(lease_read(table, ref, &s));
    assert_true(s.expires_at_s == now + 200 && s.cseq == 9 && s.branch_hash == 2);
}

static void a_pending_lease_is_not_extended(void **state)
{
    (void)state;
    uint64_t now = sys_service_s();
    struct lease_ref ref = make(7, now + 60, 5);
    lease_set_pending(table, ref, true);
    assert_int_equal(refresh(ref, now + 90, 6, 1), LEASE_PENDING);
    struct lease_state s;
    assert_true(lease_seize(table, ref, 0, &s));
    assert_true(s.is_pending);
    lease_release(table, ref);
    assert_int_equal(refresh(ref, now + 90, 6, 1), LEASE_PENDING);
    lease_set_pending(table, ref, false);
    assert_int_equal(refresh(ref, now + 90, 6, 1), LEASE_EXTENDED);
    lease_set_pending(table, (struct lease_ref){ref.slot, ref.generation + 1}, true);
    assert_int_equal(refresh(ref, now + 90, 7, 1), LEASE_EXTENDED);
}

static bool is_marked(struct lease_ref ref)
{
    struct lease_state s;
    assert_true(lease_read(table, ref, &s));
    return s.is_unreachable;
}

/* Who does not answer is known by the generation, so a commit forgets it, and a start does. */
static void a_mark_lasts_as_long_as_the_generation(void **state)
{
    (void)state;
    uint64_t now = sys_service_s();
    struct lease_ref ref = make(7, now + 60, 5);
    struct lease_state s;
    assert_false(is_marked(ref));
    assert_false(lease_set_unreachable(table, ref, false));
    assert_true(lease_set_unreachable(table, ref, true));
    assert_false(lease_set_unreachable(table, ref, true));
    assert_int_equal(refresh(ref, now + 90, 6, 1), LEASE_EXTENDED);
    assert_true(is_marked(ref)); /* it is for the caller to end */
    assert_true(lease_seize(table, ref, 0, &s));
    struct lease_ref next = lease_next(table, ref);
    lease_publish(table, next, now + 300, 1);
    assert_false(is_marked(next));
    assert_false(lease_set_unreachable(table, ref, true)); /* of what has been */
    assert_false(is_marked(next));
    assert_true(lease_set_unreachable(table, next, true));
    assert_true(lease_set_unreachable(table, next, false));
    assert_true(lease_set_unreachable(table, next, true));
    lease_close(table);
    start_process();
    open_table();
    assert_true(lease_adopt(table, next, 7, &s));
    assert_false(is_marked(next));
}

static void no_handle_outlives_a_commit(void **state)
{
    (void)state;
    uint64_t now = sys_service_s();
    struct lease_ref ref = make(7, now + 60, 5);
    struct lease_state s;
    assert_false(lease_seize(table, ref, now + 59, &s));
    assert_true(lease_seize(table, ref, now + 60, &s));
    assert_false(lease_seize(table, ref, 0, &s));
    assert_int_equal(refresh(ref, now + 90, 6, 1), LEASE_STALE);
    assert_true(lease_read(table, ref, &s)); /* busy, and still good */
    struct lease_ref next = lease_next(table, ref);
    assert_int_not_equal(next.generation, ref.generation);
    assert_true(lease_is_due(table, next) && !lease_is_due(table, ref));
    assert_false(lease_read(table, next, &s));
    lease_publish(table, next, now + 300, 1);
    assert_int_equal(refresh(ref, now + 90, 6, 1), LEASE_STALE);
    assert_false(lease_read(table, ref, &s) || lease_is_due(table, ref));
    assert_false(lease_is_due(table, next));
    assert_int_equal(refresh(next, now + 400, 2, 1), LEASE_EXTENDED);
    assert_int_equal(lease_count(table), 1);
    assert_true(lease_seize(table, next, 0, &s));
    lease_free(table, next);
    assert_int_equal(lease_count(table), 0);
    assert_false(lease_read(table, next, &s));
    struct lease_ref other = make(8, now + 60, 1); /* the same slot */
    assert_int_equal(other.slot, next.slot);
    assert_int_equal(refresh(next, now + 90, 9, 1), LEASE_STALE);
    assert_int_equal(refresh((struct lease_ref){0, 0}, now, 9, 1), LEASE_STALE);
    assert_int_equal(refresh((struct lease_ref){UINT32_MAX, 1}, now, 9, 1), LEASE_STALE);
}

static void generations_wrap_without_zero(void **state)
{
    (void)state;
    assert_int_equal(lease_next(table, (struct lease_ref){0, SLOT_GENERATIONS - 1}).generation, 1);
}

/* ---- a naive model under random interleavings, with crashes */

enum { PEOPLE = 40 };

static struct person {
    bool is_there;
    uint64_t id, expires_at_s;
    uint32_t cseq, hash;
    struct lease_ref ref, before; /* before: a handle that must be dead */
} people[PEOPLE];

static void check_person(const struct person *p)
{
    struct lease_state s;
    assert_int_equal(lease_read(table, p->ref, &s), p->is_there);
    if (p->is_there)
        assert_true(s.expires_at_s == p->expires_at_s && s.cseq == p->cseq);
    assert_false(lease_read(table, p->before, &s));
}

static void model_refresh(struct person *p, uint64_t random)
{
    uint64_t at_s = sys_service_s() + random % 500;
    uint32_t cseq = p->cseq + (uint32_t)(random >> 32) % 4 - 1, hash = (uint32_t)(random >> 40) % 3;
    enum lease_result want = LEASE_EXTENDED;
    if (!p->is_there)
        want = LEASE_STALE;
    else if (cseq == p->cseq && hash == p->hash)
        want = LEASE_REPEAT;
    else if (cseq <= p->cseq)
        want = LEASE_OLD;
    assert_int_equal(refresh(p->ref, at_s, cseq, hash), want);
    if (want != LEASE_EXTENDED)
        return;
    p->cseq = cseq;
    p->hash = hash;
    if (at_s > p->expires_at_s)
        p->expires_at_s = at_s;
}

/* A commit that moves the binding, or fails. */
static void model_commit(struct person *p, uint64_t random)
{
    struct lease_state s;
    assert_true(lease_seize(table, p->ref, 0, &s));
    assert_true(s.expires_at_s == p->expires_at_s && s.cseq == p->cseq);
    assert_int_equal(refresh(p->ref, s.expires_at_s + 99, p->cseq + 1, 9), LEASE_STALE);
    if (random % 4 == 0) {
        lease_release(table, p->ref);
        return;
    }
    p->before = p->ref;
    p->ref = lease_next(table, p->ref);
    p->expires_at_s = sys_service_s() + random % 100;
    p->cseq = (uint32_t)(random % 1000);
    p->hash = p->ref.generation;
    lease_publish(table, p->ref, p->expires_at_s, p->cseq);
}

static void model_remove(struct person *p)
{
    struct lease_state s;
    assert_true(lease_seize(table, p->ref, p->expires_at_s, &s));
    lease_free(table, p->ref);
    p->before = p->ref;
    p->is_there = false;
}

static void model_add(struct person *p, uint64_t random)
{
    *p = (struct person){.is_there = true,
                         .id = random | 1,
                         .expires_at_s = sys_service_s() + random % 100,
                         .cseq = 10,
                         .before = p->before};
    p->ref = make(p->id, p->expires_at_s, p->cseq);
    p->hash = p->ref.generation;
}

/* Drops the mapping as a killed process would, some slots in the hands of the writer. */
static void crash(uint64_t random)
{
    struct lease_state s;
    for (size_t i = 0; i < PEOPLE; i++)
        if (people[i].is_there && (random >> i) % 3 == 0)
            assert_true(lease_seize(table, people[i].ref, 0, &s));
    struct lease_ref lost;
    assert_int_equal(lease_alloc(table, 12345, &lost), 0);
    lease_touch(table);
    lease_close(table); /* the checkpoint is not looked at while the live table is good */
    pass_s(3);
    start_process();
    open_table();
    uint32_t age;
    assert_int_equal(lease_origin(table, &age), LEASE_SAME_BOOT);
    for (size_t i = 0; i < PEOPLE; i++)
        if (people[i].is_there)
            assert_true(lease_adopt(table, people[i].ref, people[i].id, &s));
    assert_int_equal(lease_collect(table), 1);
}

static void model_step(uint64_t random)
{
    struct person *p = &people[random % PEOPLE];
    random >>= 8;
    unsigned what = (unsigned)(random % 100);
    random >>= 8;
    if (what < 60)
        model_refresh(p, random);
    else if (!p->is_there)
        model_add(p, random);
    else if (what < 85)
        model_commit(p, random);
    else
        model_remove(p);
}

static void random_interleavings_follow_the_model(void **state)
{
    (void)state;
    uint64_t seed = 4711;
    memset(people, 0, sizeof people);
    for (int i = 0; i < 20000; i++) {
        uint64_t random = (uint64_t)mutate_random(&seed) << 32 | mutate_random(&seed);
        model_step(random);
        if (i % 1000 == 999)
            crash(random);
        if (i % 10 == 0)
            pass_s(random % 3);
        for (size_t k = 0; k < PEOPLE; k++)
            check_person(&people[k]);
    }
}

/* ---- threads: two refresh, one writes */

enum { SHARED = 8, MOVES = 20000 };

static struct {
    _Atomic uint64_t refs[SHARED]; /* slot << 32 | generation, as the last commit made it known */
    _Atomic bool is_over;
    _Atomic uint64_t n_extended;
} shared;

static struct lease_ref shared_ref(size_t i)
{
    uint64_t v = shared.refs[i];
    return (struct lease_ref){(uint32_t)(v >> 32), (uint32_t)v};
}

static void share(size_t i, struct lease_ref ref)
{
    shared.refs[i] = (uint64_t)ref.slot << 32 | ref.generation;
}

/* A generation is published with the CSeq 1000 * generation, and refreshed up to 999 above; so a
 * mark that leaks from one generation to another shows. */
static void *refresher(void *arg)
{
    uint64_t seed = (uint64_t)(uintptr_t)arg;
    while (!shared.is_over) {
        uint32_t random = mutate_random(&seed);
        struct lease_ref ref = shared_ref(random % SHARED);
        uint32_t base = ref.generation % 4000000 * 1000;
        uint64_t at_s = sys_service_s() + 1000 + (random >> 8) % 1000;
        if (refresh(ref, at_s, base + (random >> 8) % 1000, random) == LEASE_EXTENDED)
            shared.n_extended++;
        struct lease_state s;
        if (lease_read(table, ref, &s))
            assert_true(s.cseq >= base && s.cseq < base + 1000);
    }
    return NULL;
}

static void move_shared(size_t i, uint32_t random)
{
    struct lease_state before, after;
    struct lease_ref ref = shared_ref(i);
    if (!lease_seize(table, ref, 0, &before))
        fail_msg("the only writer was refused");
    assert_true(lease_read(table, ref, &after));
    assert_true(before.expires_at_s == after.expires_at_s); /* nobody moves what is seized */
    if (random % 8 == 0) {
        lease_release(table, ref);
        return;
    }
    struct lease_ref next = lease_next(table, ref);
    if (random % 8 == 1) {
        lease_free(table, ref);
        assert_int_equal(lease_alloc(table, 1 + i, &next), 0);
        next = lease_next(table, next);
    }
    share(i, next);
    lease_publish(table, next, sys_service_s() + 10, next.generation % 4000000 * 1000);
}

static void *checkpointer(void *arg)
{
    (void)arg;
    while (!shared.is_over)
        (void)lease_checkpoint(table);
    return NULL;
}

static void threads_never_extend_what_was_overtaken(void **state)
{
    (void)state;
    pthread_t threads[3];
    uint64_t seed = 99;
    struct lease_conf c = conf();
    lease_close(table);
    c.checkpoint_s = 0;
    assert_int_equal(lease_open(&c, &table), 0);
    (void)lease_collect(table);
    shared.is_over = false;
    for (size_t i = 0; i < SHARED; i++) {
        struct lease_ref ref;
        assert_int_equal(lease_alloc(table, 1 + i, &ref), 0);
        ref = lease_next(table, ref);
        lease_publish(table, ref, sys_service_s() + 10, ref.generation * 1000);
        share(i, ref);
    }
    assert_int_equal(pthread_create(&threads[0], NULL, refresher, (void *)1), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, refresher, (void *)2), 0);
    assert_int_equal(pthread_create(&threads[2], NULL, checkpointer, NULL), 0);
    for (int i = 0; i < MOVES || shared.n_extended < 1000; i++)
        move_shared(mutate_random(&seed) % SHARED, mutate_random(&seed));
    shared.is_over = true;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* ---- another process */

static void another_process_sees_it(void **state)
{
    (void)state;
    struct leaseview *v;
    struct lease_state s;
    uint64_t now = sys_service_s();
    struct lease_ref ref = make(7, now + 60, 5);
    assert_int_equal(leaseview_open(dir, &v), 0);
    assert_true(leaseview_read(v, ref, &s));
    assert_true(s.expires_at_s == now + 60 && s.cseq == 5 && !s.is_pending);
    assert_int_equal(refresh(ref, now + 90, 6, 1), LEASE_EXTENDED);
    lease_set_pending(table, ref, true);
    assert_true(leaseview_read(v, ref, &s));
    assert_true(s.expires_at_s == now + 90 && s.cseq == 6 && s.branch_hash == 1 && s.is_pending);
    assert_false(leaseview_read(v, (struct lease_ref){ref.slot, ref.generation + 1}, &s));
    assert_false(leaseview_read(v, (struct lease_ref){1 << 20, 1}, &s));
    assert_false(leaseview_read(v, (struct lease_ref){ref.slot, 0}, &s));
    leaseview_close(v);
}

static void what_is_no_table_is_not_seen(void **state)
{
    (void)state;
    struct leaseview *v;
    assert_int_equal(leaseview_open("/nonexistent", &v), ERR_ABSENT);
    FILE *f = fopen(path_of("leases"), "r+");
    assert_non_null(f);
    assert_int_equal(fputs("other", f) < 0, 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(leaseview_open(dir, &v), ERR_PARSE);
    assert_int_equal(truncate(path_of("leases"), 100), 0);
    assert_int_equal(leaseview_open(dir, &v), ERR_PARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LEASE_TEST(another_process_sees_it),
        LEASE_TEST(what_is_no_table_is_not_seen),
        LEASE_TEST(a_refresh_extends_and_raises),
        LEASE_TEST(a_pending_lease_is_not_extended),
        LEASE_TEST(a_mark_lasts_as_long_as_the_generation),
        LEASE_TEST(no_handle_outlives_a_commit),
        LEASE_TEST(generations_wrap_without_zero),
        LEASE_TEST(random_interleavings_follow_the_model),
        LEASE_TEST(threads_never_extend_what_was_overtaken),
    };
    atomic_store(&log_now_level, -1); /* what is provoked here is no news */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
