#include "unit.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "net/handover.h"

static int bound(int type, struct addr *out)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof sa;
    int fd = socket(AF_INET, type, 0);
    assert_true(fd > 2);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    assert_int_equal(addr_from_sockaddr((struct sockaddr *)&sa, out), 0);
    return fd;
}

static void it_goes_to_its_kind_and_address(void **state)
{
    (void)state;
    struct addr udp, tcp;
    struct handover *h;
    int u = bound(SOCK_DGRAM, &udp), t = bound(SOCK_STREAM, &tcp);
    assert_int_equal(handover_new(&h), 0);
    assert_int_equal(handover_add(h, u), 0);
    assert_int_equal(handover_add(h, t), 0);
    assert_int_equal(handover_count(h), 2);
    assert_int_equal(handover_take(h, FLOW_TCP, &udp), 0);
    assert_int_equal(handover_take(h, FLOW_UDP, &udp), u);
    assert_int_equal(handover_count(h), 1);
    /* the next worker shares it */
    int shared = handover_take(h, FLOW_UDP, &udp);
    assert_true(shared > 2 && shared != u);
    assert_int_equal(handover_count(h), 1);
    handover_free(h);
    assert_int_equal(close(t), -1); /* nobody has taken it */
    assert_int_equal(close(u), 0);
    assert_int_equal(close(shared), 0);
}

static void what_is_no_socket_is_closed(void **state)
{
    (void)state;
    struct handover *h;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(handover_new(&h), 0);
    assert_int_equal(handover_add(h, ends[0]), ERR_ABSENT);
    assert_int_equal(close(ends[0]), -1);
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(handover_count(h), 0);
    handover_free(h);
    assert_int_equal(handover_take(NULL, FLOW_UDP, &(struct addr){0}), 0);
    handover_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_to_its_kind_and_address),
        cmocka_unit_test(what_is_no_socket_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
