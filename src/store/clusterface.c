#include "store/clusterface.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/sys.h"

enum { SAY_AGAIN_MS = 60000, SKEW_MS = 2000 };

int clusterface_init(struct clusterface *f, const char *node)
{
    *f = (struct clusterface){.node = node};
    (void)pthread_mutex_init(&f->lock, NULL);
    f->phase_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return f->phase_fd < 0 ? ERR_IO : 0;
}

void clusterface_fini(struct clusterface *f)
{
    if (f->phase_fd >= 0)
        (void)close(f->phase_fd);
    (void)pthread_mutex_destroy(&f->lock);
}

void clusterface_signal(int fd)
{
    uint64_t one = 1;
    if (write(fd, &one, sizeof one) < 0 && errno != EAGAIN)
        log_error("cluster: %s", strerror(errno));
}

void clusterface_drain(int fd)
{
    uint64_t n;
    if (read(fd, &n, sizeof n) < 0 && errno != EAGAIN)
        log_error("cluster: %s", strerror(errno));
}

enum cluster_phase clusterface_phase(const struct clusterface *f)
{
    return (enum cluster_phase)atomic_load(&f->phase);
}

void clusterface_set_phase(struct clusterface *f, enum cluster_phase phase)
{
    static const char *const words[] = {"stands by", "leads", "has lost its place"};
    log_info("cluster: node \"%s\" %s", f->node, words[phase]);
    atomic_store(&f->phase, phase);
    if (phase == CLUSTER_LOST)
        atomic_store(&f->deadline_ms, 0);
    clusterface_signal(f->phase_fd);
}

void clusterface_publish(struct clusterface *f, const struct cluster_status *now, uint64_t until_ms)
{
    uint64_t was_ms = atomic_exchange(&f->deadline_ms, until_ms), now_ms = sys_now_ms();
    bool has_regained = f->has_acted && was_ms <= now_ms && until_ms > now_ms;
    f->has_acted = f->has_acted || until_ms;
    (void)pthread_mutex_lock(&f->lock);
    int64_t ahead_ms = f->status.clock_ahead_ms;
    char error[sizeof f->status.error];
    memcpy(error, f->status.error, sizeof error);
    f->status = *now;
    f->status.clock_ahead_ms = ahead_ms;
    memcpy(f->status.error, error, sizeof error);
    (void)pthread_mutex_unlock(&f->lock);
    if (!has_regained)
        return;
    atomic_store(&f->has_regained, true);
    clusterface_signal(f->phase_fd);
}

static bool is_skewed(int64_t ahead_ms)
{
    return ahead_ms > SKEW_MS || ahead_ms < -SKEW_MS;
}

void clusterface_note_clock(struct clusterface *f, int64_t ahead_ms)
{
    (void)pthread_mutex_lock(&f->lock);
    bool is_news = is_skewed(ahead_ms) && !is_skewed(f->status.clock_ahead_ms);
    f->status.clock_ahead_ms = ahead_ms;
    (void)pthread_mutex_unlock(&f->lock);
    if (is_news)
        log_warn("cluster: this machine's clock and the database's differ by %lld ms; deadlines "
                 "are taken over with that error",
                 (long long)ahead_ms);
}

static void set_error(struct clusterface *f, const char *text)
{
    (void)pthread_mutex_lock(&f->lock);
    struct buf b = buf_over(f->status.error, sizeof f->status.error - 1);
    buf_addf(&b, "%.*s", (int)sizeof f->status.error - 2, text);
    f->status.error[b.len] = '\0';
    (void)pthread_mutex_unlock(&f->lock);
}

void clusterface_complain(struct clusterface *f, const char *what, const char *why)
{
    uint64_t now_ms = sys_now_ms();
    set_error(f, why);
    if (f->said_ms && now_ms - f->said_ms < SAY_AGAIN_MS)
        return;
    f->said_ms = now_ms;
    log_error("cluster: %s: %s", what, why);
}

void clusterface_note_success(struct clusterface *f)
{
    set_error(f, "");
    f->said_ms = 0;
}

void clusterface_read(struct clusterface *f, struct cluster_status *out)
{
    uint64_t now_ms = sys_now_ms(), until_ms = atomic_load(&f->deadline_ms);
    (void)pthread_mutex_lock(&f->lock);
    *out = f->status;
    (void)pthread_mutex_unlock(&f->lock);
    out->phase = clusterface_phase(f);
    out->acts_for_ms = until_ms > now_ms ? until_ms - now_ms : 0;
}
