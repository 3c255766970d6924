#include "unit.h"

#include <stdlib.h>

#include "core/expiry.h"
#include "core/lasting.h"
#include "mutate.h"
#include "regworld.h"

static uint64_t seed;

static uint64_t draw(uint64_t n)
{
    return mutate_random(&seed) % n;
}

static bool is_one_in(uint64_t n)
{
    return draw(n) == 0;
}

static void draw_conf(struct world *w)
{
    static const uint32_t spreads[] = {0, 10, 50, 100};
    world_init(w, (enum absorb_mode)draw(3));
    w->conf.authentication = (enum absorb_auth)draw(3);
    w->conf.expires_spread_percent = spreads[draw(4)];
    w->conf.max_expires_s = 30 + (uint32_t)draw(600);
    w->conf.reproof_s = 200 + (uint32_t)draw(4000);
    w->conf.serve_limit_s = is_one_in(2) ? 600 : 0;
    w->conf.is_equal_cseq_allowed = is_one_in(2);
    w->conf.form = is_one_in(8) ? 8 : 0;
}

/* A line that a phone has registered, mostly as it should be. */
static void draw_line(struct world *w)
{
    struct binding *b = world_bind(w, 'a', 1);
    struct upreg *u = &w->r->upregs[0];
    b->granted_s = 30 + (uint32_t)draw(400);
    b->proof.at_s = w->now_s - draw(3000);
    b->proof.kind = is_one_in(2) ? PROOF_UPSTREAM : (enum proof_kind)draw(PROOF_DIGEST + 1);
    u->dead_at_s = w->now_s + draw(4000);
    u->granted_s = 60 + (uint32_t)draw(7200);
    u->state = is_one_in(8) ? (enum upreg_state)draw(UPREG_ENDED + 1) : UPREG_LIVE;
    u->form = is_one_in(8) ? 4 : 0;
    w->leases[0].expires_at_s = w->now_s + draw(500);
    if (is_one_in(8))
        world_bind(w, 'b', 1);
}

static void draw_register(struct world *w)
{
    static const char *const texts[] = {
        "A a 11 a=60", "A a 11 a=300", "A a 11 a",    "A a 11 a=35",     "A a 11 a=0",
        "B a 11 a=60", "A b 11 a=60",  "A a 10 a=60", "A a 11+ a=60",    "A a 11! a=60",
        "A a 11 *",    "A a 11",       "A a 11 b=60", "A a 11 a=60 b=60"};
    world_view(w, texts[is_one_in(2) ? draw(4) : draw(sizeof texts / sizeof *texts)]);
    w->view.is_source_trusted = is_one_in(2);
    w->view.has_account = is_one_in(2);
    w->view.spread = draw(UINT64_MAX);
    w->is_busy = is_one_in(4);
    w->is_outage = is_one_in(16);
}

/* What may be another the next time, without anybody knowing. */
static void draw_next(struct world *w, struct absorb_input *in)
{
    w->view.cseq = 11 + (uint32_t)draw(1000);
    w->view.branch_hash = (uint32_t)draw(UINT32_MAX);
    w->view.spread = draw(UINT64_MAX) << 32 ^ draw(UINT64_MAX);
    w->now_s += draw(2000);
    w->leases[0].expires_at_s = w->now_s - 100 + draw(600);
    w->leases[0].cseq = w->view.cseq - 1;
    in->now_s = w->now_s;
    in->is_upstream_busy = is_one_in(2);
}

/* Decided with all that is known, it is the same. */
static void check_same(const struct absorb_input *in, enum reason why, const struct lasting *l)
{
    const struct register_contact *c = &in->view->contacts[0];
    const struct upreg *u = binding_upreg(in->now_state, in->now_state->bindings[0].upreg_id);
    struct verdict v = absorb_decide(in, NULL);
    uint32_t granted_s = lasting_grant_s(in->conf, l, in->view->spread, false);
    uint64_t left_s = in->leases[0].expires_at_s - in->now_s;
    assert_int_equal(v.what, VERDICT_ABSORB);
    assert_int_equal(v.reason, why);
    assert_int_equal(expiry_grant_on_s(in, c->expires_s, u), granted_s);
    assert_int_equal(lasting_grant_s(in->conf, l, in->view->spread, true),
                     expiry_scatter_s(in, granted_s));
    assert_int_equal(expiry_told_s(in, u, left_s), left_s);
    assert_int_equal(expiry_told_s(in, u, granted_s), granted_s);
}

static size_t run(uint64_t nth)
{
    struct world w;
    struct lasting l;
    size_t n = 0;
    seed = nth * 0x9e3779b97f4a7c15;
    draw_conf(&w);
    draw_line(&w);
    draw_register(&w);
    struct absorb_input in = world_input(&w);
    const struct verdict v = absorb_decide(&in, NULL);
    if (lasting_find(&in, &v, &l)) {
        for (int i = 0; i < 20; i++) {
            draw_next(&w, &in);
            if (!lasting_is_good(&w.conf, &l, w.leases[0].expires_at_s, w.now_s))
                continue;
            check_same(&in, v.reason, &l);
            n++;
        }
    }
    world_fini(&w);
    return n;
}

static void it_says_what_the_policy_says(void **state)
{
    size_t n = 0;
    (void)state;
    for (uint64_t i = 1; i <= 200000; i++)
        n += run(i);
    assert_true(n > 1000); /* it says something at all */
}

/* ---------------------------------------------------------------- row by row */

static bool is_lasting(struct world *w, const char *text, struct lasting *out)
{
    world_view(w, text);
    const struct absorb_input in = world_input(w);
    const struct verdict v = absorb_decide(&in, NULL);
    return lasting_find(&in, &v, out);
}

static void a_plain_refresh_lasts_until_upstream_or_proof_is_due(void **state)
{
    struct world w;
    struct lasting l;
    (void)state;
    world_init(&w, MODE_AOR_THROTTLE);
    world_bind(&w, 'a', 1);
    assert_true(is_lasting(&w, "A a 11 a=60", &l));
    assert_int_equal(l.asked_s, 60);
    assert_int_equal(l.refresh_by_s, WORLD_NOW + 2000 - 360);
    assert_true(lasting_is_good(&w.conf, &l, WORLD_NOW + 30, WORLD_NOW));
    assert_true(lasting_is_good(&w.conf, &l, WORLD_NOW + 1640, WORLD_NOW + 1639));
    assert_false(lasting_is_good(&w.conf, &l, WORLD_NOW + 1641, WORLD_NOW + 1640));
    w.conf.reproof_s = 200; /* the proof is 100 s old */
    assert_true(lasting_is_good(&w.conf, &l, WORLD_NOW + 100, WORLD_NOW + 99));
    assert_false(lasting_is_good(&w.conf, &l, WORLD_NOW + 101, WORLD_NOW + 100));
    world_fini(&w);
}

static void a_lease_that_has_ended_or_lasts_too_long_is_looked_at(void **state)
{
    struct world w;
    struct lasting l;
    (void)state;
    world_init(&w, MODE_AOR_THROTTLE);
    world_bind(&w, 'a', 1);
    assert_true(is_lasting(&w, "A a 11 a=60", &l));
    assert_false(lasting_is_good(&w.conf, &l, WORLD_NOW, WORLD_NOW));
    assert_true(lasting_is_good(&w.conf, &l, WORLD_NOW + 60, WORLD_NOW));
    assert_false(lasting_is_good(&w.conf, &l, WORLD_NOW + 61, WORLD_NOW));
    world_fini(&w);
}

static void what_is_more_than_a_plain_refresh_does_not_last(void **state)
{
    static const char *const texts[] = {"A a 11 a=0",  "A a 11+ a=60", "A a 11! a=60", "A a 11 *",
                                        "A a 11",      "A b 11 a=60",  "B a 11 a=60",  "A a 9 a=60",
                                        "A a 11 b=60", "A a 11 a=300"};
    struct world w;
    struct lasting l;
    (void)state;
    world_init(&w, MODE_AOR_THROTTLE);
    world_bind(&w, 'a', 1);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(is_lasting(&w, texts[i], &l));
    assert_true(is_lasting(&w, "A a 11 a=60", &l));
    w.is_outage = true;
    assert_false(is_lasting(&w, "A a 11 a=60", &l));
    w.is_outage = false;
    world_bind(&w, 'b', 1);
    assert_false(is_lasting(&w, "A a 11 a=60", &l));
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_what_the_policy_says),
        cmocka_unit_test(a_plain_refresh_lasts_until_upstream_or_proof_is_due),
        cmocka_unit_test(a_lease_that_has_ended_or_lasts_too_long_is_looked_at),
        cmocka_unit_test(what_is_more_than_a_plain_refresh_does_not_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
