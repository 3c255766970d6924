#include "net/resolver.h"

/* ares_query() is what all versions have. */
#define CARES_NO_DEPRECATED
#include <ares.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/stats.h"
#include "net/loop.h"

enum { SERVERS_TEXT = 4096 };

struct resolver {
    struct loop *loop;
    ares_channel channel; /* NULL: there was no memory for one */
    struct list sockets;
    struct list waiting, answered; /* questions */
    struct wheel_timer patience;   /* c-ares's own times */
    struct wheel_timer delivery;   /* answers wait for their turn */
    bool is_closing;
    bool is_silent;             /* the system's servers were, so it may have others by now */
    char servers[SERVERS_TEXT]; /* "": the system's */
    struct dns_answer answer;   /* that is being read */
};

struct socket {
    struct list node;
    struct resolver *resolver;
    ares_socket_t fd;
    struct loop_io *io;
};

struct question {
    struct list node;
    struct resolver *resolver;
    struct dns_question what;
    resolver_fn *fn;
    void *arg;
    struct str bytes; /* of the answer, its own; none: there is none */
    struct addr host; /* from the hosts file; family 0: not */
};

/* ---------------------------------------------------------------- answers */

static void free_question(struct question *q)
{
    list_del(&q->node);
    free((char *)(uintptr_t)q->bytes.p);
    free(q);
}

static void read_answer(struct resolver *r, const struct question *q)
{
    static const enum stats_id counts[DNS_RESULTS] = {
        [DNS_FOUND] = STAT_DNS_FOUND,
        [DNS_NO_DATA] = STAT_DNS_NO_DATA,
        [DNS_NO_NAME] = STAT_DNS_NO_NAME,
        [DNS_FAILED] = STAT_DNS_FAILED,
    };
    struct dns_answer *a = &r->answer;
    dns_parse(q->bytes, &q->what, a);
    if (q->host.family) {
        a->result = DNS_FOUND;
        a->ttl_s = RESOLVER_HOSTS_S;
        a->n = 1;
        a->list[0] = (struct dns_record){.addr = q->host};
    }
    stats_inc(counts[a->result]);
}

static void on_delivery(void *arg)
{
    struct resolver *r = arg;
    struct list batch;
    list_init(&batch);
    list_splice(&batch, &r->answered);
    while (!list_is_empty(&batch)) {
        struct question *q = container_of(batch.next, struct question, node);
        read_answer(r, q);
        resolver_fn *fn = q->fn;
        void *fn_arg = q->arg;
        free_question(q);
        fn(&r->answer, fn_arg);
    }
}

static void set_answered(struct question *q)
{
    struct resolver *r = q->resolver;
    list_del(&q->node);
    list_add(&r->answered, &q->node);
    loop_timer_start(r->loop, &r->delivery, 0);
}

/* c-ares may call from within ares_query(). What came is read even where it is no success: it may
 * say that there is nothing, and for how long. */
static void on_answer(void *arg, int status, int timeouts, unsigned char *bytes, int len)
{
    struct question *q = arg;
    struct resolver *r = q->resolver;
    (void)timeouts;
    if (r->is_closing) {
        free_question(q);
        return;
    }
    if (status == ARES_ETIMEOUT || status == ARES_ECONNREFUSED)
        r->is_silent = true;
    char *copy = bytes && len > 0 ? malloc((size_t)len) : NULL;
    if (copy) {
        memcpy(copy, bytes, (size_t)len);
        q->bytes = (struct str){copy, (size_t)len};
    }
    set_answered(q);
}

/* ---------------------------------------------------------------- sockets and times */

static void set_patience(struct resolver *r)
{
    struct timeval left;
    if (!r->channel || !ares_timeout(r->channel, NULL, &left)) {
        loop_timer_stop(r->loop, &r->patience);
        return;
    }
    loop_timer_start(r->loop, &r->patience,
                     (uint64_t)left.tv_sec * 1000 + (uint64_t)left.tv_usec / 1000 + 1);
}

static void on_patience(void *arg)
{
    struct resolver *r = arg;
    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_patience(r);
}

/* The socket may be gone when c-ares returns. */
static void on_socket(void *arg)
{
    const struct socket *s = arg;
    struct resolver *r = s->resolver;
    ares_process_fd(r->channel, s->fd, s->fd);
    set_patience(r);
}

static struct socket *find_socket(const struct resolver *r, ares_socket_t fd)
{
    list_each (it, &r->sockets) {
        struct socket *s = container_of(it, struct socket, node);
        if (s->fd == fd)
            return s;
    }
    return NULL;
}

/* Without memory nothing is heard on it, and the question ends with its time. */
static struct socket *add_socket(struct resolver *r, ares_socket_t fd)
{
    struct socket *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->resolver = r;
    s->fd = fd;
    if (loop_io_new(r->loop, fd, on_socket, s, &s->io)) {
        free(s);
        return NULL;
    }
    list_add(&r->sockets, &s->node);
    return s;
}

static void on_socket_state(void *arg, ares_socket_t fd, int is_reading, int is_writing)
{
    struct resolver *r = arg;
    struct socket *s = find_socket(r, fd);
    if (!s && (is_reading || is_writing))
        s = add_socket(r, fd);
    if (s && (is_reading || is_writing)) {
        loop_io_watch(s->io, is_reading, is_writing);
    } else if (s) {
        loop_io_free(s->io);
        list_del(&s->node);
        free(s);
    }
}

/* ---------------------------------------------------------------- life */

static void close_channel(struct resolver *r)
{
    if (r->channel)
        ares_destroy(r->channel);
    r->channel = NULL;
}

static int open_channel(struct resolver *r)
{
    struct ares_options options = {.timeout = RESOLVER_PATIENCE_MS,
                                   .tries = RESOLVER_TRIES,
                                   .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
                                   .sock_state_cb = on_socket_state,
                                   .sock_state_cb_data = r};
    r->is_silent = false;
    if (ares_init_options(&r->channel, &options,
                          ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_FLAGS |
                              ARES_OPT_SOCK_STATE_CB)) {
        r->channel = NULL;
        return ERR_NOMEM;
    }
    if (!r->servers[0] || !ares_set_servers_ports_csv(r->channel, r->servers))
        return 0;
    close_channel(r);
    return ERR_NOMEM;
}

int resolver_new(struct loop *l, const struct addr *servers, size_t n, struct resolver **out)
{
    struct resolver *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    r->loop = l;
    list_init(&r->sockets);
    list_init(&r->waiting);
    list_init(&r->answered);
    wheel_timer_init(&r->patience, on_patience, r);
    wheel_timer_init(&r->delivery, on_delivery, r);
    struct buf text = buf_over(r->servers, sizeof r->servers - 1);
    for (size_t i = 0; i < n; i++) {
        buf_add(&text, i ? STR(",") : STR(""));
        addr_print(&servers[i], &text);
    }
    BUG_ON(text.has_overflown);
    if (ares_library_init(ARES_LIB_INIT_ALL) || open_channel(r)) {
        free(r);
        return ERR_NOMEM;
    }
    *out = r;
    return 0;
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    r->is_closing = true;
    close_channel(r);
    for (struct list *l = list_pop(&r->answered); l; l = list_pop(&r->answered))
        free_question(container_of(l, struct question, node));
    loop_timer_stop(r->loop, &r->patience);
    loop_timer_stop(r->loop, &r->delivery);
    ares_library_cleanup();
    free(r);
}

/* ---------------------------------------------------------------- questions */

static bool is_in_hosts_file(const struct resolver *r, struct question *q)
{
    struct hostent *found = NULL;
    int family = q->what.type == DNS_A ? AF_INET : AF_INET6;
    if (q->what.type != DNS_A && q->what.type != DNS_AAAA)
        return false;
    if (ares_gethostbyname_file(r->channel, q->what.name, family, &found))
        return false;
    if (found->h_addr_list[0] && found->h_length <= (int)sizeof q->host.ip) {
        q->host.family = family == AF_INET ? 4 : 6;
        memcpy(q->host.ip, found->h_addr_list[0], (size_t)found->h_length);
    }
    ares_free_hostent(found);
    return q->host.family;
}

static int refresh_channel(struct resolver *r)
{
    if (r->channel && (!r->is_silent || r->servers[0] || !list_is_empty(&r->waiting)))
        return 0;
    close_channel(r);
    return open_channel(r);
}

int resolver_ask(struct resolver *r, const struct dns_question *what, resolver_fn *fn, void *arg)
{
    struct question *q = refresh_channel(r) ? NULL : calloc(1, sizeof *q);
    if (!q)
        return ERR_NOMEM;
    q->resolver = r;
    q->what = *what;
    q->fn = fn;
    q->arg = arg;
    list_add(&r->waiting, &q->node);
    if (is_in_hosts_file(r, q))
        set_answered(q);
    else
        ares_query(r->channel, q->what.name, C_IN, (int)q->what.type, on_answer, q);
    set_patience(r);
    return 0;
}
