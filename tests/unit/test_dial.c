#include "unit.h"

#include "net/dial.h"

static struct stream_peer peer_of(unsigned host)
{
    return (struct stream_peer){
        .addr = {.family = 4, .port = 5060, .ip = {192, 0, 2, (uint8_t)host}}};
}

static void failures_double_the_pause(void **state)
{
    static const unsigned pauses_ms[] = {1000, 2000, 4000, 8000, 16000, 32000, 32000};
    (void)state;
    struct dials all = {.n = 0};
    const struct stream_peer a = peer_of(1);
    uint64_t now_ms = 5;
    struct dial *d = dial_find(&all, &a, now_ms);
    assert_false(dial_is_paused(d, now_ms));
    for (size_t i = 0; i < sizeof pauses_ms / sizeof *pauses_ms; i++) {
        dial_on_end(d, false, now_ms);
        now_ms += pauses_ms[i];
        assert_true(dial_is_paused(d, now_ms - 1));
        assert_false(dial_is_paused(d, now_ms));
    }
    dial_on_open(d);
    dial_on_end(d, true, now_ms); /* it was open: at once again */
    assert_false(dial_is_paused(d, now_ms));
    dial_on_end(d, false, now_ms);
    assert_true(dial_is_paused(d, now_ms + 999));
    assert_false(dial_is_paused(d, now_ms + 1000));
}

static void peers_are_told_apart(void **state)
{
    (void)state;
    struct dials all = {.n = 0};
    const struct stream_peer a = peer_of(1), b = peer_of(2);
    struct dial *d = dial_find(&all, &a, 1);
    assert_ptr_equal(dial_find(&all, &a, 2), d);
    assert_ptr_not_equal(dial_find(&all, &b, 2), d);
    assert_int_equal(all.n, 2);
}

static void names_are_told_apart_where_they_are_verified(void **state)
{
    (void)state;
    struct dials all = {.n = 0};
    int context = 0;
    char again[] = "one.example.com", too_long[DIAL_NAME + 1];
    struct stream_peer plain = peer_of(1), one = peer_of(1), two = peer_of(1);
    one.tls = two.tls = (struct tls_context *)(void *)&context;
    one.name = "one.example.com";
    two.name = "two.example.com";
    struct dial *d = dial_find(&all, &one, 1), *p = dial_find(&all, &plain, 1);
    assert_ptr_not_equal(p, d);
    assert_ptr_not_equal(dial_find(&all, &two, 2), d);
    one.name = again; /* of the next configuration */
    assert_ptr_equal(dial_find(&all, &one, 2), d);
    assert_string_equal(d->name, "one.example.com");
    plain.name = "one.example.com"; /* which proves nothing there */
    assert_ptr_equal(dial_find(&all, &plain, 3), p);
    memset(too_long, 'x', sizeof too_long);
    too_long[DIAL_NAME] = '\0';
    two.name = too_long;
    assert_null(dial_find(&all, &two, 3));
    assert_int_equal(all.n, 3);
}

static void who_is_asked_for_again_is_needed(void **state)
{
    (void)state;
    struct dials all = {.n = 0};
    const struct stream_peer a = peer_of(1);
    struct dial *d = dial_find(&all, &a, 1);
    d->is_retired = true;
    assert_ptr_equal(dial_find(&all, &a, 2), d);
    assert_false(d->is_retired);
}

static void the_oldest_without_connection_gives_way(void **state)
{
    (void)state;
    struct dials all = {.n = 0};
    struct flow_ref flow = {.generation = 7};
    for (unsigned i = 0; i < DIALS_MAX; i++) {
        const struct stream_peer a = peer_of(i);
        dial_on_start(dial_find(&all, &a, 100 - i), &flow);
    }
    const struct stream_peer a = peer_of(DIALS_MAX);
    assert_null(dial_find(&all, &a, 200));
    dial_on_end(&all.list[3], true, 200);
    dial_on_end(&all.list[9], true, 200); /* asked for before the other */
    assert_ptr_equal(dial_find(&all, &a, 200), &all.list[9]);
    assert_false(all.list[9].is_up);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_double_the_pause),
        cmocka_unit_test(peers_are_told_apart),
        cmocka_unit_test(names_are_told_apart_where_they_are_verified),
        cmocka_unit_test(who_is_asked_for_again_is_needed),
        cmocka_unit_test(the_oldest_without_connection_gives_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
