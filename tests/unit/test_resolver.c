/* Asking the DNS: a server of the test's own on a loopback address answers as it is told. */
#include "unit.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/loop.h"
#include "net/resolver.h"

enum { HEADER_LEN = 12, TIMEOUT_MS = 20000 };

enum how { FOUND, NO_NAME, FAILURE, OTHER_QUESTION };

struct world {
    struct loop *loop;
    struct resolver *resolver;
    struct loop_io *io;
    int fd;
    struct addr addr;
    enum how how;
    unsigned n_asked, n_answers, n_wanted;
    struct dns_answer answer; /* the last one */
    struct wheel_timer timeout;
};

/* The question as it came, with one record or none. */
static size_t reply(struct world *w, uint8_t *bytes, size_t n)
{
    static const uint8_t record[] = {0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 7};
    static const uint8_t codes[] = {[NO_NAME] = 3, [FAILURE] = 2, [OTHER_QUESTION] = 0};
    bytes[2] = 0x81;
    bytes[3] = (uint8_t)(0x80 | codes[w->how]);
    if (w->how == OTHER_QUESTION)
        bytes[HEADER_LEN + 1] ^= 1;
    if (w->how == FOUND || w->how == OTHER_QUESTION) {
        bytes[7] = 1;
        memcpy(bytes + n, record, sizeof record);
        n += sizeof record;
    }
    return n;
}

static void on_question(void *arg)
{
    struct world *w = arg;
    uint8_t bytes[600];
    struct sockaddr_storage from;
    socklen_t from_len = sizeof from;
    ssize_t n = recvfrom(w->fd, bytes, 512, 0, (struct sockaddr *)&from, &from_len);
    assert_true(n > HEADER_LEN);
    w->n_asked++;
    size_t len = reply(w, bytes, (size_t)n);
    assert_int_equal(sendto(w->fd, bytes, len, 0, (struct sockaddr *)&from, from_len), len);
    if (w->how == OTHER_QUESTION) /* it is not taken, so the true one has to follow */
        w->how = FOUND;
}

static void on_timeout(void *arg)
{
    struct world *w = arg;
    loop_stop(w->loop);
}

static void on_answer(const struct dns_answer *a, void *arg)
{
    struct world *w = arg;
    w->answer = *a;
    if (++w->n_answers == w->n_wanted)
        loop_stop(w->loop);
}

static void open_world(struct world *w)
{
    struct sockaddr_storage own;
    socklen_t len = sizeof own;
    *w = (struct world){.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)};
    const struct sockaddr_in loopback = {.sin_family = AF_INET,
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(w->fd, (const struct sockaddr *)&loopback, sizeof loopback), 0);
    assert_int_equal(getsockname(w->fd, (struct sockaddr *)&own, &len), 0);
    assert_int_equal(addr_from_sockaddr((struct sockaddr *)&own, &w->addr), 0);
    assert_int_equal(loop_new(&w->loop), 0);
    assert_int_equal(loop_io_new(w->loop, w->fd, on_question, w, &w->io), 0);
    assert_int_equal(resolver_new(w->loop, &w->addr, 1, &w->resolver), 0);
    wheel_timer_init(&w->timeout, on_timeout, w);
}

static void close_world(struct world *w)
{
    resolver_free(w->resolver);
    loop_timer_stop(w->loop, &w->timeout);
    loop_io_free(w->io);
    loop_free(w->loop);
    (void)close(w->fd);
}

static void ask(struct world *w, const char *name, unsigned times)
{
    struct dns_question q = {.type = DNS_A};
    memcpy(q.name, name, strlen(name));
    for (unsigned i = 0; i < times; i++)
        assert_int_equal(resolver_ask(w->resolver, &q, on_answer, w), 0);
    assert_int_equal(w->n_answers, 0); /* in a later turn */
}

static void run(struct world *w, enum how how, const char *name, unsigned times)
{
    w->how = how;
    w->n_answers = 0;
    w->n_wanted = times;
    ask(w, name, times);
    loop_timer_start(w->loop, &w->timeout, TIMEOUT_MS);
    loop_run(w->loop);
    assert_int_equal(w->n_answers, times);
}

static void answers_come(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    run(&w, FOUND, "sip.example.net", 1);
    assert_int_equal(w.answer.result, DNS_FOUND);
    assert_string_equal(addr_text(&w.answer.list[0].addr, (char[ADDR_TEXT]){0}), "192.0.2.7:0");
    assert_int_equal(w.answer.ttl_s, 60);
    run(&w, NO_NAME, "none.example.net", 1);
    assert_int_equal(w.answer.result, DNS_NO_NAME);
    assert_int_equal(w.answer.ttl_s, DNS_NOTHING_S);
    run(&w, FAILURE, "sip.example.net", 1);
    assert_int_equal(w.answer.result, DNS_FAILED);
    run(&w, FOUND, "sip.example.net", 50);
    assert_int_equal(w.answer.result, DNS_FOUND);
    close_world(&w);
}

/* Neither a name that cannot be asked for nor a broken answer is more than a failure. */
static void what_is_broken_fails(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    run(&w, FOUND, "a..b", 1);
    assert_int_equal(w.answer.result, DNS_FAILED);
    run(&w, OTHER_QUESTION, "sip.example.net", 1);
    assert_int_equal(w.answer.result, DNS_FOUND);
    assert_true(w.n_asked >= 2);
    close_world(&w);
}

static void the_hosts_file_counts(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    run(&w, FAILURE, "localhost", 1);
    assert_int_equal(w.answer.result, DNS_FOUND);
    assert_int_equal(w.n_asked, 0);
    assert_int_equal(w.answer.list[0].addr.ip[0], 127);
    close_world(&w);
}

/* Questions under way, and an answer that is there already. */
static void nobody_hears_after_the_end(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    ask(&w, "sip.example.net", 3);
    ask(&w, "localhost", 1);
    close_world(&w);
    assert_int_equal(w.n_answers, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_come),
        cmocka_unit_test(what_is_broken_fails),
        cmocka_unit_test(the_hosts_file_counts),
        cmocka_unit_test(nobody_hears_after_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
