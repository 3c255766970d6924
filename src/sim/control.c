#include "sim/control.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/list.h"
#include "net/loop.h"

enum { LINE_MAX_LEN = 1024, REPLY_MAX_LEN = 64 * 1024, BACKLOG = 16 };

struct control {
    struct loop *loop;
    control_fn *fn;
    void *arg;
    int listen_fd; /* -1: standard input only */
    struct loop_io *io;
    struct list clients;
    char *path; /* NULL: standard input */
    char reply[REPLY_MAX_LEN];
};

struct client {
    struct list node;
    struct control *control;
    struct loop_io *io;
    int in, out;
    size_t len;
    char line[LINE_MAX_LEN];
};

/* ---------------------------------------------------------------- a client */

static void close_client(struct client *c)
{
    list_del(&c->node);
    loop_io_free(c->io);
    if (c->in != STDIN_FILENO)
        (void)close(c->in);
    free(c);
}

/* False: the client does not take it. */
static bool write_all(int fd, struct str s)
{
    while (s.n) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno != EINTR)
            return false;
        s = str_skip(s, n > 0 ? (size_t)n : 0);
    }
    return true;
}

static bool run_line(struct client *c, char *line)
{
    struct control *k = c->control;
    struct buf reply = buf_over(k->reply, sizeof k->reply - 1);
    k->fn(line, &reply, k->arg);
    k->reply[reply.len] = '\n';
    return write_all(c->out, (struct str){k->reply, reply.len + 1});
}

/* Runs every complete line; what is left moves to the front. False: the client must go. */
static bool run_lines(struct client *c)
{
    char *from = c->line, *end = c->line + c->len, *newline;
    while ((newline = memchr(from, '\n', (size_t)(end - from)))) {
        *newline = '\0';
        if (newline > from && newline[-1] == '\r')
            newline[-1] = '\0';
        if (*from && !run_line(c, from))
            return false;
        from = newline + 1;
    }
    c->len = (size_t)(end - from);
    memmove(c->line, from, c->len);
    return c->len < sizeof c->line;
}

static void on_client(void *arg)
{
    struct client *c = arg;
    ssize_t n = read(c->in, c->line + c->len, sizeof c->line - c->len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        c->len += (size_t)n;
    if (n <= 0 || !run_lines(c))
        close_client(c);
}

static int add_client(struct control *k, int in, int out)
{
    struct client *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    c->control = k;
    c->in = in;
    c->out = out;
    int err = loop_io_new(k->loop, in, on_client, c, &c->io);
    if (err) {
        free(c);
        return err;
    }
    list_add(&k->clients, &c->node);
    return 0;
}

/* ---------------------------------------------------------------- the socket */

static void on_connection(void *arg)
{
    struct control *k = arg;
    int fd = accept4(k->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 && add_client(k, fd, fd))
        (void)close(fd);
}

/* What an earlier run has left; nothing that is not a socket. */
static void remove_socket(const char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        (void)unlink(path);
}

static int listen_at(struct control *k)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    const size_t n = strlen(k->path);
    if (n >= sizeof sa.sun_path) {
        errno = ENAMETOOLONG;
        return ERR_IO;
    }
    memcpy(sa.sun_path, k->path, n);
    remove_socket(k->path);
    k->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (k->listen_fd < 0 || bind(k->listen_fd, (const struct sockaddr *)&sa, sizeof sa) ||
        listen(k->listen_fd, BACKLOG))
        return ERR_IO;
    return loop_io_new(k->loop, k->listen_fd, on_connection, k, &k->io);
}

static int start(struct control *k, const char *path)
{
    if (strcmp(path, "-") == 0)
        return add_client(k, STDIN_FILENO, STDOUT_FILENO);
    k->path = strdup(path);
    return k->path ? listen_at(k) : ERR_NOMEM;
}

int control_open(struct loop *l, const char *path, control_fn *fn, void *arg, struct control **out)
{
    struct control *k = calloc(1, sizeof *k);
    if (!k)
        return ERR_NOMEM;
    k->loop = l;
    k->fn = fn;
    k->arg = arg;
    k->listen_fd = -1;
    list_init(&k->clients);
    int err = start(k, path);
    if (err) {
        const int why = errno;
        control_close(k);
        errno = why;
        return err;
    }
    *out = k;
    return 0;
}

void control_close(struct control *c)
{
    if (!c)
        return;
    list_each_safe (it, &c->clients)
        close_client(container_of(it, struct client, node));
    loop_io_free(c->io);
    if (c->listen_fd >= 0) {
        (void)close(c->listen_fd);
        remove_socket(c->path);
    }
    free(c->path);
    free(c);
}
