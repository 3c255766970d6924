#include "unit.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/stats.h"
#include "net/census.h"
#include "net/loop.h"
#include "net/stream.h"

#define MESSAGE "OPTIONS sip:x SIP/2.0\r\nContent-Length: 3\r\n\r\nabc"

struct world {
    struct loop *loop;
    struct flow_table *table;
    struct stream *stream;
    struct wheel_timer timeout;
    struct flow_ref last;
    int n_in, n_answers; /* sent for each message */
    size_t answer_len;
    int err; /* the last answer's */
};

static char answer[65000];

static struct census census;

static bool is_exempt(const struct addr *peer, void *arg)
{
    (void)peer;
    (void)arg;
    return false;
}

static void on_timeout(void *arg)
{
    struct world *w = arg;
    loop_stop(w->loop);
}

static void on_message(const struct packet *p, void *arg)
{
    struct world *w = arg;
    assert_true(str_eq(p->bytes, STR(MESSAGE)));
    assert_int_equal(p->flow.transport, FLOW_TCP);
    assert_int_equal(p->flow.listener, 3);
    w->last = p->flow;
    w->n_in++;
    for (int i = 0; i < w->n_answers; i++)
        w->err = flow_send(w->table, &p->flow, (struct str){answer, w->answer_len});
}

static int open_listener(struct world *w)
{
    struct addr addr = {0};
    assert_int_equal(addr_parse(STR("127.0.0.1"), 0, &addr), 0);
    const struct stream_conf conf = {.transport = FLOW_TCP,
                                     .addr = addr,
                                     .listener = 3,
                                     .max_len = 1024,
                                     .fn = on_message,
                                     .is_exempt = is_exempt,
                                     .arg = w,
                                     .census = &census};
    return stream_open(w->loop, w->table, &conf, &w->stream);
}

static void world_init(struct world *w)
{
    *w = (struct world){.n_answers = 1, .answer_len = 2};
    census_set_limits(&census, 2, 0);
    assert_int_equal(loop_new(&w->loop), 0);
    assert_int_equal(flow_table_new(0, &w->table), 0);
    wheel_timer_init(&w->timeout, on_timeout, w);
    assert_int_equal(open_listener(w), 0);
}

static void world_fini(struct world *w)
{
    stream_close(w->stream);
    flow_table_free(w->table);
    loop_free(w->loop);
}

static void run(struct world *w, unsigned ms)
{
    loop_timer_start(w->loop, &w->timeout, ms);
    loop_run(w->loop);
    loop_timer_stop(w->loop, &w->timeout);
}

static int connect_to(const struct world *w)
{
    struct sockaddr_storage sa;
    struct addr addr = stream_addr(w->stream);
    struct timeval limit = {.tv_sec = 1};
    socklen_t len = addr_to_sockaddr(&addr, &sa);
    int fd = socket(sa.ss_family, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
    return fd;
}

static void put(int fd, struct str bytes)
{
    assert_int_equal(send(fd, bytes.p, bytes.n, MSG_NOSIGNAL), bytes.n);
}

static void messages_come_and_answers_go(void **state)
{
    (void)state;
    struct world w;
    char got[64];
    world_init(&w);
    memcpy(answer, "ok", 2);
    int fd = connect_to(&w);
    put(fd, STR(MESSAGE MESSAGE "OPTIONS"));
    run(&w, 50);
    assert_int_equal(w.n_in, 2);
    put(fd, STR(" sip:x SIP/2.0\r\nContent-Length: 3\r\n\r\nabc\r\n\r\n"));
    run(&w, 50);
    assert_int_equal(w.n_in, 3);
    assert_int_equal(recv(fd, got, sizeof got, 0), 8);
    assert_memory_equal(got, "okokok\r\n", 8);
    assert_true(flow_is_live(w.table, &w.last));
    assert_int_equal(flow_send(w.table, &w.last, STR("later")), 0);
    run(&w, 50);
    assert_int_equal(recv(fd, got, sizeof got, 0), 5);
    close(fd);
    run(&w, 50);
    assert_false(flow_is_live(w.table, &w.last));
    assert_int_equal(flow_send(w.table, &w.last, STR("late")), ERR_GONE);
    world_fini(&w);
}

/* Half closed: what was asked before is answered still. */
static void the_last_answer_goes_out(void **state)
{
    (void)state;
    struct world w;
    char got[64];
    world_init(&w);
    int fd = connect_to(&w);
    put(fd, STR(MESSAGE));
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    run(&w, 50);
    assert_int_equal(recv(fd, got, sizeof got, 0), 2);
    assert_int_equal(recv(fd, got, sizeof got, 0), 0);
    assert_false(flow_is_live(w.table, &w.last));
    close(fd);
    world_fini(&w);
}

static void nonsense_ends_it(void **state)
{
    (void)state;
    static const char *const texts[] = {"OPTIONS sip:x SIP/2.0\r\n\r\n",
                                        "OPTIONS sip:x SIP/2.0\r\nContent-Length: 2000\r\n\r\n"};
    struct world w;
    char got[64];
    world_init(&w);
    for (size_t i = 0; i < 2; i++) {
        int64_t before = stats_sum(i ? STAT_CLOSED_TOO_LONG : STAT_CLOSED_MALFORMED);
        int fd = connect_to(&w);
        put(fd, str_of(texts[i]));
        run(&w, 50);
        assert_int_equal(recv(fd, got, sizeof got, 0), 0);
        assert_int_equal(stats_sum(i ? STAT_CLOSED_TOO_LONG : STAT_CLOSED_MALFORMED), before + 1);
        close(fd);
    }
    assert_int_equal(w.n_in, 0);
    world_fini(&w);
}

/* A peer that takes nothing is read no further, and in the end let go; others do not notice. */
static void the_queue_is_bounded(void **state)
{
    (void)state;
    struct world w;
    int64_t before = stats_sum(STAT_CLOSED_QUEUE);
    world_init(&w);
    w.n_answers = 400;
    w.answer_len = sizeof answer;
    int fd = connect_to(&w);
    put(fd, STR(MESSAGE MESSAGE));
    run(&w, 100);
    assert_int_equal(w.n_in, 1);
    assert_int_equal(w.err, ERR_GONE);
    assert_int_equal(stats_sum(STAT_CLOSED_QUEUE), before + 1);
    close(fd);
    world_fini(&w);
}

/* Beyond the limit only what a binding needs. */
static void connections_are_limited(void **state)
{
    (void)state;
    struct world w;
    char got[64];
    int fds[4];
    world_init(&w);
    for (int i = 0; i < 3; i++)
        fds[i] = connect_to(&w);
    run(&w, 50);
    assert_int_equal(recv(fds[2], got, sizeof got, 0), 0);
    close(fds[2]);
    put(fds[0], STR(MESSAGE));
    run(&w, 50);
    flow_hold(w.table, &w.last, loop_now_ms(w.loop) + 100000);
    for (int i = 2; i < 4; i++)
        fds[i] = connect_to(&w);
    run(&w, 50);
    assert_int_equal(recv(fds[3], got, sizeof got, 0), 0);
    close(fds[3]);
    put(fds[2], STR(MESSAGE));
    run(&w, 50);
    assert_int_equal(w.n_in, 2);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    run(&w, 50);
    world_fini(&w);
    assert_int_equal(census.n, 0);
}

/* What waits is sent as the peer takes it, all of it and in order. */
static void a_slow_peer_gets_all(void **state)
{
    (void)state;
    struct world w;
    static char got[sizeof answer];
    size_t n = 0;
    world_init(&w);
    w.n_answers = 8;
    w.answer_len = sizeof answer;
    int fd = connect_to(&w);
    put(fd, STR(MESSAGE));
    run(&w, 50);
    while (n < 8 * sizeof answer) {
        ssize_t more = recv(fd, got, sizeof got, MSG_DONTWAIT);
        n += more > 0 ? (size_t)more : 0;
        run(&w, 10);
    }
    assert_int_equal(n, 8 * sizeof answer);
    assert_true(flow_is_live(w.table, &w.last));
    close(fd);
    world_fini(&w);
}

/* What we send waits until the peer takes the connection, all use the one, and what comes by it is
 * handed on. */
static void it_connects(void **state)
{
    (void)state;
    struct world w, peer;
    struct flow_ref flow, again;
    world_init(&w);
    world_init(&peer);
    memcpy(answer, "ok", 2);
    const struct stream_peer to = {.addr = stream_addr(peer.stream)};
    assert_int_equal(stream_connect(w.stream, &to, &flow), 0);
    assert_int_equal(flow_send(w.table, &flow, STR(MESSAGE)), 0);
    run(&w, 20);
    peer.n_answers = 0;
    run(&peer, 50);
    assert_int_equal(peer.n_in, 1);
    assert_int_equal(flow_send(peer.table, &peer.last, STR(MESSAGE)), 0);
    run(&peer, 20);
    w.n_answers = 0;
    run(&w, 50);
    assert_int_equal(w.n_in, 1);
    assert_true(flow_is_same(&w.last, &flow));
    assert_int_equal(stream_connect(w.stream, &to, &again), 0);
    assert_true(flow_is_same(&again, &flow));
    assert_int_equal(stats_sum(STAT_DIALLED_TCP), 1);
    world_fini(&peer);
    run(&w, 50);
    assert_false(flow_is_live(w.table, &flow));
    world_fini(&w);
}

static void nobody_there_is_told_and_left_alone(void **state)
{
    (void)state;
    struct world w, peer;
    struct flow_ref flow;
    world_init(&w);
    world_init(&peer);
    const struct stream_peer to = {.addr = stream_addr(peer.stream)};
    world_fini(&peer);
    int err = stream_connect(w.stream, &to, &flow);
    if (err == 0) {
        assert_int_equal(flow_send(w.table, &flow, STR(MESSAGE)), 0);
        run(&w, 50);
        assert_false(flow_is_live(w.table, &flow));
        err = stream_connect(w.stream, &to, &flow);
    }
    assert_int_equal(err, ERR_GONE);
    world_fini(&w);
}

static void body(void *arg)
{
    struct world w = {0};
    (void)arg;
    if (loop_new(&w.loop))
        return;
    if (flow_table_new(0, &w.table) == 0 && open_listener(&w) == 0)
        stream_close(w.stream);
    flow_table_free(w.table);
    loop_free(w.loop);
}

static void without_memory_it_does_not_open(void **state)
{
    (void)state;
    assert_true(oom_sweep(body, NULL) > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_and_answers_go),
        cmocka_unit_test(the_last_answer_goes_out),
        cmocka_unit_test(nonsense_ends_it),
        cmocka_unit_test(the_queue_is_bounded),
        cmocka_unit_test(connections_are_limited),
        cmocka_unit_test(a_slow_peer_gets_all),
        cmocka_unit_test(it_connects),
        cmocka_unit_test(nobody_there_is_told_and_left_alone),
        cmocka_unit_test(without_memory_it_does_not_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
