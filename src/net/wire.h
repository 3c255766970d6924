/* The bytes of a connection, with TLS or without. As read(2) and write(2); the connection's thread.
 */
#ifndef BW_NET_WIRE_H
#define BW_NET_WIRE_H

#include <stddef.h>
#include <sys/types.h>

struct sendq;
struct ssl_st;

/* tls NULL: there is none. */
ssize_t wire_read(int fd, struct ssl_st *tls, void *out, size_t n);

/* The front of the queue, which stays as it is; never with SIGPIPE. */
ssize_t wire_write(int fd, struct ssl_st *tls, const struct sendq *q);

#endif
