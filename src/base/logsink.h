/* Where lines of the log go, without ever waiting for whoever reads them: what cannot be taken at
 * once is lost, which the caller counts. Not thread-safe: one writer at a time. */
#ifndef BW_BASE_LOGSINK_H
#define BW_BASE_LOGSINK_H

#include <stdbool.h>
#include <sys/uio.h>

#include "base/str.h"

/* A file, a pipe, a terminal or a stream's socket, that others may write to as well: its flags are
 * left alone. */
struct logsink_stream {
    int fd;
    bool is_own;  /* our own opening of it, that never waits */
    bool is_torn; /* only a part of the last line was taken: the next one begins anew */
};

/* To fd, which stays the caller's and open until logsink_close. A terminal is opened anew by /proc,
 * since O_NONBLOCK is of the opening and would be everybody's who shares it. Two waits are left: a
 * terminal that may not be opened anew takes a part of a line and holds up the rest until it is
 * read, as does a pipe whose room another writer takes in the same moment. */
void logsink_open(struct logsink_stream *s, int fd);
void logsink_close(struct logsink_stream *s);

/* False: it was not taken, or not all of it. */
bool logsink_write(struct logsink_stream *s, struct str line);

/* A datagram socket of the system: the journal's or syslog's. */
struct logsink_socket {
    int fd; /* -1: not connected */
    const char *path;
    uint64_t tried_ms; /* sys_now_ms of the last connect */
};

/* False: nobody listens there; it is tried again with later lines, once a second at most. */
bool logsink_connect(struct logsink_socket *s, const char *path);
bool logsink_send(struct logsink_socket *s, struct iovec *parts, size_t n);
void logsink_hang_up(struct logsink_socket *s);

#endif
