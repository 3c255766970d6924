/* A feed to somebody who is slow, away, or takes nothing: who puts something in never waits. */
#include "unit.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/stats.h"
#include "base/sys.h"
#include "net/feed.h"

static char directory[] = "/tmp/test_feed.XXXXXX";
static char path[64];

static int listen_here(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)unlink(path);
    memcpy(at.sun_path, path, strlen(path));
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static void read_all(int fd, char *out, size_t n)
{
    for (size_t len = 0; len < n;) {
        ssize_t got = read(fd, out + len, n - len);
        assert_true(got > 0);
        len += (size_t)got;
    }
}

static void put_number(struct feed *f, unsigned i)
{
    char line[32];
    struct buf b = buf_over(line, sizeof line);
    buf_addf(&b, "%06u\n", i);
    feed_put(f, buf_str(&b));
}

static void what_is_put_comes_in_order(void **state)
{
    struct feed *f;
    static char all[7 * 5000 + 1];
    (void)state;
    int64_t sent = stats_sum(STAT_EVENT_SOCKET_SENT);
    int listener = listen_here();
    assert_int_equal(feed_new(FEED_SOCKET, &f), 0);
    feed_put(f, STR("nobody is there to get this\n"));
    assert_int_equal(stats_sum(STAT_EVENT_SOCKET_QUEUED), 0);
    assert_int_equal(feed_set_target(f, path, STR_NONE), 0);
    for (unsigned i = 0; i < 5000; i++)
        put_number(f, i);
    int fd = accept(listener, NULL, NULL);
    read_all(fd, all, sizeof all - 1);
    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(strtoul(all + 7 * i, NULL, 10), i);
    feed_free(f);
    assert_int_equal(stats_sum(STAT_EVENT_SOCKET_SENT) - sent, 5000);
    assert_int_equal(stats_sum(STAT_EVENT_SOCKET_QUEUED), 0);
    close(fd);
    close(listener);
}

static void a_full_queue_drops_and_counts(void **state)
{
    struct feed *f;
    (void)state;
    int64_t dropped = stats_sum(STAT_EVENT_SOCKET_FULL);
    (void)unlink(path);
    assert_int_equal(feed_new(FEED_SOCKET, &f), 0);
    assert_int_equal(feed_set_target(f, path, STR_NONE), 0);
    uint64_t began_ms = sys_now_ms();
    for (unsigned i = 0; i < FEED_LINES_MAX + 100; i++)
        put_number(f, i);
    assert_true(sys_now_ms() - began_ms < 5000);
    assert_int_equal(stats_sum(STAT_EVENT_SOCKET_FULL) - dropped, 100);
    assert_int_equal(stats_sum(STAT_EVENT_SOCKET_QUEUED), FEED_LINES_MAX);
    /* nowhere to send to any more: what waits goes */
    assert_int_equal(feed_set_target(f, "", STR_NONE), 0);
    assert_int_equal(stats_sum(STAT_EVENT_SOCKET_FULL) - dropped, FEED_LINES_MAX + 100);
    assert_int_equal(stats_sum(STAT_EVENT_SOCKET_QUEUED), 0);
    assert_false(feed_is_on(f));
    feed_free(f);
}

static void who_comes_late_gets_what_waited(void **state)
{
    struct feed *f;
    char all[15] = "";
    (void)state;
    (void)unlink(path);
    assert_int_equal(feed_new(FEED_SOCKET, &f), 0);
    assert_int_equal(feed_set_target(f, path, STR_NONE), 0);
    put_number(f, 1);
    put_number(f, 2);
    int listener = listen_here();
    int fd = accept(listener, NULL, NULL); /* within a second */
    read_all(fd, all, 14);
    assert_string_equal(all, "000001\n000002\n");
    close(fd); /* it hangs up: the next one comes by a new connection */
    put_number(f, 3);
    fd = accept(listener, NULL, NULL);
    read_all(fd, all, 7);
    assert_memory_equal(all, "000003\n", 7);
    close(fd);
    close(listener);
    feed_free(f);
}

static void a_stop_waits_for_nobody(void **state)
{
    struct feed *f;
    (void)state;
    int listener = listen_here(); /* takes the connection and never reads */
    static char line[60000];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    assert_int_equal(feed_new(FEED_SOCKET, &f), 0);
    assert_int_equal(feed_set_target(f, path, STR_NONE), 0);
    for (int i = 0; i < 100; i++)
        feed_put(f, (struct str){line, sizeof line});
    uint64_t began_ms = sys_now_ms();
    feed_free(f);
    assert_true(sys_now_ms() - began_ms < 4000); /* a second, and the send that was under way */
    assert_int_equal(stats_sum(STAT_EVENT_SOCKET_QUEUED), 0);
    close(listener);
}

/* Whoever does not answer: they take their second together, and no look-up or request is waited
 * for. One after another it would be six seconds and more. */
static void several_stop_in_the_same_second(void **state)
{
    enum { N = 6, LATEST_MS = 4500 };
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    struct feed *f[N];
    char url[64];
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, N), 0); /* takes the request and never answers */
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", ntohs(at.sin_port));
    for (int i = 0; i < N; i++) {
        assert_int_equal(feed_new(FEED_WEBHOOK, &f[i]), 0);
        assert_int_equal(feed_set_target(f[i], url, STR_NONE), 0);
        feed_put(f[i], STR("{}\n"));
    }
    uint64_t began_ms = sys_now_ms();
    for (int i = 0; i < N; i++)
        feed_stop(f[i]);
    for (int i = 0; i < N; i++)
        feed_free(f[i]);
    assert_true(sys_now_ms() - began_ms < LATEST_MS);
    assert_int_equal(stats_sum(STAT_EVENT_WEB_QUEUED), 0);
    close(fd);
}

static void fill(void *arg)
{
    struct feed *f = NULL;
    (void)arg;
    if (feed_new(FEED_SOCKET, &f) == 0) {
        (void)feed_set_target(f, path, STR("secret"));
        feed_put(f, STR("a\n"));
        (void)feed_set_target(f, "", STR_NONE);
    }
    feed_free(f);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    (void)unlink(path);
    assert_true(oom_sweep(fill, NULL) > 3);
    assert_int_equal(stats_sum(STAT_EVENT_SOCKET_QUEUED), 0);
}

static int enter(void **state)
{
    (void)state;
    if (!mkdtemp(directory))
        return -1;
    (void)snprintf(path, sizeof path, "%s/sock", directory);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_comes_in_order),
        cmocka_unit_test(a_full_queue_drops_and_counts),
        cmocka_unit_test(who_comes_late_gets_what_waited),
        cmocka_unit_test(a_stop_waits_for_nobody),
        cmocka_unit_test(several_stop_in_the_same_second),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
