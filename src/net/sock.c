#include "net/sock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"

enum { BACKLOG = 1024, PROBE_IDLE_S = 60, PROBE_EACH_S = 15, PROBES = 4 };

void sock_close(int fd)
{
    int why = errno;
    (void)close(fd);
    errno = why;
}

static int set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) ? ERR_IO : 0;
}

void sock_tune(int fd, unsigned stall_ms)
{
    (void)set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    (void)set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    (void)set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, PROBE_IDLE_S);
    (void)set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, PROBE_EACH_S);
    (void)set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
    (void)set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)stall_ms);
}

/* The port is chosen with the peer, so that many connections may share one. */
static int bind_host(int fd, const struct addr *from)
{
    struct sockaddr_storage sa;
    struct addr host = *from;
    host.port = 0;
    socklen_t len = addr_to_sockaddr(&host, &sa);
    (void)set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    return addr_is_any(from) ? 0 : bind(fd, (const struct sockaddr *)&sa, len);
}

int sock_connect(const struct addr *from, const struct addr *to)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(to, &sa);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ERR_IO;
    if (bind_host(fd, from) ||
        (connect(fd, (const struct sockaddr *)&sa, len) && errno != EINPROGRESS)) {
        sock_close(fd);
        return ERR_IO;
    }
    return fd;
}

int sock_check(int fd)
{
    int why = 0;
    socklen_t len = sizeof why;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len))
        return ERR_IO;
    errno = why;
    return why ? ERR_IO : 0;
}

int sock_addr(int fd, struct addr *out)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    if (getsockname(fd, (struct sockaddr *)&sa, &len))
        return ERR_IO;
    return addr_from_sockaddr((const struct sockaddr *)&sa, out);
}

/* A descriptor that listens, or ERR_IO. */
static int open_bound(const struct addr *addr, bool is_shared)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(addr, &sa);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ERR_IO;
    if (set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) ||
        (addr->family == 6 && set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) ||
        (is_shared && set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1)) ||
        bind(fd, (const struct sockaddr *)&sa, len) || listen(fd, BACKLOG)) {
        sock_close(fd);
        return ERR_IO;
    }
    return fd;
}

int sock_listen_on(int fd)
{
    if (listen(fd, BACKLOG) == 0)
        return fd;
    sock_close(fd);
    return ERR_IO;
}

int sock_listen(const struct addr *addr, bool is_shared, bool is_first)
{
    if (is_shared && is_first) {
        /* as in udp.c: beside another program SO_REUSEPORT would let us in */
        int fd = open_bound(addr, false);
        if (fd < 0)
            return fd;
        (void)close(fd);
    }
    return open_bound(addr, is_shared);
}
