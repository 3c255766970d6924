#include "net/feed.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "net/webpost.h"

enum {
    RETRY_FIRST_MS = 1000,
    RETRY_LAST_MS = 32000,
    FAREWELL_MS = 1000,
    SEND_TIMEOUT_MS = 200,
    TIMEOUTS = 50
};

struct line {
    struct list node;
    size_t n;
    char bytes[];
};

struct feed {
    enum feed_kind kind;
    pthread_t thread;
    int wake;                                /* an eventfd: there is something to do */
    atomic_bool is_on, is_stopping, is_over; /* over: no time is left */
    uint64_t farewell_ms;                    /* who stops it: when that time ends; 0: not yet */
    pthread_mutex_t lock;                    /* guards what follows; never held for long */
    struct list queue;
    size_t n_lines, n_bytes;
    char *target, *token; /* NULL: none */
    unsigned epoch;       /* of the target */
    /* the thread's own */
    struct webpost *web;
    int fd; /* of the connection; -1: none */
    bool is_failing;
    char batch[FEED_BATCH_MAX];
};

/* What one turn of the thread sends. */
struct shipment {
    char *target, *token;
    unsigned epoch;
    size_t n, n_lines; /* bytes of the batch, and lines */
};

enum outcome { SENT, REFUSED, FAILED };

static const struct {
    const char *name;
    enum stats_id sent, dropped, refused, queued;
} kinds[] = {
    [FEED_SOCKET] = {"socket", STAT_EVENT_SOCKET_SENT, STAT_EVENT_SOCKET_FULL,
                     STAT_EVENT_SOCKET_REFUSED, STAT_EVENT_SOCKET_QUEUED},
    [FEED_WEBHOOK] = {"webhook", STAT_EVENT_WEB_SENT, STAT_EVENT_WEB_FULL, STAT_EVENT_WEB_REFUSED,
                      STAT_EVENT_WEB_QUEUED},
};

/* ---------------------------------------------------------------- the queue, under the lock */

static void pop(struct feed *f, size_t n, enum stats_id outcome)
{
    for (; n && !list_is_empty(&f->queue); n--) {
        struct line *l = container_of(list_pop(&f->queue), struct line, node);
        f->n_lines--;
        f->n_bytes -= l->n;
        stats_dec(kinds[f->kind].queued);
        stats_inc(outcome);
        free(l);
    }
}

static bool has_room(const struct feed *f, size_t n)
{
    return f->n_lines < FEED_LINES_MAX && f->n_bytes + n <= FEED_BYTES_MAX;
}

static void wake(struct feed *f)
{
    uint64_t one = 1;
    ssize_t n = write(f->wake, &one, sizeof one);
    (void)n; /* a counter that is full is readable, too */
}

bool feed_is_on(const struct feed *f)
{
    return atomic_load_explicit(&f->is_on, memory_order_relaxed);
}

void feed_put(struct feed *f, struct str text)
{
    if (!feed_is_on(f))
        return;
    struct line *l = text.n <= FEED_BATCH_MAX ? malloc(sizeof *l + text.n) : NULL;
    if (l) {
        l->n = text.n;
        memcpy(l->bytes, text.p, text.n);
    }
    (void)pthread_mutex_lock(&f->lock);
    bool is_first = list_is_empty(&f->queue), is_taken = l && has_room(f, text.n);
    if (is_taken) {
        list_add(&f->queue, &l->node);
        f->n_lines++;
        f->n_bytes += text.n;
        stats_inc(kinds[f->kind].queued);
    }
    (void)pthread_mutex_unlock(&f->lock);
    if (!is_taken) {
        stats_inc(kinds[f->kind].dropped);
        free(l);
    } else if (is_first) {
        wake(f);
    }
}

/* ---------------------------------------------------------------- sending */

static void hang_up(struct feed *f)
{
    if (f->fd >= 0)
        (void)close(f->fd);
    f->fd = -1;
}

static bool connect_socket(struct feed *f, const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_usec = SEND_TIMEOUT_MS * 1000L};
    if (f->fd >= 0)
        return true;
    if (strlen(path) >= sizeof to.sun_path)
        return false;
    memcpy(to.sun_path, path, strlen(path));
    f->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (f->fd >= 0 && !setsockopt(f->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) &&
        !connect(f->fd, (const struct sockaddr *)&to, sizeof to))
        return true;
    hang_up(f);
    return false;
}

/* Who has hung up meanwhile is noticed before anything is written that nobody would read. */
static bool is_hung_up(const struct feed *f)
{
    struct pollfd fd = {.fd = f->fd, .events = 0};
    return poll(&fd, 1, 0) > 0;
}

static enum outcome send_socket(struct feed *f, const struct shipment *s, const char **why)
{
    struct str left = {f->batch, s->n};
    *why = "nobody takes it";
    if (f->fd >= 0 && is_hung_up(f))
        hang_up(f);
    if (!connect_socket(f, s->target))
        return FAILED;
    for (unsigned n_late = 0; left.n && n_late < TIMEOUTS && !atomic_load(&f->is_over);) {
        ssize_t n = send(f->fd, left.p, left.n, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            break;
        n_late = n > 0 ? 0 : n_late + 1;
        left = str_skip(left, n > 0 ? (size_t)n : 0);
    }
    if (!left.n)
        return SENT;
    hang_up(f); /* a line may be half there: from its start again, by another connection */
    return FAILED;
}

static enum outcome send_web(struct feed *f, const struct shipment *s, const char **why)
{
    long status = webpost_send(f->web, s->target, s->token, (struct str){f->batch, s->n}, why);
    if (status)
        *why = "a status that is not 2xx";
    if (status >= 200 && status < 300)
        return SENT;
    return status == 0 || status == 408 || status == 429 || status >= 500 ? FAILED : REFUSED;
}

static void note(struct feed *f, enum outcome o, const char *why)
{
    bool is_failing = o != SENT;
    if (is_failing && !f->is_failing)
        log_warn("events: the %s does not take them: %s", kinds[f->kind].name, why);
    else if (!is_failing && f->is_failing)
        log_info("events: the %s takes them again", kinds[f->kind].name);
    f->is_failing = is_failing;
}

/* False: there is nothing to send, or nowhere to. */
static bool load(struct feed *f, struct shipment *s)
{
    (void)pthread_mutex_lock(&f->lock);
    *s = (struct shipment){.epoch = f->epoch};
    if (f->target && !list_is_empty(&f->queue)) {
        s->target = strdup(f->target);
        s->token = s->target && f->token ? strdup(f->token) : NULL;
    }
    if (s->target)
        list_each (it, &f->queue) {
            const struct line *l = container_of(it, struct line, node);
            if (s->n + l->n > sizeof f->batch)
                break;
            memcpy(f->batch + s->n, l->bytes, l->n);
            s->n += l->n;
            s->n_lines++;
        }
    (void)pthread_mutex_unlock(&f->lock);
    return s->target;
}

static void settle(struct feed *f, const struct shipment *s, enum outcome o)
{
    enum stats_id counter = o == SENT ? kinds[f->kind].sent : kinds[f->kind].refused;
    (void)pthread_mutex_lock(&f->lock);
    if (o != FAILED && s->epoch == f->epoch)
        pop(f, s->n_lines, counter);
    (void)pthread_mutex_unlock(&f->lock);
}

static void unload(struct shipment *s)
{
    if (s->token)
        explicit_bzero(s->token, strlen(s->token));
    free(s->token);
    free(s->target);
}

/* False: it failed. */
static bool ship(struct feed *f, struct shipment *s)
{
    const char *why = "";
    enum outcome o = f->kind == FEED_SOCKET ? send_socket(f, s, &why) : send_web(f, s, &why);
    note(f, o, why);
    settle(f, s, o);
    unload(s);
    return o != FAILED;
}

static void await(struct feed *f, int ms)
{
    struct pollfd fd = {.fd = f->wake, .events = POLLIN};
    uint64_t n;
    if (poll(&fd, 1, ms) > 0 && read(f->wake, &n, sizeof n) < 0)
        return; /* nothing was there after all */
}

/* New lines end no pause; a new target and a stop do. */
static void pause_for(struct feed *f, uint64_t ms, unsigned epoch)
{
    uint64_t until_ms = sys_now_ms() + ms, now_ms = sys_now_ms();
    bool is_aim_kept = true;
    while (is_aim_kept && now_ms < until_ms && !atomic_load(&f->is_stopping)) {
        await(f, (int)(until_ms - now_ms));
        (void)pthread_mutex_lock(&f->lock);
        is_aim_kept = f->epoch == epoch;
        (void)pthread_mutex_unlock(&f->lock);
        now_ms = sys_now_ms();
    }
}

static void *run(void *arg)
{
    struct feed *f = arg;
    struct shipment s;
    uint64_t retry_ms = RETRY_FIRST_MS;
    log_thread_name("events");
    (void)stats_thread_start();
    for (;;) {
        if (!load(f, &s)) {
            if (atomic_load(&f->is_stopping))
                return NULL;
            await(f, -1);
        } else if (ship(f, &s)) {
            retry_ms = RETRY_FIRST_MS;
        } else if (atomic_load(&f->is_stopping)) {
            return NULL;
        } else {
            pause_for(f, retry_ms, s.epoch);
            retry_ms = 2 * retry_ms < RETRY_LAST_MS ? 2 * retry_ms : RETRY_LAST_MS;
        }
    }
}

/* ---------------------------------------------------------------- life */

static void release(struct feed *f)
{
    (void)pthread_mutex_lock(&f->lock);
    pop(f, FEED_LINES_MAX, kinds[f->kind].dropped);
    (void)pthread_mutex_unlock(&f->lock);
    hang_up(f);
    webpost_free(f->web);
    if (f->wake >= 0)
        (void)close(f->wake);
    if (f->token)
        explicit_bzero(f->token, strlen(f->token));
    free(f->token);
    free(f->target);
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
}

int feed_new(enum feed_kind kind, struct feed **out)
{
    struct feed *f = calloc(1, sizeof *f);
    if (!f)
        return ERR_NOMEM;
    f->kind = kind;
    f->fd = -1;
    list_init(&f->queue);
    (void)pthread_mutex_init(&f->lock, NULL);
    f->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (f->wake < 0 || (kind == FEED_WEBHOOK && webpost_new(&f->is_over, &f->web)) ||
        pthread_create(&f->thread, NULL, run, f)) {
        release(f);
        return ERR_NOMEM;
    }
    *out = f;
    return 0;
}

void feed_stop(struct feed *f)
{
    if (!f || f->farewell_ms)
        return;
    f->farewell_ms = sys_now_ms() + FAREWELL_MS;
    atomic_store(&f->is_stopping, true);
    wake(f);
}

void feed_free(struct feed *f)
{
    if (!f)
        return;
    feed_stop(f);
    bool is_joined = pthread_tryjoin_np(f->thread, NULL) == 0;
    while (!is_joined && sys_now_ms() < f->farewell_ms) {
        (void)poll(NULL, 0, 5);
        is_joined = pthread_tryjoin_np(f->thread, NULL) == 0;
    }
    atomic_store(&f->is_over, true);
    webpost_wake(f->web);
    if (!is_joined)
        (void)pthread_join(f->thread, NULL);
    release(f);
}

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

int feed_set_target(struct feed *f, const char *target, struct str token)
{
    char *t = target[0] ? strdup(target) : NULL;
    char *secret = str_is_none(token) ? NULL : strndup(token.p, token.n);
    if ((target[0] && !t) || (!str_is_none(token) && !secret)) {
        free(t);
        free(secret);
        return ERR_NOMEM;
    }
    (void)pthread_mutex_lock(&f->lock);
    bool is_other = !is_same(t, f->target);
    if (is_other || !is_same(secret, f->token))
        f->epoch++; /* what is under way begins anew */
    char *old[2] = {f->target, f->token};
    f->target = t;
    f->token = secret;
    if (is_other)
        pop(f, FEED_LINES_MAX, kinds[f->kind].dropped);
    atomic_store(&f->is_on, t != NULL);
    (void)pthread_mutex_unlock(&f->lock);
    wake(f);
    if (old[1])
        explicit_bzero(old[1], strlen(old[1]));
    free(old[0]);
    free(old[1]);
    return 0;
}
