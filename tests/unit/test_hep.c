#include "unit.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "net/hep.h"

enum { PATIENCE_S = 10 };

static struct tap tap;
static struct flow_group group;

static int open_server(struct addr *out)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof sa;
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, n), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
    assert_int_equal(addr_from_sockaddr((struct sockaddr *)&sa, out), 0);
    return fd;
}

/* The port that a message comes from. */
static unsigned port_of_next(int fd)
{
    const struct flow_ref flow = {.peer = {.family = 4}, .local = {.family = 4}};
    struct sockaddr_in from;
    socklen_t n = sizeof from;
    char bytes[512];
    group.look(group.look_arg, &flow, true, STR("BYE sip:a SIP/2.0\r\n\r\n"));
    assert_true(recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &n) > 4);
    assert_memory_equal(bytes, "HEP3", 4);
    return ntohs(from.sin_port);
}

static void a_reload_that_changes_nothing_touches_nothing(void **state)
{
    struct hep *h;
    struct hep_conf conf = {.capture_id = 7, .token = STR("secret")};
    (void)state;
    assert_int_equal(tap_init(&tap), 0);
    tap_join(&tap, &group);
    assert_int_equal(hep_new(&tap, &h), 0);
    int fd = open_server(&conf.server);
    assert_int_equal(hep_set(h, &conf), 0);
    unsigned port = port_of_next(fd);
    char copy[] = "secret"; /* the same, in another place */
    conf.token = str_of(copy);
    assert_int_equal(hep_set(h, &conf), 0);
    assert_int_equal(port_of_next(fd), port);
    conf.capture_id = 8;
    assert_int_equal(hep_set(h, &conf), 0);
    assert_int_not_equal(port_of_next(fd), port);
    const struct hep_conf none = {.capture_id = 0};
    assert_int_equal(hep_set(h, &none), 0);
    assert_int_equal(atomic_load(&tap.n_watchers), 0);
    assert_int_equal(hep_set(h, &none), 0);
    assert_int_equal(hep_set(h, &conf), 0);
    assert_int_equal(atomic_load(&tap.n_watchers), 1);
    hep_free(h);
    tap_fini(&tap);
    (void)close(fd);
}

static void traces_do_not_take_its_place(void **state)
{
    struct hep *h;
    struct hep_conf conf = {.capture_id = 7};
    struct tap_watch *w[TAP_WATCHERS_MAX];
    const struct tap_filter all = {.n_hosts = 0};
    (void)state;
    assert_int_equal(tap_init(&tap), 0);
    assert_int_equal(hep_new(&tap, &h), 0);
    for (size_t i = 1; i < TAP_WATCHERS_MAX; i++)
        assert_int_equal(tap_watch(&tap, &all, &w[i]), 0);
    int fd = open_server(&conf.server);
    assert_int_equal(hep_set(h, &conf), 0);
    for (size_t i = 1; i < TAP_WATCHERS_MAX; i++)
        tap_unwatch(w[i]);
    hep_free(h);
    tap_fini(&tap);
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reload_that_changes_nothing_touches_nothing),
        cmocka_unit_test(traces_do_not_take_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
