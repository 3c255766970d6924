#include "sim/signals.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/err.h"
#include "net/loop.h"

struct signals {
    int fd;
    struct loop_io *io;
    signals_fn *fn;
    void *arg;
};

static void on_readable(void *arg)
{
    struct signals *s = arg;
    struct signalfd_siginfo info;
    if (read(s->fd, &info, sizeof info) == (ssize_t)sizeof info)
        s->fn((int)info.ssi_signo, s->arg);
}

static int open_fd(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGUSR1);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL))
        return -1;
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int signals_new(struct loop *l, signals_fn *fn, void *arg, struct signals **out)
{
    struct signals *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    s->fn = fn;
    s->arg = arg;
    s->fd = open_fd();
    int err = s->fd < 0 ? ERR_IO : loop_io_new(l, s->fd, on_readable, s, &s->io);
    if (err) {
        signals_free(s);
        return err;
    }
    *out = s;
    return 0;
}

void signals_free(struct signals *s)
{
    if (!s)
        return;
    loop_io_free(s->io);
    if (s->fd >= 0)
        (void)close(s->fd);
    free(s);
}
