#include "storebench.h"

#include "base/stats.h"
#include "core/expiry.h"

static const struct str alice = {"alice@example.test", 18};
static const struct str bob = {"bob@example.test", 16};

static void a_binding_goes_when_its_grace_has_ended(void **state)
{
    (void)state;
    struct wish w = put(1, 1, 60);
    grant(alice, &w);
    pass_s(79); /* expires after 60, grace is 20 */
    turn();
    assert_int_equal(look(alice)->n_bindings, 1);
    assert_int_equal(count_events(STORE_LAPSED), 0);
    pass_s(1);
    turn();
    assert_int_equal(look(alice)->n_bindings, 0);
    assert_int_equal(count_events(STORE_LAPSED), 1);
    assert_int_equal(store_count(store), 0);
    assert_int_equal(lease_count(store_leases(store)), 0);
}

static void a_refresh_keeps_it_without_a_commit(void **state)
{
    (void)state;
    struct wish w = put(1, 1, 60);
    grant(alice, &w);
    for (uint32_t i = 2; i < 200; i++) {
        pass_s(50);
        assert_int_equal(extend(alice, 1, sys_service_s() + 60, i), LEASE_EXTENDED);
        turn();
    }
    assert_int_equal(look(alice)->revision, 1);
    assert_int_equal(count_events(STORE_LAPSED), 0);
    pass_s(80);
    turn();
    assert_int_equal(count_events(STORE_LAPSED), 1);
}

static void each_device_has_its_own_end(void **state)
{
    (void)state;
    struct wish a = put(1, 1, 60), b = put(2, 1, 300);
    grant(alice, &a);
    grant(alice, &b);
    pass_s(100);
    turn();
    assert_int_equal(look(alice)->n_bindings, 1);
    assert_int_equal(look(alice)->bindings[0].id, 2);
    assert_int_equal(extend(alice, 2, sys_service_s() + 10, 2), LEASE_EXTENDED); /* never back */
    pass_s(219);
    turn();
    assert_int_equal(store_count(store), 1);
    pass_s(1);
    turn();
    assert_int_equal(store_count(store), 0);
    assert_int_equal(count_events(STORE_LAPSED), 2);
}

static void a_sooner_end_by_a_commit_is_kept(void **state)
{
    (void)state;
    struct wish w = put(1, 1, 7200);
    grant(alice, &w);
    w = put(1, 2, 30);
    grant(alice, &w);
    pass_s(50);
    turn();
    assert_int_equal(store_count(store), 0);
}

static void without_a_domain_there_is_no_grace(void **state)
{
    (void)state;
    struct wish w = put(1, 1, 60);
    grant(STR("nobody@gone.test"), &w);
    pass_s(60);
    turn();
    assert_int_equal(store_count(store), 0);
}

static void dates_beyond_the_wheel_come(void **state)
{
    (void)state;
    struct wish w = put(1, 1, 100000);
    grant(alice, &w);
    for (int i = 0; i < 100; i++) {
        pass_s(1000);
        turn();
        assert_int_equal(store_count(store), 1);
    }
    pass_s(20);
    turn();
    assert_int_equal(store_count(store), 0);
}

/* Removed by the sweep in several turns; between them phones are served. */
static void a_burst_is_spread_over_turns(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 600; i++) {
        char name[32];
        int n = snprintf(name, sizeof name, "u%llu@example.test", (unsigned long long)i);
        struct wish w = put(i + 1, 1, 60);
        assert_int_equal(submit((struct str){name, (size_t)n}, &w, 0), 0);
    }
    turn();
    drop_all();
    pass_s(80);
    struct wish w = put(1, 1, 60);
    assert_int_equal(submit(bob, &w, 0), 0);
    assert_int_equal(store_turn(store), 0);
    assert_int_equal(outcome(), STORE_COMMITTED);
    assert_in_range(store_count(store), 601 - 256, 600);
    turn();
    assert_int_equal(store_count(store), 1);
    assert_int_equal(count_events(STORE_LAPSED), 600);
}

static void a_registration_upstream_is_due_once_a_date(void **state)
{
    (void)state;
    struct wish w = put(1, 1, 60);
    w.upreg_id = 9;
    w.dead_at_s = sys_service_s() + 600;
    grant(alice, &w);
    const struct aor_record *r = look(alice);
    uint64_t refresh_by_s = expiry_refresh_by_s(r, &r->upregs[0]);
    assert_in_range(refresh_by_s, sys_service_s() + 1, w.dead_at_s - 1);
    uint32_t cseq = 1;
    while (sys_service_s() < w.dead_at_s + 100) {
        assert_int_equal(extend(alice, 1, sys_service_s() + 60, ++cseq), LEASE_EXTENDED);
        pass_s(1);
        turn();
        bool is_date = sys_service_s() == refresh_by_s || sys_service_s() == w.dead_at_s;
        assert_int_equal(count_events(STORE_DUE), is_date);
    }
    w.dead_at_s = sys_service_s() + 600; /* refreshed: new dates */
    w.cseq = ++cseq;
    grant(alice, &w);
    pass_s(600);
    turn();
    size_t n = count_events(STORE_DUE);
    assert_int_equal(n, 1);
}

static void what_upstream_holds_outlives_the_last_device(void **state)
{
    (void)state;
    struct wish w = put(1, 1, 60);
    w.upreg_id = 9;
    w.dead_at_s = sys_service_s() + 600;
    grant(alice, &w);
    pass_s(80);
    turn();
    const struct aor_record *r = look(alice);
    assert_int_equal(r->n_bindings, 0);
    assert_int_equal(r->n_upregs, 1);
    assert_int_equal(r->upregs[0].state, UPREG_LEAVING);
    (void)count_events(STORE_DUE);
    pass_s(520);
    turn();
    assert_int_equal(look(alice)->upregs[0].state, UPREG_ENDED);
    (void)count_events(STORE_DUE); /* its end was a date, too */
    for (int hour = 1; hour < UPREG_KNOWN_S / 3600; hour++) {
        pass_s(3600);
        turn();
    }
    assert_int_equal(count_events(STORE_DUE), 0);
    assert_int_equal(store_count(store), 1);
    pass_s(3600);
    turn();
    assert_int_equal(store_count(store), 0);
}

/* Of a line that has ended nobody is told, not even at a start. */
static void what_has_ended_is_not_due(void **state)
{
    (void)state;
    struct wish w = put(1, 1, 60);
    w.upreg_id = 9;
    w.dead_at_s = sys_service_s() + 60;
    grant(alice, &w);
    pass_s(80);
    turn();
    assert_int_equal(look(alice)->upregs[0].state, UPREG_ENDED);
    (void)count_events(STORE_DUE);
    restart();
    pass_s(400);
    turn();
    assert_int_equal(count_events(STORE_DUE), 0);
    assert_int_equal(store_count(store), 1);
}

/* The work is with what is due: a million seconds with a thousand lines that are refreshed cost
 * looks, not scans; and nothing is forgotten. */
static void random_lives_end_when_they_should(void **state)
{
    (void)state;
    enum { LINES = 60 };
    uint64_t seed = 5, ends[LINES] = {0};
    uint32_t cseq = 1;
    for (int round = 0; round < 3000; round++) {
        uint32_t i = mutate_random(&seed) % LINES, s = mutate_random(&seed) % 400;
        char name[32];
        struct str aor = {name, (size_t)snprintf(name, sizeof name, "u%u@example.test", i)};
        if (!ends[i]) {
            struct wish w = put(i + 1, ++cseq, s);
            grant(aor, &w);
            ends[i] = sys_service_s() + s;
        } else if (mutate_random(&seed) % 2) {
            assert_int_equal(extend(aor, i + 1, sys_service_s() + s, ++cseq), LEASE_EXTENDED);
            if (sys_service_s() + s > ends[i])
                ends[i] = sys_service_s() + s;
        }
        pass_s(mutate_random(&seed) % 8);
        turn();
        size_t n = 0;
        for (int k = 0; k < LINES; k++) {
            if (ends[k] && ends[k] + 20 <= sys_service_s())
                ends[k] = 0;
            n += ends[k] != 0;
        }
        assert_int_equal(store_count(store), n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(a_binding_goes_when_its_grace_has_ended),
        STORE_TEST(a_refresh_keeps_it_without_a_commit),
        STORE_TEST(each_device_has_its_own_end),
        STORE_TEST(a_sooner_end_by_a_commit_is_kept),
        STORE_TEST(without_a_domain_there_is_no_grace),
        STORE_TEST(dates_beyond_the_wheel_come),
        STORE_TEST(a_burst_is_spread_over_turns),
        STORE_TEST(a_registration_upstream_is_due_once_a_date),
        STORE_TEST(what_upstream_holds_outlives_the_last_device),
        STORE_TEST(what_has_ended_is_not_due),
        STORE_TEST(random_lives_end_when_they_should),
    };
    return RUN(tests);
}
