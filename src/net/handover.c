#include "net/handover.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"

struct passed {
    int fd, type;
    struct addr addr;
    bool is_taken;
};

struct handover {
    struct passed *list;
    size_t n;
};

int handover_new(struct handover **out)
{
    struct handover *h = calloc(1, sizeof *h);
    if (!h)
        return ERR_NOMEM;
    *out = h;
    return 0;
}

void handover_free(struct handover *h)
{
    for (size_t i = 0; h && i < h->n; i++)
        if (!h->list[i].is_taken)
            (void)close(h->list[i].fd);
    if (h)
        free(h->list);
    free(h);
}

static int read_kind(int fd, struct passed *out)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof sa, type_len = sizeof out->type;
    int flags = fcntl(fd, F_GETFL);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &out->type, &type_len) ||
        getsockname(fd, (struct sockaddr *)&sa, &len) ||
        addr_from_sockaddr((const struct sockaddr *)&sa, &out->addr) || flags < 0 ||
        fcntl(fd, F_SETFL, flags | O_NONBLOCK) || fcntl(fd, F_SETFD, FD_CLOEXEC))
        return ERR_ABSENT;
    out->fd = fd;
    out->is_taken = false;
    return 0;
}

int handover_add(struct handover *h, int fd)
{
    struct passed p;
    int err = read_kind(fd, &p);
    struct passed *list = err ? NULL : realloc(h->list, (h->n + 1) * sizeof *list);
    if (!list) {
        (void)close(fd);
        return err ? err : ERR_NOMEM;
    }
    h->list = list;
    h->list[h->n++] = p;
    return 0;
}

int handover_take(struct handover *h, enum flow_transport transport, const struct addr *addr)
{
    int type = transport == FLOW_UDP ? SOCK_DGRAM : SOCK_STREAM, shared = 0;
    for (size_t i = 0; h && i < h->n; i++) {
        struct passed *p = &h->list[i];
        if (p->type != type || !addr_is_equal(&p->addr, addr))
            continue;
        if (!p->is_taken) {
            p->is_taken = true;
            return p->fd;
        }
        shared = p->fd;
    }
    int fd = shared ? fcntl(shared, F_DUPFD_CLOEXEC, 3) : 0;
    return fd > 0 ? fd : 0;
}

size_t handover_count(const struct handover *h)
{
    size_t n = 0;
    for (size_t i = 0; h && i < h->n; i++)
        n += !h->list[i].is_taken;
    return n;
}
