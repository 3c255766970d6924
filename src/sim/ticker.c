#include "sim/ticker.h"

#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/err.h"

struct ticker {
    int fd;
    struct loop_io *io;
    loop_fn *fn;
    void *arg;
};

static void on_readable(void *arg)
{
    struct ticker *t = arg;
    uint64_t beats;
    if (read(t->fd, &beats, sizeof beats) == (ssize_t)sizeof beats)
        t->fn(t->arg);
}

static int open_fd(uint32_t period_us)
{
    const struct timespec period = {period_us / 1000000, period_us % 1000000 * 1000L};
    const struct itimerspec spec = {period, period};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd >= 0 && timerfd_settime(fd, 0, &spec, NULL)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

int ticker_new(struct loop *l, uint32_t period_us, loop_fn *fn, void *arg, struct ticker **out)
{
    struct ticker *t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    t->fn = fn;
    t->arg = arg;
    t->fd = open_fd(period_us);
    int err = t->fd < 0 ? ERR_IO : loop_io_new(l, t->fd, on_readable, t, &t->io);
    if (err) {
        ticker_free(t);
        return err;
    }
    *out = t;
    return 0;
}

void ticker_free(struct ticker *t)
{
    if (!t)
        return;
    loop_io_free(t->io);
    if (t->fd >= 0)
        (void)close(t->fd);
    free(t);
}
