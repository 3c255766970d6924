#include "unit.h"

#include "core/tenure.h"

/* One node, step by step; test_tenure_play.c has many. */

enum { FENCE_MS = 150000 };

static struct tenure_view two_nodes(int owner)
{
    struct tenure_view v = {.generation = 1, .is_settled = true, .n_nodes = 2};
    v.nodes[0] =
        (struct tenure_node){.number = 1, .epoch = 7, .is_member = true, .is_current = true};
    v.nodes[1] =
        (struct tenure_node){.number = 2, .epoch = 9, .is_member = true, .is_current = true};
    v.claims[0] = (struct tenure_claim){owner, 3};
    return v;
}

static void feed(struct tenure *t, struct tenure_event e, struct tenure_wish *out)
{
    tenure_step(t, &e, out);
}

static void hear(struct tenure *t, const struct tenure_view *v, uint64_t at_ms,
                 struct tenure_wish *out)
{
    feed(t,
         (struct tenure_event){
             .what = TENURE_HEARD, .now_ms = at_ms, .sent_ms = at_ms, .epoch = 7, .view = v},
         out);
}

/* Node 1, whose shard 0 is. */
static void hold(struct tenure *t, struct tenure_wish *out)
{
    struct tenure_conf conf = tenure_conf_of(FENCE_MS, 1, 0);
    struct tenure_view v = two_nodes(1);
    tenure_init(t, &conf, 1);
    feed(t, (struct tenure_event){.what = TENURE_TICK, .now_ms = 500}, out);
    assert_true(out->join && !out->beat);
    feed(t, (struct tenure_event){.what = TENURE_JOINED, .now_ms = 900, .sent_ms = 500, .epoch = 7},
         out);
    feed(t, (struct tenure_event){.what = TENURE_TICK, .now_ms = 5499}, out);
    assert_false(out->join || out->beat);
    feed(t, (struct tenure_event){.what = TENURE_TICK, .now_ms = 5500}, out);
    assert_true(out->beat && !out->join);
    feed(t,
         (struct tenure_event){
             .what = TENURE_HEARD, .now_ms = 5600, .sent_ms = 5500, .epoch = 7, .view = &v},
         out);
    assert_false(tenure_can_act(t, 0, 5600));
    feed(t, (struct tenure_event){.what = TENURE_READ, .now_ms = 5700, .sent_ms = 5600}, out);
    assert_false(tenure_can_act(t, 0, 5700)); /* it may have begun before */
    feed(t, (struct tenure_event){.what = TENURE_READ, .now_ms = 5800, .sent_ms = 5601}, out);
    assert_true(tenure_can_act(t, 0, 5800));
}

static void acting_ends_by_itself(void **state)
{
    static struct tenure t;
    static struct tenure_wish wish;
    (void)state;
    hold(&t, &wish);
    assert_int_equal(tenure_acts_until_ms(&t, 0), 5500 + 120000); /* from when it was sent */
    assert_true(tenure_can_act(&t, 0, 125499));
    assert_false(tenure_can_act(&t, 0, 125500));
    struct tenure_view v = two_nodes(1);
    struct tenure_event late = {
        .what = TENURE_HEARD, .now_ms = 140000, .sent_ms = 139000, .epoch = 6, .view = &v};
    feed(&t, late, &wish); /* of an epoch that is over */
    assert_false(tenure_can_act(&t, 0, 140000));
    late.epoch = 7;
    feed(&t, late, &wish);
    assert_true(tenure_can_act(&t, 0, 140000)); /* nobody has taken it */
}

static void nobody_is_fenced_right_after_an_outage(void **state)
{
    static struct tenure t;
    static struct tenure_wish wish;
    struct tenure_view v = two_nodes(1);
    (void)state;
    hold(&t, &wish);
    v.nodes[1].silent_ms = FENCE_MS + 1;
    struct tenure_event e = {
        .what = TENURE_HEARD, .now_ms = 300000, .sent_ms = 300000, .epoch = 7, .view = &v};
    for (; e.sent_ms < 450000; e.now_ms = e.sent_ms += 5000) {
        feed(&t, e, &wish);
        assert_int_equal(wish.fence, TENURE_NOBODY);
    }
    feed(&t, e, &wish);
    assert_int_equal(wish.fence, 2);
    assert_int_equal(wish.fence_epoch, 9);
    v.nodes[1].silent_ms = FENCE_MS;
    feed(&t, e, &wish);
    assert_int_equal(wish.fence, TENURE_NOBODY);
}

/* It left, or was named after a restore and never came: nobody else would act. */
static void an_owner_that_is_no_member_is_fenced(void **state)
{
    static struct tenure t;
    static struct tenure_wish wish;
    struct tenure_view owner = two_nodes(2), other = two_nodes(1);
    owner.nodes[1].is_member = other.nodes[1].is_member = false;
    owner.nodes[1].silent_ms = other.nodes[1].silent_ms = FENCE_MS + 1;
    (void)state;
    hold(&t, &wish);
    for (uint64_t at_ms = 6000; at_ms < 156000; at_ms += 5000)
        hear(&t, &other, at_ms, &wish);
    hear(&t, &other, 156000, &wish);
    assert_int_equal(wish.fence, TENURE_NOBODY); /* it has nothing */
    hear(&t, &owner, 157000, &wish);
    assert_int_equal(wish.fence, 2);
    assert_int_equal(wish.fence_epoch, 9);
    owner.nodes[1].silent_ms = FENCE_MS;
    hear(&t, &owner, 158000, &wish);
    assert_int_equal(wish.fence, TENURE_NOBODY);
}

static void what_is_lost_is_lost_at_once(void **state)
{
    static struct tenure t;
    static struct tenure_wish wish;
    struct tenure_view restored = two_nodes(1), of_other = two_nodes(2);
    restored.generation = 2;
    (void)state;
    hold(&t, &wish);
    hear(&t, &restored, 6000, &wish);
    assert_true(wish.join && !tenure_can_act(&t, 0, 6000));
    hold(&t, &wish);
    hear(&t, &of_other, 6000, &wish);
    assert_false(tenure_can_act(&t, 0, 6000));
    hold(&t, &wish);
    feed(&t, (struct tenure_event){.what = TENURE_LOST, .now_ms = 6000}, &wish);
    assert_false(tenure_can_act(&t, 0, 6000));
}

/* Its outcome is not known: it is only ours again in another epoch. */
static void a_hand_is_not_taken_back(void **state)
{
    static struct tenure t;
    static struct tenure_wish wish;
    struct tenure_view both = two_nodes(1), alone = two_nodes(1), given = two_nodes(TENURE_NOBODY);
    alone.nodes[1].is_member = given.nodes[1].is_member = false;
    (void)state;
    hold(&t, &wish);
    feed(&t, (struct tenure_event){.what = TENURE_GOING, .now_ms = 5900}, &wish);
    assert_false(tenure_can_act(&t, 0, 5900));
    hear(&t, &both, 6000, &wish);
    assert_int_equal(wish.n_hands, 0); /* something may be on its way */
    feed(&t, (struct tenure_event){.what = TENURE_QUIET, .now_ms = 6000}, &wish);
    hear(&t, &both, 6000, &wish);
    assert_int_equal(wish.n_hands, 1);
    assert_int_equal(wish.hands[0].to, 2);
    hear(&t, &alone, 6000, &wish);
    assert_int_equal(wish.hands[0].to, TENURE_NOBODY);
    hear(&t, &given, 6000, &wish);
    assert_int_equal(wish.n_hands + wish.n_takes, 0);
    assert_int_equal(t.shards[0].hold, TENURE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acting_ends_by_itself),
        cmocka_unit_test(nobody_is_fenced_right_after_an_outage),
        cmocka_unit_test(an_owner_that_is_no_member_is_fenced),
        cmocka_unit_test(what_is_lost_is_lost_at_once),
        cmocka_unit_test(a_hand_is_not_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
