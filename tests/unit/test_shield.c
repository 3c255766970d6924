#include "unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "service/outage.h"
#include "service/shield.h"

enum { NOW_MS = 1000000 };

static struct shield_table *table;
static struct conf_upstream upstreams[2];

static void set_up_with(uint32_t rate, uint32_t burst)
{
    struct conf conf = {.upstreams = upstreams, .n_upstreams = 2};
    upstreams[0] = (struct conf_upstream){.name = "one", .pace = {rate, burst}};
    upstreams[1] = (struct conf_upstream){.name = "two", .pace = {rate, burst}};
    assert_int_equal(shield_table_new(&table), 0);
    assert_int_equal(shield_table_link(table, &conf), 0);
}

static unsigned take_all(enum pace_class k, uint64_t now_ms)
{
    unsigned n = 0;
    while (shield_take(&upstreams[0], k, now_ms))
        n++;
    return n;
}

static void each_upstream_has_its_own(void **state)
{
    (void)state;
    set_up_with(10, 8);
    assert_int_equal(take_all(PACE_DYING, NOW_MS), 8);
    assert_true(shield_wait_ms(&upstreams[0], PACE_DYING, NOW_MS) == 100);
    assert_true(shield_wait_ms(&upstreams[1], PACE_DYING, NOW_MS) == 0);
    assert_true(shield_tokens(upstreams[0].shield, NOW_MS) < 0.01);
    assert_true(shield_tokens(upstreams[1].shield, NOW_MS) > 7.99);
    shield_give_back(&upstreams[0]);
    assert_int_equal(take_all(PACE_DYING, NOW_MS), 1);
    shield_charge(&upstreams[0], NOW_MS);
    assert_true(shield_wait_ms(&upstreams[0], PACE_DYING, NOW_MS) == 200);
    shield_table_free(table);
}

static void a_snapshot_finds_the_same_again(void **state)
{
    (void)state;
    set_up_with(10, 8);
    const struct shield *before = upstreams[1].shield;
    struct conf_upstream later = {.name = "two", .pace = {3, 4}};
    struct conf conf = {.upstreams = &later, .n_upstreams = 1};
    assert_int_equal(shield_table_link(table, &conf), 0);
    assert_ptr_equal(later.shield, before);
    assert_int_equal(later.shield->rate, 3);
    shield_table_free(table);
}

/* Those with the better right may leave nothing; a share of the rate stays for the others. */
static void nobody_starves(void **state)
{
    (void)state;
    set_up_with(10, 8);
    unsigned n_dying = 0, n_new = 0;
    for (uint64_t now_ms = NOW_MS; now_ms < NOW_MS + 100000; now_ms += 10) {
        n_new += shield_take(&upstreams[0], PACE_NEW, now_ms);
        n_dying += take_all(PACE_DYING, now_ms);
    }
    assert_in_range(n_new, 48, 60);
    assert_in_range(n_new + n_dying, 1000, 1009);
    shield_table_free(table);
}

static void a_pause_ends_by_itself(void **state)
{
    (void)state;
    set_up_with(10, 8);
    shield_pause(&upstreams[0], 30, NOW_MS);
    assert_true(shield_is_paused(&upstreams[0], NOW_MS + 29999));
    assert_false(shield_is_paused(&upstreams[0], NOW_MS + 30000));
    assert_false(shield_take(&upstreams[0], PACE_DYING, NOW_MS + 29999));
    assert_true(shield_wait_ms(&upstreams[0], PACE_DYING, NOW_MS) == 30000);
    assert_int_equal(upstreams[0].shield->ceiling, PACE_WHOLE / 2);
    assert_int_equal(upstreams[0].shield->counts[SHIELD_PAUSES], 1);
    assert_true(shield_take(&upstreams[0], PACE_DYING, NOW_MS + 30000));
    shield_table_free(table);
}

static void the_ceiling_follows_the_answers(void **state)
{
    (void)state;
    set_up_with(100, 100);
    for (uint64_t s = 0; s < 5; s++)
        for (int i = 0; i < 100; i++)
            shield_note(&upstreams[0], i % 2 == 0, NOW_MS + s * 1000 + (uint64_t)i);
    assert_in_range(upstreams[0].shield->ceiling, 160, 350); /* four or five windows were judged */
    for (uint64_t s = 5; s < 30; s++)
        for (int i = 0; i < 100; i++)
            shield_note(&upstreams[0], true, NOW_MS + s * 1000 + (uint64_t)i);
    assert_int_equal(upstreams[0].shield->ceiling, PACE_WHOLE);
    shield_table_free(table);
}

static void the_refused_are_told_a_time(void **state)
{
    (void)state;
    set_up_with(1, 1);
    uint32_t most_s = 0;
    for (int i = 0; i < 200; i++) {
        uint32_t s = shield_refuse(&upstreams[0], (uint64_t)i * 0x9e3779b97f4a7c15, NOW_MS);
        most_s = s > most_s ? s : most_s;
        assert_true(s >= 5);
    }
    assert_in_range(most_s, 100, 205);
    assert_true(shield_refuse(&upstreams[0], 30, NOW_MS + 60000) == 35); /* forgotten by then */
    assert_int_equal(upstreams[0].shield->counts[SHIELD_REFUSED], 201);
    shield_table_free(table);
}

enum { THREADS = 4 };

static void *take_some(void *arg)
{
    unsigned *n = arg;
    for (uint64_t now_ms = NOW_MS; now_ms < NOW_MS + 10000; now_ms++)
        *n += shield_take(&upstreams[0], (enum pace_class)(now_ms % PACE_CLASSES), now_ms);
    return NULL;
}

static void threads_together_keep_the_pace(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    unsigned n[THREADS] = {0}, sum = 0;
    set_up_with(50, 20);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_some, &n[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        sum += n[i];
    }
    assert_true(sum <= 50 * 10 + 20 + 1);
    shield_table_free(table);
}

static void make_and_link(void *arg)
{
    struct shield_table *s;
    struct conf_upstream u[] = {{.name = "a"}, {.name = "b"}};
    struct conf conf = {.upstreams = u, .n_upstreams = 2};
    (void)arg;
    if (shield_table_new(&s))
        return;
    (void)shield_table_link(s, &conf);
    shield_table_free(s);
}

/* Of a cluster: the right to send ends by itself. */
static void what_may_not_send_counts_as_down(void **state)
{
    static _Atomic uint64_t until_ms;
    struct conf_upstream u = {.name = "one", .pace = {10, 8}};
    struct conf conf = {.upstreams = &u, .n_upstreams = 1};
    (void)state;
    assert_int_equal(shield_table_new(&table), 0);
    shield_table_limit(table, &until_ms);
    assert_int_equal(shield_table_link(table, &conf), 0);
    uint64_t now_ms = sys_now_ms();
    assert_false(shield_may_send(u.shield));
    assert_true(outage_is_down(&u) && outage_serves(&u) && outage_state(&u) == HEALTH_UP);
    assert_false(outage_can_try(&u, OUTAGE_TRIAL_SERVED));
    assert_false(shield_take(&u, PACE_DYING, now_ms));
    assert_true(shield_wait_ms(&u, PACE_DYING, now_ms) > 0);
    atomic_store(&until_ms, now_ms + 600000);
    assert_true(shield_may_send(u.shield) && !outage_is_down(&u) && !outage_serves(&u));
    assert_true(shield_take(&u, PACE_DYING, now_ms));
    atomic_store(&until_ms, now_ms);
    assert_false(shield_may_send(u.shield));
    shield_table_free(table);
}

/* What became due meanwhile is made up for like after an outage, where probes see its end. */
static void the_right_to_send_comes_back(void **state)
{
    (void)state;
    set_up_with(10, 8);
    atomic_store(&upstreams[0].shield->is_believed, true);
    shield_table_recover(table);
    assert_int_equal(outage_state(&upstreams[0]), HEALTH_DOWN);
    assert_int_equal(outage_state(&upstreams[1]), HEALTH_UP);
    shield_table_free(table);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_int_equal(oom_sweep(make_and_link, NULL), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_upstream_has_its_own),
        cmocka_unit_test(a_snapshot_finds_the_same_again),
        cmocka_unit_test(nobody_starves),
        cmocka_unit_test(a_pause_ends_by_itself),
        cmocka_unit_test(the_ceiling_follows_the_answers),
        cmocka_unit_test(the_refused_are_told_a_time),
        cmocka_unit_test(threads_together_keep_the_pace),
        cmocka_unit_test(what_may_not_send_counts_as_down),
        cmocka_unit_test(the_right_to_send_comes_back),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
