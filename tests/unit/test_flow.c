#include "unit.h"

#include "base/err.h"
#include "base/stats.h"
#include "net/flow.h"

static int n_sent;

static int count_send(void *self, const struct flow_ref *to, struct str bytes)
{
    (void)to;
    (void)bytes;
    *(int *)self += 1;
    return 0;
}

static int refuse_send(void *self, const struct flow_ref *to, struct str bytes)
{
    (void)self;
    (void)to;
    (void)bytes;
    return ERR_FULL;
}

static struct addr addr_of(const char *text)
{
    struct addr a = {0};
    assert_int_equal(addr_parse(str_of(text), 5060, &a), 0);
    return a;
}

static void a_handle_dies_with_its_flow(void **state)
{
    (void)state;
    struct flow_table *t = NULL;
    struct flow_ref a = {.transport = FLOW_UDP}, b = a, none = {0};
    assert_int_equal(flow_table_new(3, &t), 0);
    n_sent = 0;
    assert_int_equal(flow_add(t, count_send, &n_sent, &a), 0);
    assert_int_equal(a.worker, 3);
    assert_true(flow_is_live(t, &a));
    assert_int_equal(flow_send(t, &a, STR("x")), 0);
    assert_int_equal(n_sent, 1);
    flow_del(t, &a);
    assert_false(flow_is_live(t, &a));
    assert_int_equal(flow_send(t, &a, STR("x")), ERR_GONE);
    assert_int_equal(flow_add(t, refuse_send, NULL, &b), 0);
    assert_int_equal(a.slot, b.slot);
    assert_int_not_equal(a.generation, b.generation);
    assert_int_equal(flow_send(t, &a, STR("x")), ERR_GONE);
    assert_int_equal(flow_send(t, &b, STR("x")), ERR_FULL);
    assert_int_equal(flow_send(t, &none, STR("x")), ERR_GONE);
    flow_del(t, &b);
    flow_table_free(t);
}

static void forged_handles_are_gone(void **state)
{
    (void)state;
    struct flow_table *t = NULL;
    struct flow_ref a = {.transport = FLOW_UDP};
    assert_int_equal(flow_table_new(0, &t), 0);
    assert_int_equal(flow_add(t, count_send, &n_sent, &a), 0);
    struct flow_ref forged = a;
    forged.slot = UINT32_MAX;
    assert_false(flow_is_live(t, &forged));
    forged.slot = a.slot + 1;
    assert_false(flow_is_live(t, &forged));
    flow_del(t, &a);
    flow_table_free(t);
}

static void a_udp_handle_is_good_on_every_worker(void **state)
{
    (void)state;
    struct flow_table *t[2] = {NULL};
    struct flow_ref ref[2][3] = {0};
    int n[2] = {0};
    for (unsigned worker = 0; worker < 2; worker++) {
        assert_int_equal(flow_table_new(worker, &t[worker]), 0);
        for (int i = 0; i < 3; i++)
            assert_int_equal(flow_add(t[worker], count_send, &n[worker], &ref[worker][i]), 0);
    }
    assert_int_equal(flow_send(t[1], &ref[0][2], STR("x")), 0);
    assert_int_equal(n[0], 0);
    assert_int_equal(n[1], 1);
    for (unsigned worker = 0; worker < 2; worker++) {
        for (int i = 0; i < 3; i++)
            flow_del(t[worker], &ref[worker][i]);
        flow_table_free(t[worker]);
    }
}

static void the_same_path_is_told_from_another(void **state)
{
    (void)state;
    struct flow_ref a = {.peer = addr_of("192.0.2.1:5060"), .slot = 1, .generation = 7};
    struct flow_ref b = a;
    assert_true(flow_is_same(&a, &b));
    b.worker = 5;
    b.local = addr_of("192.0.2.9");
    assert_true(flow_is_same(&a, &b));
    b.peer.port++;
    assert_false(flow_is_same(&a, &b));
    b = a;
    b.generation++;
    assert_false(flow_is_same(&a, &b));
    b = a;
    b.slot++;
    assert_false(flow_is_same(&a, &b));
    b = a;
    b.listener++;
    assert_false(flow_is_same(&a, &b));
    b = a;
    a.generation = b.generation = 0;
    assert_false(flow_is_same(&a, &b));
}

/* D83 */
static void large_datagrams_are_counted(void **state)
{
    (void)state;
    char text[1301];
    struct flow_table *t = NULL;
    struct flow_ref good = {.transport = FLOW_UDP}, bad = good;
    assert_int_equal(flow_table_new(0, &t), 0);
    assert_int_equal(flow_add(t, count_send, &n_sent, &good), 0);
    assert_int_equal(flow_add(t, refuse_send, NULL, &bad), 0);
    int64_t requests = stats_sum(STAT_LARGE_REQUEST), responses = stats_sum(STAT_LARGE_RESPONSE);
    memset(text, 'x', sizeof text);
    memcpy(text, "SIPPY ", 6);
    assert_int_equal(flow_send(t, &good, (struct str){text, 1300}), 0);
    assert_int_equal(flow_send(t, &bad, (struct str){text, 1301}), ERR_FULL);
    assert_int_equal(stats_sum(STAT_LARGE_REQUEST), requests);
    assert_int_equal(flow_send(t, &good, (struct str){text, 1301}), 0);
    assert_int_equal(flow_send(t, &good, (struct str){text, 1301}), 0);
    assert_int_equal(stats_sum(STAT_LARGE_REQUEST), requests + 2);
    memcpy(text, "SIP/2.0 ", 8);
    assert_int_equal(flow_send(t, &good, (struct str){text, 1300}), 0);
    assert_int_equal(stats_sum(STAT_LARGE_RESPONSE), responses);
    assert_int_equal(flow_send(t, &good, (struct str){text, 1301}), 0);
    assert_int_equal(stats_sum(STAT_LARGE_RESPONSE), responses + 1);
    assert_int_equal(stats_sum(STAT_LARGE_REQUEST), requests + 2);
    flow_del(t, &good);
    flow_del(t, &bad);
    flow_table_free(t);
}

static void many_flows_have_slots_of_their_own(void **state)
{
    (void)state;
    enum { N = 1000 };
    struct flow_table *t = NULL;
    static struct flow_ref refs[N];
    static int n[N];
    assert_int_equal(flow_table_new(0, &t), 0);
    for (int i = 0; i < N; i++)
        assert_int_equal(flow_add(t, count_send, &n[i], &refs[i]), 0);
    for (int i = 0; i < N; i += 2)
        flow_del(t, &refs[i]);
    for (int i = 0; i < N; i++)
        assert_int_equal(flow_send(t, &refs[i], STR("x")), i % 2 ? 0 : ERR_GONE);
    for (int i = 0; i < N; i += 2)
        assert_int_equal(flow_add(t, count_send, &n[i], &refs[i]), 0);
    for (int i = 0; i < N; i++) {
        assert_true(refs[i].slot < N);
        assert_int_equal(flow_send(t, &refs[i], STR("x")), 0);
        assert_int_equal(n[i], i % 2 ? 2 : 1);
        flow_del(t, &refs[i]);
    }
    flow_table_free(t);
}

static void transports_have_words(void **state)
{
    (void)state;
    assert_str(flow_transport_name(FLOW_UDP), "UDP");
    assert_false(flow_is_reliable(FLOW_UDP));
}

static void use_table(void *arg)
{
    (void)arg;
    struct flow_table *t = NULL;
    struct flow_ref refs[40] = {0};
    if (flow_table_new(0, &t))
        return;
    for (int i = 0; i < 40; i++) {
        int err = flow_add(t, count_send, &n_sent, &refs[i]);
        assert_true(err == 0 || err == ERR_NOMEM);
    }
    for (int i = 0; i < 40; i++)
        if (flow_is_live(t, &refs[i]))
            flow_del(t, &refs[i]);
    flow_table_free(t);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    flow_table_free(NULL);
    assert_int_equal(oom_sweep(use_table, NULL), 5);
}

static struct flow_order last_order;
static int n_posted;

static int keep_order(const struct flow_order *order, struct str bytes, void *arg)
{
    (void)bytes;
    (void)arg;
    last_order = *order;
    n_posted++;
    return 0;
}

static uint64_t held_ms;

static void note_hold(void *self, uint64_t until_ms)
{
    (void)self;
    held_ms = until_ms;
}

static void note_close(void *self)
{
    *(int *)self += 100;
}

static void note_join(void *self)
{
    *(int *)self += 1000;
}

static void note_leave(void *self)
{
    *(int *)self -= 1000;
}

static const struct flow_stream_ops stream_ops = {count_send, note_hold, note_close, note_join,
                                                  note_leave};

/* Architecture 3: what is sent to another worker's stream goes to that worker; whether it lives is
 * seen from everywhere. */
static void streams_of_other_workers(void **state)
{
    (void)state;
    struct flow_group group = {.post = keep_order};
    struct flow_table *t[2];
    struct flow_ref a = {.transport = FLOW_TCP}, again = a, none = {.transport = FLOW_TCP};
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(flow_table_new(i, &t[i]), 0);
        flow_table_join(t[i], &group);
    }
    n_sent = n_posted = 0;
    assert_int_equal(flow_add_stream(t[1], &stream_ops, &n_sent, &a), 0);
    assert_true(flow_is_live(t[0], &a));
    assert_int_equal(flow_send(t[0], &a, STR("x")), 0);
    assert_int_equal(n_posted, 1);
    assert_int_equal(n_sent, 0);
    flow_obey(t[1], &last_order, STR("x"));
    assert_int_equal(n_sent, 1);
    flow_hold(t[0], &a, 77);
    flow_obey(t[1], &last_order, STR(""));
    assert_int_equal(held_ms, 77);
    flow_join(t[0], &a, STR("alice@x"));
    flow_obey(t[1], &last_order, STR(""));
    assert_int_equal(n_sent, 1001);
    flow_leave(t[1], &a, STR("alice@x"));
    assert_int_equal(n_sent, 1);
    flow_close(t[0], &a); /* only its own worker may */
    assert_int_equal(n_sent, 1);
    flow_close(t[1], &a);
    assert_int_equal(n_sent, 101);
    flow_del(t[1], &a);
    assert_false(flow_is_live(t[0], &a));
    assert_int_equal(flow_send(t[0], &a, STR("x")), ERR_GONE);
    flow_obey(t[1], &last_order, STR("x")); /* too late */
    assert_int_equal(flow_add_stream(t[1], &stream_ops, &n_sent, &again), 0);
    assert_int_equal(a.slot, again.slot);
    assert_false(flow_is_live(t[0], &a));
    assert_true(flow_is_live(t[0], &again));
    none.worker = 1;
    none.slot = UINT32_MAX;
    none.generation = 1;
    assert_false(flow_is_live(t[0], &none));
    none.worker = 7;
    assert_false(flow_is_live(t[0], &none));
    none.worker = UINT16_MAX;
    assert_false(flow_is_live(t[0], &none));
    flow_del(t[1], &again);
    flow_table_free(t[1]);
    assert_false(flow_is_live(t[0], &again));
    flow_table_free(t[0]);
}

static char losses[256];

static void note_loss(uint64_t id, struct str aor, void *arg)
{
    size_t n = strlen(losses);
    assert_int_equal(id, *(const uint64_t *)arg);
    (void)snprintf(losses + n, sizeof losses - n, "%.*s ", STR_FMT(aor));
}

/* Once for each device that has not gone elsewhere; and for who comes too late, on whatever worker.
 */
static void the_end_of_a_stream_is_told(void **state)
{
    (void)state;
    struct flow_group group = {.post = keep_order};
    struct flow_table *t[2];
    struct flow_ref a = {.transport = FLOW_TCP}, udp = {.transport = FLOW_UDP};
    uint64_t id;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(flow_table_new(i, &t[i]), 0);
        flow_table_join(t[i], &group);
        flow_table_on_lost(t[i], note_loss, &id);
    }
    assert_int_equal(flow_add(t[1], count_send, &n_sent, &udp), 0);
    assert_int_equal(flow_add_stream(t[1], &stream_ops, &n_sent, &a), 0);
    id = flow_id(&a);
    flow_join(t[1], &a, STR("bob@x"));
    flow_join(t[1], &a, STR("bob@x"));
    flow_join(t[1], &a, STR("carol@x"));
    flow_join(t[1], &a, STR("dave@x"));
    flow_leave(t[1], &a, STR("bob@x"));
    flow_leave(t[1], &a, STR("nobody@x"));
    flow_leave(t[1], &a, STR("carol@x"));
    flow_join(t[0], &a, STR("eve@x"));
    flow_obey(t[1], &last_order, STR("eve@x"));
    assert_string_equal(losses, "");
    flow_join(t[0], &a, STR("frank@x"));
    flow_del(t[1], &a);
    assert_string_equal(losses, "eve@x dave@x bob@x ");
    losses[0] = '\0';
    flow_obey(t[1], &last_order, STR("frank@x")); /* was on its way */
    flow_join(t[0], &a, STR("grace@x"));
    flow_join(t[1], &a, STR("heidi@x"));
    flow_leave(t[0], &a, STR("heidi@x"));
    flow_hold(t[0], &a, 1);
    flow_join(t[1], &udp, STR("ivan@x"));
    assert_string_equal(losses, "frank@x grace@x heidi@x ");
    losses[0] = '\0';
    flow_del(t[1], &udp);
    assert_int_equal(flow_add_stream(t[1], &stream_ops, &n_sent, &a), 0);
    flow_join(t[1], &a, STR("bob@x"));
    flow_table_on_lost(t[1], NULL, NULL);
    flow_del(t[1], &a);
    assert_string_equal(losses, "");
    flow_table_free(t[1]);
    flow_table_free(t[0]);
}

/* The name of a stream is the handle again; an earlier process's is nobody's. */
static void a_stream_has_a_name(void **state)
{
    (void)state;
    struct flow_table *t;
    struct flow_ref a = {.transport = FLOW_TCP}, b = a, udp = {.transport = FLOW_UDP};
    assert_int_equal(flow_table_new(200, &t), 0);
    assert_int_equal(flow_add(t, count_send, &n_sent, &udp), 0);
    assert_int_equal(udp.generation, 1);
    assert_int_equal(flow_add_stream(t, &stream_ops, &n_sent, &a), 0);
    assert_int_equal(flow_id(&udp), 0);
    flow_of_id(flow_id(&a), &b);
    assert_true(flow_is_same(&a, &b));
    uint64_t before = flow_id(&a);
    flow_del(t, &a);
    flow_del(t, &udp);
    flow_table_free(t);
    assert_int_equal(flow_table_new(200, &t), 0);
    assert_int_equal(flow_add(t, count_send, &n_sent, &udp), 0);
    assert_int_equal(flow_add_stream(t, &stream_ops, &n_sent, &a), 0);
    assert_int_not_equal(flow_id(&a), before);
    flow_del(t, &a);
    flow_del(t, &udp);
    flow_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handle_dies_with_its_flow),
        cmocka_unit_test(forged_handles_are_gone),
        cmocka_unit_test(a_udp_handle_is_good_on_every_worker),
        cmocka_unit_test(the_same_path_is_told_from_another),
        cmocka_unit_test(large_datagrams_are_counted),
        cmocka_unit_test(many_flows_have_slots_of_their_own),
        cmocka_unit_test(transports_have_words),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(streams_of_other_workers),
        cmocka_unit_test(the_end_of_a_stream_is_told),
        cmocka_unit_test(a_stream_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
