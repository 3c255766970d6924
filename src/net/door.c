#include "net/door.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/stats.h"
#include "net/census.h"
#include "net/loop.h"
#include "net/sock.h"

enum {
    ACCEPTS_PER_TURN = 64,
    ACCEPT_PAUSE_MS = 100 /* when there are no descriptors left */
};

static void admit(struct door *d, int fd, const struct addr *peer)
{
    bool is_exempt = d->conf.is_exempt(peer, d->conf.arg);
    enum census_verdict verdict = is_exempt ? CENSUS_OK : census_enter(d->conf.census, peer);
    if (verdict != CENSUS_OK) {
        stats_inc(verdict == CENSUS_FULL ? STAT_REJECTED_ALL : STAT_REJECTED_SOURCE);
        sock_close(fd);
        return;
    }
    if (d->fn(fd, peer, !is_exempt, d->self) && !is_exempt)
        census_del(d->conf.census, peer);
}

static void on_pause_end(void *arg)
{
    struct door *d = arg;
    loop_io_watch(d->io, true, false);
}

/* Without a descriptor the connection stays in the kernel's queue, and the loop would spin. */
static void pause_accepting(struct door *d)
{
    stats_inc(STAT_ACCEPT_FAILED);
    loop_io_watch(d->io, false, false);
    loop_timer_start(d->loop, &d->pause, ACCEPT_PAUSE_MS);
}

/* False: there is no other one now. */
static bool accept_one(struct door *d)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    struct addr peer;
    int fd = accept4(d->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return false;
    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
        return true;
    if (fd < 0) {
        pause_accepting(d);
        return false;
    }
    if (addr_from_sockaddr((const struct sockaddr *)&sa, &peer))
        sock_close(fd);
    else
        admit(d, fd, &peer);
    return true;
}

static void on_acceptable(void *arg)
{
    struct door *d = arg;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++)
        if (!accept_one(d))
            return;
}

int door_open(struct door *d, struct loop *l, const struct door_conf *conf, door_fn *fn, void *self)
{
    *d = (struct door){.conf = *conf, .loop = l, .fn = fn, .self = self};
    wheel_timer_init(&d->pause, on_pause_end, d);
    d->fd = conf->passed_fd ? sock_listen_on(conf->passed_fd)
                            : sock_listen(&conf->addr, conf->is_shared, conf->is_first);
    if (d->fd < 0 || sock_addr(d->fd, &d->conf.addr))
        return ERR_IO;
    return loop_io_new(l, d->fd, on_acceptable, d, &d->io);
}

void door_close(struct door *d)
{
    loop_timer_stop(d->loop, &d->pause);
    loop_io_free(d->io);
    if (d->fd >= 0)
        sock_close(d->fd);
}
