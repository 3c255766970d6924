/* Sockets of streams. errno says why; nothing is logged. Any thread. */
#ifndef BW_NET_SOCK_H
#define BW_NET_SOCK_H

#include <stdbool.h>

#include "base/addr.h"

/* A descriptor that listens, or ERR_IO. is_shared: several workers bind the address (SO_REUSEPORT);
 * is_first of them: refuse one that another program holds. */
int sock_listen(const struct addr *addr, bool is_shared, bool is_first);

/* The same of one that is bound; it is closed for ERR_IO. */
int sock_listen_on(int fd);

/* A descriptor that connects from that host (a wildcard: the one that the routes choose), whatever
 * the port; it can be written once it is through. Or ERR_IO. */
int sock_connect(const struct addr *from, const struct addr *to);

/* What has become of it: 0, or ERR_IO. */
int sock_check(int fd);

/* A connected one: nothing waits to be sent together, and a peer that is gone without a word is
 * found out: within stall_ms if something is sent to it, in two minutes if not. */
void sock_tune(int fd, unsigned stall_ms);

/* The local address. 0 or ERR_IO. */
int sock_addr(int fd, struct addr *out);

/* Keeps errno. */
void sock_close(int fd);

#endif
