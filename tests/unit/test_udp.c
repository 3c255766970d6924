#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/stats.h"
#include "net/loop.h"
#include "net/udp.h"

enum { TIMEOUT_MS = 3000, N_ECHOES = 1000, WINDOW = 100 };

struct world {
    struct loop *loop;
    struct flow_table *table;
    struct udp *server, *client;
    struct wheel_timer timeout;
    struct addr server_addr;
    struct flow_ref last; /* of the last packet that the server got */
    int n_in, n_sent, n_back;
    int n_expected; /* packets in, then the loop stops */
    bool is_echo, has_timed_out;
};

static struct addr addr_of(const char *text)
{
    struct addr a = {0};
    assert_int_equal(addr_parse(str_of(text), 0, &a), 0);
    return a;
}

static void on_timeout(void *arg)
{
    struct world *w = arg;
    w->has_timed_out = true;
    loop_stop(w->loop);
}

static void world_init(struct world *w)
{
    *w = (struct world){.n_in = 0};
    assert_int_equal(loop_new(&w->loop), 0);
    assert_int_equal(flow_table_new(0, &w->table), 0);
    wheel_timer_init(&w->timeout, on_timeout, w);
}

static void world_fini(struct world *w)
{
    udp_close(w->server);
    udp_close(w->client);
    flow_table_free(w->table);
    loop_free(w->loop);
}

static void run(struct world *w, unsigned ms)
{
    w->has_timed_out = false;
    loop_timer_start(w->loop, &w->timeout, ms);
    loop_run(w->loop);
    loop_timer_stop(w->loop, &w->timeout);
}

static void on_server_packet(const struct packet *p, void *arg)
{
    struct world *w = arg;
    assert_int_equal(p->received_ms, loop_now_ms(w->loop));
    w->last = p->flow;
    w->n_in++;
    if (w->is_echo)
        assert_int_equal(flow_send(w->table, &p->flow, p->bytes), 0);
    if (w->n_in == w->n_expected)
        loop_stop(w->loop);
}

static void open_server(struct world *w, const char *addr, size_t max_len)
{
    const struct udp_conf conf = {
        .addr = addr_of(addr), .listener = 3, .max_len = max_len, .buffer_size = 65536};
    assert_int_equal(udp_open(w->loop, w->table, &conf, on_server_packet, w, &w->server), 0);
    w->server_addr = udp_addr(w->server);
    assert_int_not_equal(w->server_addr.port, 0);
}

/* A plain socket that hears nobody but `to`; replies are waited for with a limit. */
static int open_peer(const char *from, const struct addr *to)
{
    struct sockaddr_storage sa;
    struct addr addr = addr_of(from);
    socklen_t len = addr_to_sockaddr(&addr, &sa);
    struct timeval limit = {.tv_sec = 1};
    int fd = socket(sa.ss_family, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
    len = addr_to_sockaddr(to, &sa);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
    return fd;
}

static struct addr addr_of_fd(int fd)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    struct addr a = {0};
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    assert_int_equal(addr_from_sockaddr((struct sockaddr *)&sa, &a), 0);
    return a;
}

static bool has_v6(void)
{
    struct sockaddr_storage sa;
    struct addr addr = addr_of("[::1]");
    socklen_t len = addr_to_sockaddr(&addr, &sa);
    int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    bool is_there = fd >= 0 && bind(fd, (struct sockaddr *)&sa, len) == 0;
    if (fd >= 0)
        close(fd);
    return is_there;
}

static void send_next(struct world *w)
{
    struct flow_ref to = udp_flow_to(w->client, &w->server_addr);
    uint32_t number = (uint32_t)w->n_sent++;
    char bytes[600] = {0};
    memcpy(bytes, &number, sizeof number);
    assert_int_equal(flow_send(w->table, &to, (struct str){bytes, sizeof number + number % 500}),
                     0);
}

static void on_echo(const struct packet *p, void *arg)
{
    struct world *w = arg;
    uint32_t number = 0;
    memcpy(&number, p->bytes.p, sizeof number);
    assert_int_equal(number, w->n_back);
    assert_int_equal(p->bytes.n, sizeof number + number % 500);
    assert_true(addr_is_equal(&p->flow.peer, &w->server_addr));
    if (++w->n_back == N_ECHOES)
        loop_stop(w->loop);
    else if (w->n_sent < N_ECHOES)
        send_next(w);
}

static void echo_between(const char *addr)
{
    struct world w;
    world_init(&w);
    w.is_echo = true;
    open_server(&w, addr, 1000);
    const struct udp_conf conf = {.addr = addr_of(addr), .max_len = 1000};
    assert_int_equal(udp_open(w.loop, w.table, &conf, on_echo, &w, &w.client), 0);
    int64_t in = stats_sum(STAT_UDP_IN), out = stats_sum(STAT_UDP_OUT);
    while (w.n_sent < WINDOW)
        send_next(&w);
    run(&w, TIMEOUT_MS);
    assert_int_equal(w.n_back, N_ECHOES);
    assert_int_equal(stats_sum(STAT_UDP_IN) - in, 2 * N_ECHOES);
    assert_int_equal(stats_sum(STAT_UDP_OUT) - out, 2 * N_ECHOES);
    assert_int_equal(w.last.listener, 3);
    assert_int_equal(w.last.local.family, 0);
    world_fini(&w);
}

static void a_thousand_datagrams_come_back(void **state)
{
    (void)state;
    echo_between("127.0.0.1");
    if (has_v6())
        echo_between("[::1]");
}

static void too_long_ones_are_dropped_and_counted(void **state)
{
    (void)state;
    static char bytes[60000];
    struct world w;
    world_init(&w);
    open_server(&w, "127.0.0.1", 100);
    int fd = open_peer("127.0.0.1", &w.server_addr);
    int64_t before = stats_sum(STAT_UDP_OVERSIZE);
    const size_t sizes[] = {100, 101, 102, 60000, 5};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        assert_int_equal(send(fd, bytes, sizes[i], 0), sizes[i]);
    w.n_expected = 2;
    run(&w, TIMEOUT_MS);
    assert_int_equal(w.n_in, 2);
    assert_int_equal(stats_sum(STAT_UDP_OVERSIZE) - before, 3);
    close(fd);
    world_fini(&w);
}

static void reply_from(const char *wildcard, const char *peer, const char *reached)
{
    struct world w;
    world_init(&w);
    w.is_echo = true;
    open_server(&w, wildcard, 1000);
    struct addr to = addr_of(reached);
    to.port = w.server_addr.port;
    int fd = open_peer(peer, &to);
    assert_int_equal(send(fd, "ping", 4, 0), 4);
    w.n_expected = 1;
    run(&w, TIMEOUT_MS);
    assert_true(addr_is_equal(&w.last.local, &to));
    char back[10];
    assert_int_equal(recv(fd, back, sizeof back, 0), 4); /* connected: from `reached` only */
    close(fd);
    world_fini(&w);
}

static void a_reply_leaves_from_where_the_request_came(void **state)
{
    (void)state;
    reply_from("0.0.0.0", "127.0.0.2", "127.0.0.5");
    if (has_v6())
        reply_from("[::]", "[::1]", "[::1]");
}

static int try_open(struct world *w, const struct udp_conf *conf)
{
    struct udp *u = NULL;
    errno = 0;
    int err = udp_open(w->loop, w->table, conf, on_server_packet, w, &u);
    int why = errno;
    udp_close(u);
    errno = why;
    return err;
}

static int open_other_program(int is_sharing)
{
    struct sockaddr_storage sa;
    struct addr addr = addr_of("127.0.0.1");
    socklen_t len = addr_to_sockaddr(&addr, &sa);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &is_sharing, sizeof is_sharing), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
    return fd;
}

static void an_address_in_use_is_refused(void **state)
{
    (void)state;
    struct world w;
    world_init(&w);
    for (int is_sharing = 0; is_sharing < 2; is_sharing++) {
        int fd = open_other_program(is_sharing);
        struct udp_conf conf = {.addr = addr_of_fd(fd), .max_len = 100};
        assert_int_equal(try_open(&w, &conf), ERR_IO);
        assert_int_equal(errno, EADDRINUSE);
        conf.is_shared = conf.is_first = true;
        assert_int_equal(try_open(&w, &conf), ERR_IO);
        assert_int_equal(errno, EADDRINUSE);
        close(fd);
        assert_int_equal(try_open(&w, &conf), 0);
    }
    world_fini(&w);
}

static void workers_share_a_port_and_each_others_handles(void **state)
{
    (void)state;
    struct world w;
    struct flow_table *table = NULL;
    struct udp_conf conf = {
        .addr = addr_of("127.0.0.1"), .max_len = 100, .is_shared = true, .is_first = true};
    world_init(&w);
    assert_int_equal(flow_table_new(1, &table), 0);
    assert_int_equal(udp_open(w.loop, w.table, &conf, on_server_packet, &w, &w.server), 0);
    conf.addr = udp_addr(w.server);
    conf.is_first = false;
    struct udp *second = NULL;
    assert_int_equal(udp_open(w.loop, table, &conf, on_server_packet, &w, &second), 0);
    int fd = open_peer("127.0.0.1", &conf.addr);
    struct addr peer = addr_of_fd(fd);
    struct flow_ref to = udp_flow_to(w.server, &peer);
    assert_int_equal(flow_send(table, &to, STR("hello")), 0);
    udp_close(second);
    char back[10];
    assert_int_equal(recv(fd, back, sizeof back, 0), 5);
    assert_int_equal(flow_send(table, &to, STR("hello")), ERR_GONE);
    close(fd);
    flow_table_free(table);
    world_fini(&w);
}

static void what_is_queued_goes_out_when_full_and_at_the_close(void **state)
{
    (void)state;
    struct world w;
    char bytes[8000] = {0};
    struct addr anywhere = addr_of("127.0.0.1:9");
    world_init(&w);
    open_server(&w, "127.0.0.1", 100);
    int fd = open_peer("127.0.0.1", &anywhere);
    int room = 1 << 20;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room), 0);
    struct sockaddr_storage sa;
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, addr_to_sockaddr(&w.server_addr, &sa)), 0);
    struct addr peer = addr_of_fd(fd);
    struct flow_ref to = udp_flow_to(w.server, &peer);
    for (int i = 0; i < 100; i++)
        assert_int_equal(flow_send(w.table, &to, STR("x")), 0);
    for (int i = 0; i < 64; i++)
        assert_int_equal(recv(fd, bytes, sizeof bytes, 0), 1);
    assert_int_equal(recv(fd, bytes, sizeof bytes, MSG_DONTWAIT), -1);
    udp_close(w.server);
    w.server = NULL;
    for (int i = 0; i < 36; i++)
        assert_int_equal(recv(fd, bytes, sizeof bytes, 0), 1);
    close(fd);
    world_fini(&w);
}

static void what_cannot_be_sent_is_counted_and_harms_nobody(void **state)
{
    (void)state;
    static char bytes[70000];
    struct world w;
    world_init(&w);
    open_server(&w, "127.0.0.1", 100);
    int fd = open_peer("127.0.0.1", &w.server_addr);
    int64_t failed = stats_sum(STAT_SEND_FAILED);
    struct addr peer = addr_of_fd(fd), v6 = addr_of("[::1]:5060"), nowhere = peer;
    struct addr closed = addr_of("127.0.0.1:9"), denied = addr_of("255.255.255.255:9");
    nowhere.port = 0;
    const struct addr *const all[] = {&closed, &denied, &nowhere, &peer};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct flow_ref to = udp_flow_to(w.server, all[i]);
        assert_int_equal(flow_send(w.table, &to, STR("hello")), 0);
    }
    struct flow_ref to = udp_flow_to(w.server, &v6);
    assert_int_equal(flow_send(w.table, &to, STR("hello")), ERR_IO);
    to = udp_flow_to(w.server, &peer);
    assert_int_equal(flow_send(w.table, &to, (struct str){bytes, sizeof bytes}), ERR_IO);
    assert_int_equal(flow_send(w.table, &to, (struct str){bytes, 65508}), ERR_IO);
    assert_int_equal(send(fd, "x", 1, 0), 1);
    w.n_expected = 1;
    run(&w, TIMEOUT_MS);
    assert_int_equal(w.n_in, 1);
    assert_int_equal(recv(fd, bytes, sizeof bytes, 0), 5);
    assert_int_equal(stats_sum(STAT_SEND_FAILED) - failed, 5);
    close(fd);
    world_fini(&w);
}

static void use_udp(void *arg)
{
    (void)arg;
    struct loop *l = NULL;
    struct flow_table *t = NULL;
    struct udp *u = NULL;
    const struct udp_conf conf = {.addr = addr_of("127.0.0.1"), .max_len = 100};
    int err = loop_new(&l);
    if (!err)
        err = flow_table_new(0, &t);
    if (!err)
        err = udp_open(l, t, &conf, on_server_packet, NULL, &u);
    assert_true(err == 0 || err == ERR_NOMEM);
    udp_close(u);
    flow_table_free(t);
    loop_free(l);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_int_equal(oom_sweep(use_udp, NULL), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_datagrams_come_back),
        cmocka_unit_test(too_long_ones_are_dropped_and_counted),
        cmocka_unit_test(a_reply_leaves_from_where_the_request_came),
        cmocka_unit_test(an_address_in_use_is_refused),
        cmocka_unit_test(workers_share_a_port_and_each_others_handles),
        cmocka_unit_test(what_is_queued_goes_out_when_full_and_at_the_close),
        cmocka_unit_test(what_cannot_be_sent_is_counted_and_harms_nobody),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
