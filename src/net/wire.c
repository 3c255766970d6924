#include "net/wire.h"

#include <sys/socket.h>
#include <unistd.h>

#include "net/sendq.h"
#include "net/tls.h"

enum { PARTS = 16 };

ssize_t wire_read(int fd, struct ssl_st *tls, void *out, size_t n)
{
    return tls ? tls_read(tls, out, n) : read(fd, out, n);
}

ssize_t wire_write(int fd, struct ssl_st *tls, const struct sendq *q)
{
    struct iovec parts[PARTS];
    struct msghdr m = {.msg_iov = parts};
    m.msg_iovlen = (size_t)sendq_parts(q, parts, PARTS);
    if (tls)
        return tls_write(tls, parts[0].iov_base, parts[0].iov_len);
    return sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}
