/* A line protocol to steer the program while it runs: one command a line, one line of answer. On
 * standard input and output, or on a Unix socket with any number of clients. On the loop's
 * thread. */
#ifndef BW_SIM_CONTROL_H
#define BW_SIM_CONTROL_H

#include "base/buf.h"
#include "base/str.h"

struct loop;
struct control;

/* line: NUL-terminated, without its end, the handler's to cut up. reply: without its end. */
typedef void control_fn(char *line, struct buf *reply, void *arg);

/* path: "-" is standard input; else a socket, which replaces whatever socket stood there. 0,
 * ERR_NOMEM, ERR_IO (errno says why). */
int control_open(struct loop *l, const char *path, control_fn *fn, void *arg, struct control **out);

/* Removes the socket. NULL is legal. */
void control_close(struct control *c);

#endif
