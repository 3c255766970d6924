/* Who looks on sees what his filter lets through, and no more than fits. */
#include "unit.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/stats.h"
#include "net/tap.h"

#define MESSAGE(method, user, from, to)                                                            \
    method " sip:" user " SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:" from       \
           ">;tag=1\r\nTo: <sip:" to ">\r\nCall-ID: c\r\nCSeq: 1 " method "\r\n\r\n"

static struct flow_ref flow_of(const char *peer)
{
    struct flow_ref f = {.transport = FLOW_UDP, .generation = 1};
    assert_int_equal(addr_parse(str_of(peer), 5060, &f.peer), 0);
    return f;
}

static void show(struct tap *t, const struct flow_ref *f, bool is_in, struct str bytes)
{
    struct flow_group group = {.post = NULL};
    flow_show(&group, f, is_in, bytes); /* nobody can look on */
    tap_join(t, &group);
    flow_show(&group, f, is_in, bytes);
}

static size_t drain(struct tap_watch *w)
{
    size_t n = 0;
    for (struct tap_item *i = tap_take(w); i; i = tap_take(w), n++)
        free(i);
    return n;
}

static void a_line_is_seen_wherever_it_stands(void **state)
{
    struct tap t;
    struct tap_watch *w;
    const struct str hosts[] = {STR("example.com"), STR("192.0.2.1")};
    const struct tap_filter filter = {.user = STR("alice"), .hosts = hosts, .n_hosts = 2};
    const struct flow_ref f = flow_of("192.0.2.7");
    static const struct {
        struct str bytes;
        bool is_seen;
    } rows[] = {
        {STR(MESSAGE("INVITE", "alice@EXAMPLE.com", "b@x", "b@x")), true},
        {STR(MESSAGE("INVITE", "b@x", "alice@example.com", "b@x")), true},
        {STR(MESSAGE("INVITE", "b@x", "b@x", "%61lice@192.0.2.1:5060")), true},
        {STR(MESSAGE("INVITE", "alice@other.com", "b@x", "b@x")), false},
        {STR(MESSAGE("INVITE", "alice2@example.com", "b@x", "b@x")), false},
        {STR("SIP/2.0 200 OK\r\nFrom: <sip:b@x>\r\nTo: alice <sip:alice@example.com>\r\n\r\n"),
         true},
        {STR("\r\n\r\n"), false},
        {STR(""), false},
        {STR("nonsense alice@example.com"), false},
    };
    (void)state;
    assert_int_equal(tap_init(&t), 0);
    show(&t, &f, true, rows[0].bytes); /* nobody looks on */
    assert_int_equal(tap_watch(&t, &filter, &w), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        show(&t, &f, true, rows[i].bytes);
        if ((drain(w) == 1) != rows[i].is_seen)
            fail_msg("row %zu", i);
    }
    tap_unwatch(w);
    tap_fini(&t);
    flow_show(NULL, &f, true, rows[0].bytes);
}

static void a_source_is_seen_with_or_without_its_port(void **state)
{
    struct tap t;
    struct tap_watch *host, *port, *all;
    struct tap_filter filter = {.n_hosts = 0};
    const struct flow_ref f[] = {flow_of("192.0.2.7:1"), flow_of("192.0.2.7:2"),
                                 flow_of("192.0.2.8:1")};
    const struct addr local = flow_of("192.0.2.1:5070").peer;
    (void)state;
    assert_int_equal(tap_init(&t), 0);
    tap_set_listener(&t, 0, &local);
    assert_int_equal(tap_watch(&t, &filter, &all), 0);
    filter.source = f[0].peer;
    assert_int_equal(tap_watch(&t, &filter, &port), 0);
    filter.source.port = 0;
    assert_int_equal(tap_watch(&t, &filter, &host), 0);
    for (size_t i = 0; i < 3; i++)
        show(&t, &f[i], i == 0, STR(MESSAGE("BYE", "a@x", "b@x", "c@x")));
    struct tap_item *item = tap_take(port);
    assert_true(item->is_in && addr_is_equal(&item->local, &local));
    assert_true(addr_is_equal(&item->peer, &f[0].peer));
    assert_true(str_has_prefix(item->bytes, STR("BYE sip:a@x")));
    free(item);
    assert_int_equal(drain(port), 0);
    assert_int_equal(drain(host), 2);
    assert_int_equal(drain(all), 3);
    tap_unwatch(host);
    tap_unwatch(port);
    tap_unwatch(all);
    tap_fini(&t);
}

static void queues_and_watchers_are_bounded(void **state)
{
    struct tap t;
    struct tap_watch *w[TAP_WATCHERS_MAX], *one_more;
    const struct tap_filter filter = {.n_hosts = 0}, own = {.is_own = true};
    const struct flow_ref f = flow_of("192.0.2.7");
    (void)state;
    int64_t missed = stats_sum(STAT_TRACE_MISSED);
    assert_int_equal(tap_init(&t), 0);
    for (size_t i = 1; i < TAP_WATCHERS_MAX; i++)
        assert_int_equal(tap_watch(&t, &filter, &w[i]), 0);
    assert_int_equal(tap_watch(&t, &filter, &one_more), ERR_FULL);
    assert_int_equal(tap_watch(&t, &own, &w[0]), 0); /* its place was kept */
    assert_int_equal(tap_watch(&t, &own, &one_more), ERR_FULL);
    assert_int_equal(stats_sum(STAT_TRACES), TAP_WATCHERS_MAX);
    for (size_t i = 1; i < TAP_WATCHERS_MAX; i++)
        tap_unwatch(w[i]);
    for (size_t i = 0; i < TAP_ITEMS_MAX + 5; i++)
        show(&t, &f, false, STR("BYE x"));
    assert_true(tap_has(w[0]));
    assert_int_equal(tap_missed(w[0]), 5);
    assert_int_equal(tap_missed(w[0]), 0);
    assert_int_equal(stats_sum(STAT_TRACE_MISSED) - missed, 5);
    assert_int_equal(drain(w[0]), TAP_ITEMS_MAX);
    assert_false(tap_has(w[0]));
    show(&t, &f, false, STR("BYE x"));
    tap_unwatch(w[0]); /* with what waits */
    tap_fini(&t);
    assert_int_equal(stats_sum(STAT_TRACES), 0);
}

static void watch(void *arg)
{
    struct tap t;
    struct tap_watch *w = NULL;
    const struct tap_filter filter = {.n_hosts = 0};
    const struct flow_ref f = flow_of("192.0.2.7");
    (void)arg;
    if (tap_init(&t))
        return;
    if (tap_watch(&t, &filter, &w) == 0)
        show(&t, &f, false, STR("BYE x"));
    tap_unwatch(w);
    tap_fini(&t);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_int_equal(oom_sweep(watch, NULL), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_seen_wherever_it_stands),
        cmocka_unit_test(a_source_is_seen_with_or_without_its_port),
        cmocka_unit_test(queues_and_watchers_are_bounded),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
