#include "net/udp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "net/loop.h"

enum {
    BATCH = 64,           /* datagrams a system call */
    STAGGER = 11 * 64,    /* bytes between buffers, so that they do not all fall to the same sets of
                             the processor's caches */
    BATCHES_PER_TURN = 4, /* then the other sockets have their turn */
    SEND_BYTES = 4 * UINT16_MAX,           /* what waits for the end of the turn */
    DATAGRAM_MAX_V4 = UINT16_MAX - 20 - 8, /* what the lengths in the headers leave room for */
    DATAGRAM_MAX_V6 = UINT16_MAX - 8
};

/* Room for the address that a datagram came to or shall leave from. */
struct control {
    _Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct batch {
    struct mmsghdr msgs[BATCH];
    struct iovec parts[BATCH];
    struct sockaddr_storage peers[BATCH];
    struct control controls[BATCH];
};

struct udp {
    struct loop *loop;
    struct flow_table *table;
    struct loop_io *io;
    struct loop_hook *hook;
    packet_fn *fn;
    void *arg;
    struct flow_ref flow; /* peer and local not set */
    struct addr addr;
    int fd;
    bool is_wildcard;
    size_t max_len;
    char *in_bytes; /* BATCH buffers of max_len + 1, staggered: one byte more betrays what is too
                       long */
    char *out_bytes;
    size_t out_len;
    unsigned n_out;
    struct batch in, out;
};

/* ---------------------------------------------------------------- receiving */

static void prepare_batch(struct udp *u)
{
    for (unsigned i = 0; i < BATCH; i++) {
        struct msghdr *m = &u->in.msgs[i].msg_hdr;
        m->msg_namelen = sizeof u->in.peers[i];
        m->msg_control = u->is_wildcard ? u->in.controls[i].bytes : NULL;
        m->msg_controllen = u->is_wildcard ? sizeof u->in.controls[i] : 0;
        m->msg_flags = 0;
    }
}

static void take_v4_pktinfo(struct cmsghdr *c, struct addr *local)
{
    struct in_pktinfo info;
    memcpy(&info, CMSG_DATA(c), sizeof info);
    /* Not ipi_addr: for a broadcast that is no address to answer from. */
    memcpy(local->ip, &info.ipi_spec_dst, 4);
    local->family = 4;
}

static void take_v6_pktinfo(struct cmsghdr *c, struct addr *local)
{
    struct in6_pktinfo info;
    memcpy(&info, CMSG_DATA(c), sizeof info);
    if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr))
        return;
    memcpy(local->ip, &info.ipi6_addr, 16);
    if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
        local->scope_id = info.ipi6_ifindex;
    local->family = 6;
}

/* The address that the datagram came to; family 0 when the kernel does not say. */
static struct addr local_of(const struct udp *u, struct msghdr *m)
{
    struct addr local = {0};
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
            take_v4_pktinfo(c, &local);
        else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
            take_v6_pktinfo(c, &local);
    }
    if (local.family)
        local.port = u->addr.port;
    return local;
}

static void on_datagram(struct udp *u, struct mmsghdr *m)
{
    if (m->msg_len > u->max_len || m->msg_hdr.msg_flags & MSG_TRUNC) {
        stats_inc(STAT_UDP_OVERSIZE);
        return;
    }
    struct packet p = {
        .bytes = {m->msg_hdr.msg_iov->iov_base, m->msg_len},
        .flow = u->flow,
        .received_ms = loop_now_ms(u->loop),
    };
    if (addr_from_sockaddr(m->msg_hdr.msg_name, &p.flow.peer))
        return;
    if (u->is_wildcard)
        p.flow.local = local_of(u, &m->msg_hdr);
    stats_inc(STAT_UDP_IN);
    stats_add(STAT_UDP_BYTES_IN, m->msg_len);
    u->fn(&p, u->arg);
}

/* True: there may be more. */
static bool receive_batch(struct udp *u)
{
    prepare_batch(u);
    int n = recvmmsg(u->fd, u->in.msgs, BATCH, MSG_DONTWAIT, NULL);
    if (n < 0) /* an ICMP error is told once and ends nothing: the socket goes on */
        return errno != EAGAIN && errno != EWOULDBLOCK;
    for (int i = 0; i < n; i++)
        on_datagram(u, &u->in.msgs[i]);
    return n == BATCH;
}

static void on_readable(void *arg)
{
    struct udp *u = arg;
    for (int i = 0; i < BATCHES_PER_TURN; i++)
        if (!receive_batch(u))
            return;
}

/* ---------------------------------------------------------------- sending */

static void count_sent(const struct udp *u, unsigned from, unsigned n)
{
    size_t bytes = 0;
    for (unsigned i = from; i < from + n; i++)
        bytes += u->out.parts[i].iov_len;
    stats_add(STAT_UDP_OUT, n);
    stats_add(STAT_UDP_BYTES_OUT, (int64_t)bytes);
}

/* How many of the waiting ones are to be given up after an error: datagrams may be lost, so a full
 * socket loses them all rather than make the worker wait; another error is one peer's. */
static unsigned count_lost(const struct udp *u, unsigned from)
{
    bool is_full = errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS;
    unsigned n = is_full ? u->n_out - from : 1;
    stats_add(STAT_SEND_FAILED, n);
    log_debug("udp: cannot send %u datagrams: %s", n, strerror(errno));
    return n;
}

static void flush(void *arg)
{
    struct udp *u = arg;
    unsigned done = 0;
    while (done < u->n_out) {
        int n = sendmmsg(u->fd, u->out.msgs + done, u->n_out - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n >= 0) {
            count_sent(u, done, (unsigned)n);
            done += (unsigned)n;
        } else if (errno != EINTR) {
            done += count_lost(u, done);
        }
    }
    u->n_out = 0;
    u->out_len = 0;
}

static void put_control(struct msghdr *m, int level, int type, const void *info, size_t len)
{
    struct cmsghdr *c = m->msg_control;
    m->msg_controllen = CMSG_SPACE(len);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(c), info, len);
}

/* The reply leaves from the address that the request came to. */
static void put_local(struct msghdr *m, const struct addr *local)
{
    if (local->family == 4) {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, local->ip, 4);
        put_control(m, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    } else {
        struct in6_pktinfo info = {.ipi6_ifindex = local->scope_id};
        memcpy(&info.ipi6_addr, local->ip, 16);
        put_control(m, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    }
}

static void enqueue(struct udp *u, const struct flow_ref *to, struct str bytes)
{
    unsigned i = u->n_out++;
    struct msghdr *m = &u->out.msgs[i].msg_hdr;
    u->out.parts[i] = (struct iovec){u->out_bytes + u->out_len, bytes.n};
    if (bytes.n)
        memcpy(u->out_bytes + u->out_len, bytes.p, bytes.n);
    u->out_len += bytes.n;
    m->msg_namelen = addr_to_sockaddr(&to->peer, &u->out.peers[i]);
    m->msg_control = NULL;
    m->msg_controllen = 0;
    if (u->is_wildcard && to->local.family == u->addr.family) {
        m->msg_control = u->out.controls[i].bytes;
        put_local(m, &to->local);
    }
}

static int send_datagram(void *self, const struct flow_ref *to, struct str bytes)
{
    struct udp *u = self;
    size_t max = u->addr.family == 6 ? DATAGRAM_MAX_V6 : DATAGRAM_MAX_V4;
    if (to->peer.family != u->addr.family || bytes.n > max) {
        stats_inc(STAT_SEND_FAILED);
        errno = bytes.n > max ? EMSGSIZE : EAFNOSUPPORT;
        return ERR_IO;
    }
    if (u->n_out == BATCH || bytes.n > SEND_BYTES - u->out_len)
        flush(u);
    enqueue(u, to, bytes);
    return 0;
}

/* ---------------------------------------------------------------- opening and closing */

static int set_on(int fd, int level, int option)
{
    int on = 1;
    return setsockopt(fd, level, option, &on, sizeof on) ? ERR_IO : 0;
}

/* False: the system gave less. Linux tells twice of what it was asked for, for its own needs. */
static bool set_buffer(int fd, int option, size_t size)
{
    int want = size > INT32_MAX / 2 ? INT32_MAX / 2 : (int)size;
    int have = 0;
    socklen_t len = sizeof have;
    (void)setsockopt(fd, SOL_SOCKET, option, &want, sizeof want);
    return getsockopt(fd, SOL_SOCKET, option, &have, &len) == 0 && have / 2 >= want;
}

static void warn_of_buffers(const struct udp_conf *conf)
{
    char text[ADDR_TEXT];
    const char *where = addr_text(&conf->addr, text);
    log_warn("udp %s: the system gives smaller socket buffers than %zu bytes; see "
             "net.core.rmem_max and net.core.wmem_max",
             where, conf->buffer_size);
}

/* One warning a listener: the other workers' sockets get the same. */
static void set_buffers(int fd, const struct udp_conf *conf)
{
    if (conf->buffer_size == 0)
        return;
    bool is_enough = set_buffer(fd, SO_RCVBUF, conf->buffer_size);
    is_enough = set_buffer(fd, SO_SNDBUF, conf->buffer_size) && is_enough;
    if (!is_enough && (conf->is_first || !conf->is_shared))
        warn_of_buffers(conf);
}

/* IPv4 datagrams that are too large for some link on their way may be cut there, and what ICMP says
 * of such links, which anybody can forge, is not listened to (D83). In IPv6 only the sender cuts.
 * A system that knows no such thing has a way of its own. */
static void allow_fragments(int fd)
{
    int how = IP_PMTUDISC_OMIT;
    (void)setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &how, sizeof how);
}

static int set_options(int fd, const struct addr *addr)
{
    bool is_v6 = addr->family == 6;
    if (!is_v6)
        allow_fragments(fd);
    if (is_v6 && set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY))
        return ERR_IO;
    if (!addr_is_any(addr))
        return 0;
    return is_v6 ? set_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO) : set_on(fd, IPPROTO_IP, IP_PKTINFO);
}

static void close_quietly(int fd)
{
    int why = errno;
    (void)close(fd);
    errno = why;
}

/* A bound descriptor, or ERR_IO. */
static int open_bound(const struct addr *addr, bool is_shared)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(addr, &sa);
    int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ERR_IO;
    if (set_options(fd, addr) || (is_shared && set_on(fd, SOL_SOCKET, SO_REUSEPORT)) ||
        bind(fd, (const struct sockaddr *)&sa, len)) {
        close_quietly(fd);
        return ERR_IO;
    }
    return fd;
}

/* Bound already, so IPV6_V6ONLY is as who bound it had it. */
static int take_passed(const struct udp_conf *conf)
{
    const struct addr *addr = &conf->addr;
    if (addr->family == 4)
        allow_fragments(conf->passed_fd);
    if (addr_is_any(addr) &&
        (addr->family == 6 ? set_on(conf->passed_fd, IPPROTO_IPV6, IPV6_RECVPKTINFO)
                           : set_on(conf->passed_fd, IPPROTO_IP, IP_PKTINFO))) {
        close_quietly(conf->passed_fd);
        return ERR_IO;
    }
    set_buffers(conf->passed_fd, conf);
    return conf->passed_fd;
}

static int open_socket(const struct udp_conf *conf)
{
    if (conf->passed_fd)
        return take_passed(conf);
    if (conf->is_shared && conf->is_first) {
        /* SO_REUSEPORT would let us in beside another program of the same user, and take half of
         * its packets: a bind without it tells. */
        int fd = open_bound(&conf->addr, false);
        if (fd < 0)
            return fd;
        (void)close(fd);
    }
    int fd = open_bound(&conf->addr, conf->is_shared);
    if (fd >= 0)
        set_buffers(fd, conf);
    return fd;
}

static int read_bound_addr(struct udp *u)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa;
    if (getsockname(u->fd, (struct sockaddr *)&sa, &len))
        return ERR_IO;
    return addr_from_sockaddr((const struct sockaddr *)&sa, &u->addr);
}

static void link_batch(struct batch *b)
{
    for (unsigned i = 0; i < BATCH; i++) {
        struct msghdr *m = &b->msgs[i].msg_hdr;
        m->msg_name = &b->peers[i];
        m->msg_iov = &b->parts[i];
        m->msg_iovlen = 1;
    }
}

static int allocate_batches(struct udp *u)
{
    size_t size = u->max_len + 1, stride = size + STAGGER;
    u->in_bytes = calloc(BATCH, stride);
    u->out_bytes = malloc(SEND_BYTES);
    if (!u->in_bytes || !u->out_bytes)
        return ERR_NOMEM;
    link_batch(&u->in);
    link_batch(&u->out);
    for (unsigned i = 0; i < BATCH; i++)
        u->in.parts[i] = (struct iovec){u->in_bytes + i * stride, size};
    return 0;
}

static int join(struct udp *u, struct loop *l, struct flow_table *t)
{
    int err = loop_io_new(l, u->fd, on_readable, u, &u->io);
    if (!err)
        err = loop_hook_new(l, flush, u, &u->hook);
    if (!err)
        err = flow_add(t, send_datagram, u, &u->flow);
    return err;
}

int udp_open(struct loop *l, struct flow_table *t, const struct udp_conf *conf, packet_fn *fn,
             void *arg, struct udp **out)
{
    int err = ERR_IO;
    struct udp *u = calloc(1, sizeof *u);
    if (!u)
        return ERR_NOMEM;
    u->loop = l;
    u->table = t;
    u->fn = fn;
    u->arg = arg;
    u->flow = (struct flow_ref){.transport = FLOW_UDP, .listener = conf->listener};
    u->max_len = conf->max_len;
    u->is_wildcard = addr_is_any(&conf->addr);
    u->fd = open_socket(conf);
    if (u->fd < 0 || read_bound_addr(u))
        goto fail;
    err = allocate_batches(u);
    if (!err)
        err = join(u, l, t);
    if (err)
        goto fail;
    *out = u;
    return 0;
fail:
    udp_close(u);
    return err;
}

void udp_close(struct udp *u)
{
    if (!u)
        return;
    flush(u);
    if (u->flow.generation)
        flow_del(u->table, &u->flow);
    loop_hook_free(u->hook);
    loop_io_free(u->io);
    if (u->fd >= 0)
        close_quietly(u->fd);
    free(u->in_bytes);
    free(u->out_bytes);
    free(u);
}

struct flow_ref udp_flow_to(const struct udp *u, const struct addr *peer)
{
    struct flow_ref flow = u->flow;
    flow.peer = *peer;
    return flow;
}

int udp_fd(const struct udp *u)
{
    return u->fd;
}

struct addr udp_addr(const struct udp *u)
{
    return u->addr;
}

int udp_route(const struct addr *peer, struct addr *local)
{
    struct sockaddr_storage ss;
    socklen_t len = addr_to_sockaddr(peer, &ss);
    int err = ERR_IO;
    int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return ERR_IO;
    /* Connecting a datagram socket sends nothing: it asks the routing table. */
    if (connect(fd, (struct sockaddr *)&ss, len) == 0 &&
        getsockname(fd, (struct sockaddr *)&ss, &(socklen_t){sizeof ss}) == 0)
        err = addr_from_sockaddr((struct sockaddr *)&ss, local);
    local->port = 0;
    close_quietly(fd);
    return err;
}
