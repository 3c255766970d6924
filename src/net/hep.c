#include "net/hep.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "sip/blank.h"

/* The numbers of https://github.com/sipcapture/HEP, HEP3. Lengths are those of the whole chunk. */
enum {
    CHUNK_FAMILY = 1,
    CHUNK_PROTOCOL = 2,
    CHUNK_SRC4 = 3,
    CHUNK_DST4 = 4,
    CHUNK_SRC6 = 5,
    CHUNK_DST6 = 6,
    CHUNK_SRC_PORT = 7,
    CHUNK_DST_PORT = 8,
    CHUNK_SECONDS = 9,
    CHUNK_MICROS = 10,
    CHUNK_TYPE = 11,
    CHUNK_CAPTURE_ID = 12,
    CHUNK_TOKEN = 14,
    CHUNK_PAYLOAD = 15
};

enum { HEAD_LEN = 6, TYPE_SIP = 1, FAMILY_4 = 2, FAMILY_6 = 10, DATAGRAM_MAX = 65507 };
enum { IDLE_MS = 20, OFF_MS = -1, TOKEN_MAX = 1024 };

struct hep {
    struct tap *tap;
    pthread_t thread;
    int wake;
    atomic_bool is_stopping;
    pthread_mutex_t lock; /* guards what follows */
    struct hep_conf conf;
    char token[TOKEN_MAX];
    struct tap_watch *watch; /* NULL: nowhere to send to */
    int fd;
};

/* ---------------------------------------------------------------- the bytes */

static void add_number(struct buf *out, uint32_t v, unsigned n_bytes)
{
    for (unsigned i = n_bytes; i-- > 0;)
        buf_add_char(out, (char)(v >> 8 * i));
}

/* The vendor of the generic chunks is 0. */
static void add_head(struct buf *out, unsigned type, size_t n)
{
    add_number(out, 0, 2);
    add_number(out, type, 2);
    add_number(out, (uint32_t)n + HEAD_LEN, 2);
}

static void add_chunk(struct buf *out, unsigned type, uint32_t v, unsigned n_bytes)
{
    add_head(out, type, n_bytes);
    add_number(out, v, n_bytes);
}

static void add_bytes(struct buf *out, unsigned type, struct str s)
{
    add_head(out, type, s.n);
    buf_add(out, s);
}

static void add_ends(struct buf *out, const struct addr *from, const struct addr *to)
{
    bool is_6 = from->family == 6;
    size_t n = is_6 ? 16 : 4;
    add_bytes(out, is_6 ? CHUNK_SRC6 : CHUNK_SRC4, (struct str){(const char *)from->ip, n});
    add_bytes(out, is_6 ? CHUNK_DST6 : CHUNK_DST4, (struct str){(const char *)to->ip, n});
    add_chunk(out, CHUNK_SRC_PORT, from->port, 2);
    add_chunk(out, CHUNK_DST_PORT, to->port, 2);
}

void hep_print(const struct hep_conf *conf, const struct tap_item *i, struct buf *out)
{
    const struct addr *from = i->is_in ? &i->peer : &i->local;
    const struct addr *to = i->is_in ? &i->local : &i->peer;
    size_t begin = out->len;
    buf_add(out, STR("HEP3\0\0"));
    add_chunk(out, CHUNK_FAMILY, i->peer.family == 6 ? FAMILY_6 : FAMILY_4, 1);
    add_chunk(out, CHUNK_PROTOCOL, i->transport == FLOW_UDP ? IPPROTO_UDP : IPPROTO_TCP, 1);
    add_ends(out, from, to);
    add_chunk(out, CHUNK_SECONDS, (uint32_t)(i->wall_ms / 1000), 4);
    add_chunk(out, CHUNK_MICROS, (uint32_t)(i->wall_ms % 1000) * 1000, 4);
    add_chunk(out, CHUNK_TYPE, TYPE_SIP, 1);
    add_chunk(out, CHUNK_CAPTURE_ID, conf->capture_id, 4);
    if (!str_is_none(conf->token))
        add_bytes(out, CHUNK_TOKEN, conf->token);
    add_bytes(out, CHUNK_PAYLOAD, i->bytes);
    size_t n = out->len - begin;
    if (out->has_overflown || n > UINT16_MAX)
        out->has_overflown = true;
    else
        memcpy(out->p + begin + 4, (const char[]){(char)(n >> 8), (char)n}, 2);
}

/* ---------------------------------------------------------------- the thread */

static void send_item(const struct hep *h, struct tap_item *i, struct buf *out)
{
    out->len = 0;
    out->has_overflown = false;
    out->cap = DATAGRAM_MAX;
    if (!h->conf.shows_secrets)
        blank_secrets((char *)(uintptr_t)i->bytes.p, i->bytes.n);
    hep_print(&h->conf, i, out);
    bool is_sent = !out->has_overflown && send(h->fd, out->p, out->len, MSG_DONTWAIT) >= 0;
    stats_inc(is_sent ? STAT_HEP_SENT : STAT_HEP_DROPPED);
}

/* False: there was nothing. */
static bool send_some(struct hep *h, struct buf *out)
{
    (void)pthread_mutex_lock(&h->lock);
    struct tap_item *i = h->watch ? tap_take(h->watch) : NULL;
    if (i)
        send_item(h, i, out);
    else if (h->watch)
        stats_add(STAT_HEP_DROPPED, (int64_t)tap_missed(h->watch));
    (void)pthread_mutex_unlock(&h->lock);
    bool was_there = i;
    free(i);
    return was_there;
}

static bool is_on(struct hep *h)
{
    (void)pthread_mutex_lock(&h->lock);
    bool is_watching = h->watch;
    (void)pthread_mutex_unlock(&h->lock);
    return is_watching;
}

static void await(const struct hep *h, int ms)
{
    struct pollfd fd = {.fd = h->wake, .events = POLLIN};
    uint64_t n;
    if (poll(&fd, 1, ms) > 0 && read(h->wake, &n, sizeof n) < 0)
        return; /* nothing was there after all */
}

static void *run(void *arg)
{
    static char datagram[DATAGRAM_MAX];
    struct hep *h = arg;
    struct buf out = buf_over(datagram, sizeof datagram);
    log_thread_name("hep");
    (void)stats_thread_start();
    while (!atomic_load(&h->is_stopping)) {
        bool goes_on = true;
        while (goes_on)
            goes_on = !atomic_load(&h->is_stopping) && send_some(h, &out);
        await(h, is_on(h) ? IDLE_MS : OFF_MS);
    }
    return NULL;
}

static void wake(struct hep *h)
{
    uint64_t one = 1;
    ssize_t n = write(h->wake, &one, sizeof one);
    (void)n; /* a counter that is full is readable, too */
}

/* ---------------------------------------------------------------- where to */

static void end_sending(struct hep *h)
{
    tap_unwatch(h->watch);
    h->watch = NULL;
    if (h->fd >= 0)
        (void)close(h->fd);
    h->fd = -1;
    explicit_bzero(h->token, sizeof h->token);
}

static int begin_sending(struct hep *h, const struct hep_conf *conf)
{
    struct sockaddr_storage to;
    const struct tap_filter all = {.is_own = true};
    socklen_t n = addr_to_sockaddr(&conf->server, &to);
    h->conf = *conf;
    if (conf->token.n > sizeof h->token)
        return ERR_FULL;
    memcpy(h->token, conf->token.n ? conf->token.p : "", conf->token.n);
    h->conf.token.p = conf->token.p ? h->token : NULL;
    h->fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (h->fd < 0 || connect(h->fd, (const struct sockaddr *)&to, n))
        return ERR_IO;
    return tap_watch(h->tap, &all, &h->watch);
}

/* What waits, and the socket with its port, stay over a reload that changes nothing of this. */
static bool is_as_before(const struct hep *h, const struct hep_conf *conf)
{
    if (!h->watch || !conf->server.family)
        return !h->watch && !conf->server.family;
    return addr_is_equal(&h->conf.server, &conf->server) &&
           h->conf.capture_id == conf->capture_id && h->conf.shows_secrets == conf->shows_secrets &&
           str_eq(h->conf.token, conf->token);
}

int hep_set(struct hep *h, const struct hep_conf *conf)
{
    int err = 0;
    (void)pthread_mutex_lock(&h->lock);
    if (!is_as_before(h, conf)) {
        end_sending(h);
        err = conf->server.family ? begin_sending(h, conf) : 0;
        if (err)
            end_sending(h);
    }
    (void)pthread_mutex_unlock(&h->lock);
    wake(h);
    return err;
}

static void release(struct hep *h)
{
    end_sending(h);
    if (h->wake >= 0)
        (void)close(h->wake);
    (void)pthread_mutex_destroy(&h->lock);
    free(h);
}

int hep_new(struct tap *t, struct hep **out)
{
    struct hep *h = calloc(1, sizeof *h);
    if (!h)
        return ERR_NOMEM;
    h->tap = t;
    h->fd = -1;
    (void)pthread_mutex_init(&h->lock, NULL);
    h->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (h->wake < 0 || pthread_create(&h->thread, NULL, run, h)) {
        release(h);
        return ERR_NOMEM;
    }
    *out = h;
    return 0;
}

void hep_free(struct hep *h)
{
    if (!h)
        return;
    atomic_store(&h->is_stopping, true);
    wake(h);
    (void)pthread_join(h->thread, NULL);
    release(h);
}
