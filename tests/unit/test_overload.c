#include "unit.h"

#include "core/throttle.h"
#include "fakeclock.h"
#include "service/overload.h"
#include "sip/oc.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static struct via via_of(const char *params)
{
    static char text[512];
    struct via v;
    struct buf b = buf_over(text, sizeof text);
    buf_addf(&b, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport=5060%s", params);
    struct str rest = buf_str(&b);
    assert_int_equal(via_next(&rest, &v), 1);
    return v;
}

static void what_a_server_says(void **state)
{
    (void)state;
    static const struct {
        const char *params;
        bool is_right;
        struct oc want;
    } rows[] = {
        {";oc=20;oc-algo=\"loss\";oc-validity=500;oc-seq=1282321615.782",
         true,
         {OC_LOSS, 20, 500, 128232161578200}},
        {";oc=0", true, {OC_LOSS, 0, 500, 0}},
        {";OC=7;OC-Algo=\"Rate\";oc-validity=0", true, {OC_RATE, 7, 0, 0}},
        {";oc-seq=999999999999.99999;oc=100;oc-algo=loss",
         true,
         {OC_LOSS, 100, 500, 99999999999999999}},
        {";oc=99999999999999999999;oc-algo=\" rate \"", true, {OC_RATE, UINT32_MAX, 500, 0}},
        {";oc=5;oc=100", true, {OC_LOSS, 5, 500, 0}},
        {";oc=1;oc-validity=4294967296", true, {OC_LOSS, 1, UINT32_MAX, 0}},
        {"", false, {0}},
        {";oc", false, {0}},
        {";oc;oc=5", false, {0}},
        {";oc=", false, {0}},
        {";oc=101", false, {0}},
        {";oc=-1", false, {0}},
        {";oc=1.5", false, {0}},
        {";oc=5;oc-algo=\"loss,rate\"", false, {0}},
        {";oc=5;oc-algo=\"window\"", false, {0}},
        {";oc=5;oc-algo=\"", false, {0}},
        {";oc=5;oc-algo", false, {0}},
        {";oc=5;oc-validity", false, {0}},
        {";oc=5;oc-validity=1s", false, {0}},
        {";oc=5;oc-seq=1", false, {0}},
        {";oc=5;oc-seq=.1", false, {0}},
        {";oc=5;oc-seq=1.", false, {0}},
        {";oc=5;oc-seq=1.123456", false, {0}},
        {";oc=5;oc-seq=1234567890123.1", false, {0}},
        {";oc=5;oc-seq=1.1.1", false, {0}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct via v;
        struct oc got;
        struct str whole = {rows[i].params, strlen(rows[i].params)};
        v = (struct via){.params = whole};
        assert_int_equal(oc_parse(&v, &got), rows[i].is_right);
        if (!rows[i].is_right)
            continue;
        assert_int_equal(got.algorithm, rows[i].want.algorithm);
        assert_int_equal(got.value, rows[i].want.value);
        assert_int_equal(got.validity_ms, rows[i].want.validity_ms);
        assert_true(got.seq == rows[i].want.seq);
        v = via_of(rows[i].params);
        assert_true(oc_parse(&v, &got));
    }
}

static unsigned let(struct throttle *t, unsigned right, unsigned n, uint64_t now_ms)
{
    unsigned n_let = 0;
    while (n--)
        n_let += throttle_lets(t, right, now_ms);
    return n_let;
}

static void just_the_share_is_held_back(void **state)
{
    (void)state;
    for (uint32_t percent = 0; percent <= 100; percent++)
        for (unsigned right = 0; right <= THROTTLE_CALL; right++) {
            struct throttle t = {0};
            const struct oc oc = {.algorithm = OC_LOSS, .value = percent, .validity_ms = 9000};
            assert_true(throttle_set(&t, &oc, 9000, 1000));
            unsigned n = let(&t, right, 10000, 2000);
            assert_in_range(n, 10000 - 100 * percent, 10000 - 100 * percent + (percent < 100) * 9);
        }
}

/* As many again with a right that is never held back: the others pay for them. */
static void those_of_less_right_come_first(void **state)
{
    (void)state;
    struct throttle t = {0};
    const struct oc oc = {.algorithm = OC_LOSS, .value = 40, .validity_ms = 9000};
    unsigned n[THROTTLE_RIGHTS] = {0}, n_all = 0;
    assert_true(throttle_set(&t, &oc, 9000, 1000));
    for (int i = 0; i < 1000; i++) {
        static const unsigned rights[] = {PACE_DYING, PACE_NEW, THROTTLE_CALL, THROTTLE_ALWAYS};
        for (size_t k = 0; k < COUNT(rights); k++)
            n[rights[k]] += throttle_lets(&t, rights[k], 2000);
    }
    for (size_t k = 0; k < THROTTLE_RIGHTS; k++)
        n_all += n[k];
    assert_in_range(n_all, 2400, 2410);
    assert_int_equal(n[THROTTLE_ALWAYS], 1000);
    assert_int_equal(n[THROTTLE_CALL], 1000);
    assert_in_range(n[PACE_NEW], 0, 5);
    assert_in_range(n[PACE_DYING], 395, 410);
}

static void a_rate_is_kept(void **state)
{
    (void)state;
    static const uint32_t rates[] = {0, 1, 7, 50, 1000};
    for (size_t i = 0; i < COUNT(rates); i++) {
        struct throttle t = {0};
        const struct oc oc = {.algorithm = OC_RATE, .value = rates[i], .validity_ms = 60000};
        unsigned n = 0;
        assert_true(throttle_set(&t, &oc, 60000, 1000));
        for (uint64_t ms = 1000; ms < 11000; ms++)
            n += let(&t, PACE_DYING, 3, ms);
        assert_in_range(n, 10 * rates[i] - rates[i] / 10, 10 * rates[i] + rates[i] / 10 + 1);
        assert_int_equal(let(&t, THROTTLE_ALWAYS, 10000, 11000), 10000);
        assert_int_equal(let(&t, PACE_DYING, 1, 13000), rates[i] > 0); /* the debt has a bound */
    }
}

static void the_newest_word_counts(void **state)
{
    (void)state;
    struct throttle t = {0};
    struct oc oc = {.algorithm = OC_LOSS, .value = 100, .validity_ms = 60000, .seq = 500};
    assert_true(throttle_set(&t, &oc, 10000, 1000)); /* no longer than we allow */
    assert_true(throttle_is_on(&t, 10999) && !throttle_is_on(&t, 11000));
    oc.value = 0;
    oc.seq = 500;
    assert_false(throttle_set(&t, &oc, 10000, 1500));
    oc.seq = 499;
    assert_false(throttle_set(&t, &oc, 10000, 12000)); /* a late one */
    oc.seq = 501;
    assert_true(throttle_set(&t, &oc, 10000, 2000));
    assert_false(throttle_is_on(&t, 2000));
    oc = (struct oc){.algorithm = OC_LOSS, .value = 50, .validity_ms = 1000, .seq = 1};
    assert_false(throttle_set(&t, &oc, 10000, 3000));
    assert_true(throttle_set(&t, &oc, 10000, 60000)); /* it has begun anew */
    oc = (struct oc){.algorithm = OC_LOSS, .value = 50, .validity_ms = 0, .seq = 2};
    assert_true(throttle_set(&t, &oc, 10000, 60100));
    assert_false(throttle_is_on(&t, 60100));
}

/* What is said again is renewed; what is far below, or below for the third time, has begun anew. */
static void numbers_begin_anew(void **state)
{
    (void)state;
    enum { SECOND = 100000 };
    struct throttle t = {0};
    struct oc oc = {.algorithm = OC_LOSS, .value = 50, .validity_ms = 1000, .seq = 1000 * SECOND};
    assert_true(throttle_set(&t, &oc, 10000, 1000));
    assert_true(throttle_set(&t, &oc, 10000, 1900));
    assert_true(throttle_is_on(&t, 2899) && !throttle_is_on(&t, 2900));
    oc.value = 20;
    oc.seq -= 64 * SECOND;
    assert_false(throttle_set(&t, &oc, 10000, 2000));
    assert_int_equal(t.value, 50);
    oc.seq--;
    assert_true(throttle_set(&t, &oc, 10000, 2000));
    assert_int_equal(t.value, 20);
    t = (struct throttle){0};
    static const struct {
        uint64_t seq;
        bool is_taken;
    } rows[] = {{9, true},  {3, false}, {2, false}, {3, false}, {9, true},  {3, false}, {2, false},
                {2, false}, {3, true},  {2, false}, {4, true},  {3, false}, {4, true}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        oc.seq = rows[i].seq;
        if (throttle_set(&t, &oc, 10000, 3000) != rows[i].is_taken)
            fail_msg("row %zu", i);
    }
}

static struct msg answer_with(const char *params)
{
    return (struct msg){.via = via_of(params)};
}

/* More servers than places: the one whose limit ends first gives way. */
static void each_server_has_its_own(void **state)
{
    (void)state;
    struct overload o;
    struct flow_ref flow = {.peer = {.ip = {192, 0, 2, 1}, .family = 4, .port = 5060}};
    const struct conf_upstream u = {
        .name = "u", .overload = CONF_OVERLOAD_LOSS, .retry_after_cap_s = 60};
    struct conf_upstream off = u;
    off.overload = CONF_OVERLOAD_OFF;
    const struct overload_case of = {&o, &u, &flow}, of_off = {&o, &off, &flow};
    struct msg all = answer_with(";oc=100;oc-validity=10000"), none = answer_with("");
    overload_init(&o);
    boot_ms = 5000;
    assert_int_equal(overload_on_answer(&of, &none), OVERLOAD_SILENT);
    assert_int_equal(overload_on_answer(&of_off, &all), OVERLOAD_SILENT);
    assert_true(overload_lets(&of, PACE_NEW));
    all = answer_with(";oc=100;oc-validity=10000");
    for (uint8_t i = 0; i < OVERLOAD_SERVERS; i++, boot_ms += 10) {
        flow.peer.ip[3] = i;
        assert_int_equal(overload_on_answer(&of, &all), OVERLOAD_OBEYED);
    }
    assert_int_equal(overload_count(&o), OVERLOAD_SERVERS);
    flow.peer.ip[3] = 77;
    assert_true(overload_lets(&of, PACE_NEW));
    assert_int_equal(overload_on_answer(&of, &all), OVERLOAD_OBEYED);
    assert_int_equal(overload_count(&o), OVERLOAD_SERVERS);
    assert_false(overload_lets(&of, PACE_NEW));
    assert_true(overload_lets(&of, THROTTLE_ALWAYS));
    assert_true(overload_lets(&of_off, PACE_NEW));
    flow.transport = FLOW_TCP;
    assert_true(overload_lets(&of, PACE_NEW));
    flow.transport = FLOW_UDP;
    flow.peer.ip[3] = 0;
    assert_true(overload_lets(&of, PACE_NEW));
    flow.peer.ip[3] = 1;
    assert_false(overload_lets(&of, PACE_NEW));
    struct msg rate = answer_with(";oc=0;oc-algo=\"rate\"");
    assert_int_equal(overload_on_answer(&of, &rate), OVERLOAD_IGNORED);
    boot_ms += 10000;
    assert_true(overload_lets(&of, PACE_NEW));
    assert_int_equal(overload_count(&o), 0);
    overload_fini(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_server_says),
        cmocka_unit_test(just_the_share_is_held_back),
        cmocka_unit_test(those_of_less_right_come_first),
        cmocka_unit_test(a_rate_is_kept),
        cmocka_unit_test(the_newest_word_counts),
        cmocka_unit_test(numbers_begin_anew),
        cmocka_unit_test(each_server_has_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
