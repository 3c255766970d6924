#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "net/loop.h"
#include "service/alarm.h"
#include "service/keeper.h"
#include "service/outage.h"
#include "service/pacer.h"
#include "service/recover.h"
#include "service/renew.h"
#include "service/shield.h"
#include "store/store.h"

/* ---------------------------------------------------------------- what it works with, played */

enum { AORS = 1000, KINDS = 3 };

static uint64_t now_ms;
static struct wheel_timer *armed;
static uint64_t due_ms;
static enum health_state state;
static uint64_t round_no;
static unsigned n_recovered, n_failures, n_looks[KINDS][AORS], n_reads;
static unsigned fails_every; /* so many reads fail once; 0: none does */
static int failure;
static size_t n_dropped; /* the first ones of them are not taken back yet */
static int64_t n_left;

uint64_t loop_now_ms(const struct loop *l)
{
    (void)l;
    return now_ms;
}

void loop_timer_start(struct loop *l, struct wheel_timer *t, uint64_t delay_ms)
{
    (void)l;
    armed = t;
    due_ms = now_ms + delay_ms;
}

void loop_timer_stop(struct loop *l, struct wheel_timer *t)
{
    (void)l;
    if (armed == t)
        armed = NULL;
}

enum health_state outage_state(const struct conf_upstream *u)
{
    (void)u;
    return state;
}

uint64_t outage_round(const struct conf_upstream *u)
{
    (void)u;
    return round_no;
}

void outage_on_recovered(struct context *c, const struct conf_upstream *u, uint64_t round)
{
    (void)c;
    (void)u;
    assert_true(round == round_no);
    n_recovered++;
    state = HEALTH_UP;
}

void outage_add_left(struct shield *s, int64_t n)
{
    (void)s;
    n_left += n;
}

bool pacer_has_room(const struct context *c, const struct conf_upstream *u)
{
    (void)c;
    (void)u;
    return true;
}

void keeper_retry(struct keeper *k, struct str upstream)
{
    (void)k;
    (void)upstream;
}

void alarm_sync(struct alarms *a, const struct conf *conf)
{
    (void)a;
    (void)conf;
}

static char names[AORS][8];

static size_t number_of(struct str aor)
{
    size_t n = 0;
    for (size_t i = 1; i < aor.n; i++)
        n = n * 10 + (size_t)(aor.p[i] - '0');
    return n;
}

int store_next(struct store_reader *r, struct arena *a, struct str after, struct str *aor)
{
    (void)r;
    (void)a;
    size_t at = after.n ? number_of(after) + 1 : 0;
    if (fails_every && ++n_reads % fails_every == 0) {
        n_failures++;
        return failure;
    }
    if (at >= AORS)
        return ERR_ABSENT;
    *aor = str_of(names[at]);
    return 0;
}

struct renew_overdue renew_overdue(struct context *c, struct str aor,
                                   const struct conf_upstream *upstream, enum renew_which which)
{
    (void)c;
    (void)upstream;
    size_t at = number_of(aor);
    n_looks[which][at]++;
    return (struct renew_overdue){.is_dropped = at < n_dropped, .is_sent = false};
}

/* ---------------------------------------------------------------- the walk */

static struct shield shield;
static struct conf_upstream upstream = {.name = "u", .probe_interval_s = 10, .shield = &shield};
static struct conf conf = {.upstreams = &upstream, .n_upstreams = 1};
static struct context context = {.conf = &conf, .n_workers = 1};
static struct recover *recover;

static int set_up(void **test_state)
{
    (void)test_state;
    for (size_t i = 0; i < AORS; i++)
        (void)snprintf(names[i], sizeof names[i], "a%03zu", i);
    arena_init(&context.scratch, (size_t)1 << 20);
    memset(n_looks, 0, sizeof n_looks);
    n_recovered = n_failures = n_reads = fails_every = 0;
    n_dropped = 0;
    n_left = 0;
    state = HEALTH_DOWN;
    if (recover_new(&context, &recover))
        return -1;
    recover_sync(recover);
    return 0;
}

static int tear_down(void **test_state)
{
    (void)test_state;
    recover_free(recover);
    arena_fini(&context.scratch);
    return 0;
}

static void pass(uint64_t ms)
{
    uint64_t end_ms = now_ms + ms;
    while (armed && due_ms <= end_ms) {
        struct wheel_timer *t = armed;
        now_ms = due_ms;
        armed = NULL;
        t->fn(t->arg);
    }
    now_ms = end_ms;
}

static void all_were_looked_at(enum renew_which which, unsigned n)
{
    for (size_t i = 0; i < AORS; i++)
        assert_int_equal(n_looks[which][i], n);
}

static void upstream_returns(void)
{
    pass(5000);
    assert_int_equal(n_recovered, 0);
    state = HEALTH_RESYNC;
    round_no++;
}

static void each_line_has_its_turn_and_then_it_is_up(void **test_state)
{
    (void)test_state;
    upstream_returns();
    pass(10000);
    assert_int_equal(n_recovered, 1);
    all_were_looked_at(RENEW_URGENT, 1);
    all_were_looked_at(RENEW_ALL, 1);
    all_were_looked_at(RENEW_NONE, 1);
    assert_true(n_left == 0);
}

/* What the store cannot read now it is asked for again from where it stood: no line is left out,
 * none comes twice, and it is not taken for the end. */
static void a_reader_that_fails_ends_nothing(void **test_state)
{
    (void)test_state;
    static const int failures[] = {ERR_IO, ERR_NOMEM};
    for (size_t i = 0; i < 2; i++) {
        memset(n_looks, 0, sizeof n_looks);
        n_recovered = 0;
        state = HEALTH_DOWN;
        failure = failures[i];
        fails_every = 7;
        upstream_returns();
        pass(60000);
        assert_true(n_failures > AORS / 7);
        assert_int_equal(n_recovered, 1);
        all_were_looked_at(RENEW_URGENT, 1);
        all_were_looked_at(RENEW_ALL, 1);
        all_were_looked_at(RENEW_NONE, 1);
    }
}

/* One that reads nothing at all holds it in resync, and it goes on once it reads again. */
static void without_a_reader_it_waits(void **test_state)
{
    (void)test_state;
    failure = ERR_IO;
    fails_every = 1;
    upstream_returns();
    pass(600000);
    assert_int_equal(n_recovered, 0);
    fails_every = 0;
    pass(10000);
    assert_int_equal(n_recovered, 1);
    all_were_looked_at(RENEW_URGENT, 1);
}

/* Lines that upstream does not take back: told, asked for again, and not waited for for ever. */
static void what_is_not_taken_back_is_counted(void **test_state)
{
    (void)test_state;
    n_dropped = 10;
    upstream_returns();
    pass(20000);
    assert_int_equal(n_recovered, 0);
    assert_true(n_left == 10);
    n_dropped = 0;
    pass(20000);
    assert_int_equal(n_recovered, 1);
    assert_true(n_left == 0);
    state = HEALTH_DOWN;
    n_dropped = 10;
    n_recovered = 0;
    upstream_returns();
    pass(90000); /* nothing has moved for a minute and the longest interval */
    assert_int_equal(n_recovered, 1);
    assert_true(n_left == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_line_has_its_turn_and_then_it_is_up, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_reader_that_fails_ends_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_reader_it_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_taken_back_is_counted, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
