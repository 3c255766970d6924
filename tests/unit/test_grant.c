#include "unit.h"

#include "regworld.h"

/* ---------------------------------------------------------------- expiries */

static const struct {
    const char *name;
    int64_t asked_s;
    uint64_t left_s; /* of upstream's registration */
    uint32_t percent, spread;
    bool can_refresh;
    uint32_t granted_s;
} grants[] = {
    {"as asked", 60, 2000, 0, 0, false, 60},
    {"the default", -1, 2000, 0, 0, false, 120},
    {"at most", 4294967295, 2000, 0, 0, false, 300},
    {"at least (an hour is not refused)", 10, 2000, 0, 0, false, 30},
    {"D89: 10 % less", 300, 2000, 10, 30, false, 270},
    {"D89: in between", 300, 2000, 10, 7, false, 293},
    {"D89: the hash goes round", 300, 2000, 10, 31 + 7, false, 293},
    {"D89: not below the minimum", 31, 2000, 50, 15, false, 30},
    {"D51: upstream's rest less 32 s", 300, 100, 0, 0, false, 68},
    {"D51: even below the minimum", 300, 40, 0, 0, false, 8},
    {"D37: never zero", 300, 32, 0, 0, false, 1},
    {"D37: nor negative", 300, 0, 0, 0, false, 1},
    {"we refresh ourselves", 300, 10, 0, 0, true, 300},
};

static void devices_are_granted_what_will_hold(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, MODE_AOR_THROTTLE);
    for (size_t i = 0; i < sizeof grants / sizeof *grants; i++) {
        w.conf.expires_spread_percent = grants[i].percent;
        w.view.spread = grants[i].spread;
        struct absorb_input in = world_input(&w);
        uint32_t got = absorb_grant_s(&in, grants[i].asked_s, w.now_s + grants[i].left_s,
                                      grants[i].can_refresh);
        if (got != grants[i].granted_s)
            fail_msg("%s: %u, wanted %u", grants[i].name, got, grants[i].granted_s);
    }
    w.conf.mode = MODE_MIRROR;
    w.conf.expires_spread_percent = 10;
    struct absorb_input in = world_input(&w);
    assert_int_equal(absorb_grant_s(&in, 60, w.now_s + 40, false), 40);
    assert_int_equal(absorb_grant_s(&in, 60, w.now_s, false), 1);
    world_fini(&w);
}

static void who_refreshes_upstream(void **state)
{
    (void)state;
    struct absorb_conf conf = {.mode = MODE_AOR_THROTTLE, .authentication = AUTH_RELAY};
    struct register_view view = {.has_account = false};
    const struct absorb_input in = {.conf = &conf, .view = &view};
    assert_false(absorb_can_refresh(&in));
    view.has_account = true;
    assert_true(absorb_can_refresh(&in));
    view.has_account = false;
    conf.authentication = AUTH_TRUSTED;
    assert_true(absorb_can_refresh(&in));
    conf.mode = MODE_MIRROR;
    assert_false(absorb_can_refresh(&in));
    view.has_account = true;
    assert_false(absorb_can_refresh(&in));
}

/* dead_at - max(granted / 10, 2 * longest + 64); of its own devices only. */
static void upstream_is_refreshed_in_time(void **state)
{
    (void)state;
    static const struct {
        uint32_t granted_s, a_s, b_s, early_s;
    } rows[] = {
        {3600, 60, 60, 360},  {3600, 60, 300, 664}, {3600, 300, 60, 664},
        {7200, 300, 60, 720}, {600, 60, 60, 184},   {60, 60, 60, 184},
    };
    struct world w;
    world_init(&w, MODE_AOR_THROTTLE);
    world_bind(&w, 'a', 1);
    world_bind(&w, 'b', 1);
    world_bind(&w, 'c', 2)->granted_s = 100000;
    struct upreg *u = world_upreg(&w, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        u->granted_s = rows[i].granted_s;
        w.r->bindings[0].granted_s = rows[i].a_s;
        w.r->bindings[1].granted_s = rows[i].b_s;
        assert_int_equal(absorb_refresh_by_s(w.r, u), u->dead_at_s - rows[i].early_s);
    }
    u->dead_at_s = 100;
    assert_int_equal(absorb_refresh_by_s(w.r, u), 0);
    world_fini(&w);
}

/* ---------------------------------------------------------------- the registration concerned */

static void the_upstream_registration_is_found(void **state)
{
    (void)state;
    static const struct {
        enum absorb_mode mode;
        const char *send;
        uint64_t id;
    } rows[] = {
        {MODE_AOR_THROTTLE, "X x 1 x=60", 1},
        {MODE_AOR_THROTTLE, "B b 1", 1},
        {MODE_CONTACT_THROTTLE, "A a 1 a=60", 1},
        {MODE_CONTACT_THROTTLE, "X x 1 b=60", 2},
        {MODE_CONTACT_THROTTLE, "X x 1 x=60", 0},
        {MODE_CONTACT_THROTTLE, "B b 1 x=60", 2},
        {MODE_CONTACT_THROTTLE, "B b 1 *", 2},
        {MODE_MIRROR, "B b 1", 2},
        {MODE_MIRROR, "X x 1", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        world_init(&w, rows[i].mode);
        world_bind(&w, 'a', 1);
        world_bind(&w, 'b', 2);
        world_view(&w, rows[i].send);
        struct absorb_input in = world_input(&w);
        const struct upreg *u = absorb_upreg(&in);
        assert_int_equal(u ? u->id : 0, rows[i].id);
        if (rows[i].mode == MODE_AOR_THROTTLE) { /* D58: an orphan comes back */
            w.r->upregs[0].state = UPREG_ORPHAN;
            assert_int_equal(absorb_upreg(&in)->id, 2);
            w.r->upregs[1].state = UPREG_LEAVING;
            assert_int_equal(absorb_upreg(&in)->id, 1);
        }
        world_fini(&w);
    }
}

/* a and b on a registration each, or both on 1, as another mode had it; 3 is of the present mode.
 */
static void registrations_of_another_mode_are_left(void **state)
{
    (void)state;
    static const struct {
        enum absorb_mode mode;
        const char *send;
        bool is_shared, has_third;
        uint64_t id;
        const char *left; /* ids */
    } rows[] = {
        {MODE_AOR_THROTTLE, "A a 11 a=60", false, false, 0, "1"},
        {MODE_AOR_THROTTLE, "A a 11 a=60", false, true, 3, "1"},
        {MODE_AOR_THROTTLE, "A a 11+ a=60 b=60", false, true, 3, "12"},
        {MODE_AOR_THROTTLE, "A a 11 a=60 b=60", false, true, 3, "1"}, /* b's is not its to give */
        {MODE_AOR_THROTTLE, "X x 11 x=60", false, true, 3, ""},
        {MODE_AOR_THROTTLE, "A a 11 a=0", false, true, 1, "3"},
        {MODE_CONTACT_THROTTLE, "A a 11 a=60", true, false, 0, ""},
        {MODE_CONTACT_THROTTLE, "A a 11+ a=60 b=0", true, false, 0, "1"},
        {MODE_CONTACT_THROTTLE, "A a 11 a=0", true, false, 1, ""},
        {MODE_MIRROR, "A a 11 a=60", false, false, 0, "1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        char left[8] = "", *end = left;
        world_init(&w, rows[i].mode);
        world_bind(&w, 'a', 1);
        world_bind(&w, 'b', rows[i].is_shared ? 1 : 2);
        w.conf.form = 8 | FORM_OF_MODE(rows[i].mode);
        for (size_t k = 0; k < w.r->n_upregs; k++)
            w.r->upregs[k].form = 8 | FORM_OF_MODE((rows[i].mode + 1) % 3);
        if (rows[i].has_third)
            world_upreg(&w, 3)->form = w.conf.form;
        world_view(&w, rows[i].send);
        struct absorb_input in = world_input(&w);
        const struct upreg *u = absorb_upreg(&in);
        for (size_t k = 0; k < w.r->n_upregs; k++)
            if (absorb_is_left(&in, &w.r->upregs[k]))
                *end++ = (char)('0' + w.r->upregs[k].id);
        if ((u ? u->id : 0) != rows[i].id || strcmp(left, rows[i].left) != 0)
            fail_msg("%s: %d, left \"%s\"", rows[i].send, u ? (int)u->id : 0, left);
        world_fini(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_are_granted_what_will_hold),
        cmocka_unit_test(who_refreshes_upstream),
        cmocka_unit_test(upstream_is_refreshed_in_time),
        cmocka_unit_test(the_upstream_registration_is_found),
        cmocka_unit_test(registrations_of_another_mode_are_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
