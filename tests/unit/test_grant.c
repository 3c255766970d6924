#include "unit.h"

#include "core/expiry.h"
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
        uint32_t got = expiry_grant_s(&in, grants[i].asked_s, w.now_s + grants[i].left_s,
                                      grants[i].can_refresh);
        if (got != grants[i].granted_s)
            fail_msg("%s: %u, wanted %u", grants[i].name, got, grants[i].granted_s);
    }
    w.conf.mode = MODE_MIRROR;
    w.conf.expires_spread_percent = 10;
    struct absorb_input in = world_input(&w);
    assert_int_equal(expiry_grant_s(&in, 60, w.now_s + 40, false), 40);
    assert_int_equal(expiry_grant_s(&in, 60, w.now_s, false), 1);
    world_fini(&w);
}

/* D56a: whatever upstream holds, but no more than default-expires and not beyond serve-limit. */
static void in_an_outage_upstreams_end_does_not_count(void **state)
{
    (void)state;
    static const struct {
        uint32_t serve_limit_s, asked_s;
        int64_t left_s;
        bool is_busy, is_outage;
        uint32_t least_s, most_s;
    } rows[] = {
        {3600, 300, 100, true, true, 30, 120},   {3600, 60, -1000, true, true, 30, 60},
        {3600, 300, -3590, true, true, 10, 10},  {3600, 300, -3600, true, true, 1, 1},
        {3600, 300, 3000, true, true, 120, 120}, /* not due, but to be back soon */
        {3600, 300, 100, false, true, 68, 68},   /* it has its turn */
        {3600, 300, 100, true, false, 30, 68},   {0, 300, 100, true, true, 30, 68},
    };
    struct world w;
    world_init(&w, MODE_AOR_THROTTLE);
    w.conf.expires_spread_percent = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct upreg u = {.dead_at_s = (uint64_t)((int64_t)w.now_s + rows[i].left_s),
                                .granted_s = 3600};
        w.conf.serve_limit_s = rows[i].serve_limit_s;
        w.is_busy = rows[i].is_busy;
        w.is_outage = rows[i].is_outage;
        for (uint64_t k = 0; k < 200; k++) {
            w.view.spread = k * 0x9e3779b97f4a7c15;
            struct absorb_input in = world_input(&w);
            uint32_t s = expiry_grant_on_s(&in, rows[i].asked_s, &u);
            if (s < rows[i].least_s || s > rows[i].most_s)
                fail_msg("row %zu: %u", i, s);
        }
    }
    world_fini(&w);
}

/* Not those that were due and had their turn, nor those that are not due. */
static void what_is_postponed_comes_again_at_other_times(void **state)
{
    (void)state;
    static const struct {
        uint64_t left_s;
        bool is_busy;
        uint32_t least_s, most_s;
    } rows[] = {{200, true, 30, 120}, {200, false, 120, 120}, {2000, true, 120, 120}};
    struct world w;
    world_init(&w, MODE_AOR_THROTTLE);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct upreg u = {.dead_at_s = w.now_s + rows[i].left_s, .granted_s = 3600};
        uint32_t least_s = UINT32_MAX, most_s = 0;
        for (uint64_t k = 0; k < 1000; k++) {
            w.view.spread = k * 0x9e3779b97f4a7c15;
            struct absorb_input in = world_input(&w);
            in.is_upstream_busy = rows[i].is_busy;
            uint32_t s = expiry_grant_on_s(&in, 120, &u);
            least_s = s < least_s ? s : least_s;
            most_s = s > most_s ? s : most_s;
        }
        assert_int_equal(least_s, rows[i].least_s);
        assert_int_equal(most_s, rows[i].most_s);
    }
    world_fini(&w);
}

static void who_refreshes_upstream(void **state)
{
    (void)state;
    struct absorb_conf conf = {.mode = MODE_AOR_THROTTLE, .authentication = AUTH_RELAY};
    struct register_view view = {.has_account = false};
    const struct absorb_input in = {.conf = &conf, .view = &view};
    assert_false(expiry_can_refresh(&in));
    view.has_account = true;
    assert_true(expiry_can_refresh(&in));
    view.has_account = false;
    conf.authentication = AUTH_TRUSTED;
    assert_true(expiry_can_refresh(&in));
    conf.mode = MODE_MIRROR;
    assert_false(expiry_can_refresh(&in));
    view.has_account = true;
    assert_false(expiry_can_refresh(&in));
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
        assert_int_equal(expiry_refresh_by_s(w.r, u), u->dead_at_s - rows[i].early_s);
    }
    u->dead_at_s = 100;
    assert_int_equal(expiry_refresh_by_s(w.r, u), 0);
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

/* RFC 5626: with insertion by Path each flow of a device has a registration of its own; RFC 6140:
 * in aor-throttle what stands for all numbers is apart. */
static void flows_and_bulk_registrations(void **state)
{
    (void)state;
    static const struct {
        enum absorb_mode mode;
        bool is_by_flow, is_bulk;
        const char *send;
        uint32_t reg_id;
        uint64_t id;
    } rows[] = {
        {MODE_CONTACT_THROTTLE, false, false, "X x 1 x=60", 1, 2},
        {MODE_CONTACT_THROTTLE, false, false, "X x 1 x=60", 2, 2},
        {MODE_CONTACT_THROTTLE, true, false, "X x 1 x=60", 1, 2},
        {MODE_CONTACT_THROTTLE, true, false, "X x 1 x=60", 2, 0},
        {MODE_MIRROR, true, false, "X x 1 x=60", 2, 0},
        {MODE_AOR_THROTTLE, false, false, "X x 1 x=60", 2, 2},
        {MODE_AOR_THROTTLE, false, true, "X x 1 x=60", 2, 1},
        {MODE_AOR_THROTTLE, false, true, "X x 1", 2, 1},
        {MODE_AOR_THROTTLE, false, false, "X x 1", 2, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        world_init(&w, rows[i].mode);
        w.conf.is_by_flow = rows[i].is_by_flow;
        world_bind(&w, 'a', 1);
        w.r->upregs[0].is_bulk = 1;
        struct binding *b = world_bind(&w, 'b', 2);
        b->instance = STR("<urn:uuid:b>");
        b->reg_id = 1;
        world_view(&w, rows[i].send);
        w.view.is_bulk = rows[i].is_bulk;
        w.contacts[0].instance = b->instance;
        w.contacts[0].reg_id = rows[i].reg_id;
        struct absorb_input in = world_input(&w);
        const struct upreg *u = absorb_upreg(&in);
        if ((u ? u->id : 0) != rows[i].id)
            fail_msg("row %zu: %d", i, u ? (int)u->id : 0);
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
        cmocka_unit_test(in_an_outage_upstreams_end_does_not_count),
        cmocka_unit_test(devices_are_granted_what_will_hold),
        cmocka_unit_test(what_is_postponed_comes_again_at_other_times),
        cmocka_unit_test(who_refreshes_upstream),
        cmocka_unit_test(upstream_is_refreshed_in_time),
        cmocka_unit_test(the_upstream_registration_is_found),
        cmocka_unit_test(registrations_of_another_mode_are_left),
        cmocka_unit_test(flows_and_bulk_registrations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
