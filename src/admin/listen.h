/* The admin server's listening sockets. Main thread. */
#ifndef BW_ADMIN_LISTEN_H
#define BW_ADMIN_LISTEN_H

#include "base/addr.h"

/* A descriptor, not blocking, closed on exec; ERR_IO: errno says why. */
int listen_tcp(const struct addr *a);

/* The same for a Unix socket of mode 0660. A socket file that nobody listens on is replaced;
 * errno is EADDRINUSE when somebody does, EEXIST for a file that is no socket. */
int listen_unix(const char *path);

#endif
