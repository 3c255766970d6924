#include "base/logsink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/sys.h"

enum { RETRY_MS = 1000 };

/* ---------------------------------------------------------------- streams */

static mode_t type_of(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? st.st_mode & S_IFMT : 0;
}

/* A file opened anew would begin at its beginning; a socket cannot be. */
void logsink_open(struct logsink_stream *s, int fd)
{
    char path[32];
    *s = (struct logsink_stream){.fd = fd};
    if (type_of(fd) != S_IFCHR)
        return;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own < 0)
        return;
    s->fd = own;
    s->is_own = true;
}

void logsink_close(struct logsink_stream *s)
{
    if (s->is_own)
        (void)close(s->fd);
    *s = (struct logsink_stream){.fd = -1};
}

/* Of an opening that is not ours, so many bytes of a pipe are taken as a whole where there is any
 * room (pipe(7)). */
static ssize_t write_some(const struct logsink_stream *s, struct str line)
{
    struct pollfd p = {.fd = s->fd, .events = POLLOUT};
    if (s->is_own)
        return write(s->fd, line.p, line.n);
    if (poll(&p, 1, 0) <= 0 || !(p.revents & POLLOUT))
        return -1;
    ssize_t n = send(s->fd, line.p, line.n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == ENOTSOCK)
        n = write(s->fd, line.p,
                  line.n > PIPE_BUF && type_of(s->fd) != S_IFREG ? PIPE_BUF : line.n);
    return n;
}

bool logsink_write(struct logsink_stream *s, struct str line)
{
    if (s->is_torn && write_some(s, STR("\n")) != 1)
        return false;
    s->is_torn = false;
    while (line.n) {
        ssize_t n = write_some(s, line);
        if (n <= 0)
            return false;
        line = str_skip(line, (size_t)n);
        s->is_torn = line.n > 0;
    }
    return true;
}

/* ---------------------------------------------------------------- datagrams */

void logsink_hang_up(struct logsink_socket *s)
{
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
}

static bool connect_to(struct logsink_socket *s)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    logsink_hang_up(s);
    s->tried_ms = sys_now_ms();
    if (strlen(s->path) >= sizeof to.sun_path)
        return false;
    memcpy(to.sun_path, s->path, strlen(s->path));
    s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s->fd >= 0 && connect(s->fd, (const struct sockaddr *)&to, sizeof to) == 0)
        return true;
    logsink_hang_up(s);
    return false;
}

bool logsink_connect(struct logsink_socket *s, const char *path)
{
    *s = (struct logsink_socket){.fd = -1, .path = path};
    return connect_to(s);
}

/* Who was there may have gone, and come again under the same name. */
bool logsink_send(struct logsink_socket *s, struct iovec *parts, size_t n)
{
    const struct msghdr m = {.msg_iov = parts, .msg_iovlen = n};
    if (s->fd >= 0 && sendmsg(s->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return true;
    if (s->fd >= 0 && (errno == EAGAIN || errno == EMSGSIZE || errno == ENOBUFS))
        return false;
    if (sys_now_ms() - s->tried_ms < RETRY_MS && s->fd < 0)
        return false;
    return connect_to(s) && sendmsg(s->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}
