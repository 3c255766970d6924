#include "daemon/sockets.h"

#include "config.h"
#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "base/err.h"
#include "base/log.h"
#include "service/worker.h"

/* As many as one message may have (SCM_MAX_FD). */
enum { BATCH = 250 };

#ifdef HAVE_LIBSYSTEMD

int sockets_take(struct handover **out)
{
    struct handover *h;
    int err = handover_new(&h), n = sd_listen_fds(1);
    if (err)
        return err;
    for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + n; fd++) {
        err = handover_add(h, fd);
        if (err == ERR_ABSENT)
            log_warn("a descriptor that the service manager hands over is no socket of ours");
    }
    if (n > 0)
        log_info("%d sockets are handed over by the service manager", n);
    *out = h;
    return 0;
}

/* Polled, one with an error would be thrown away: ICMP is enough for that. */
static void store(const int *fds, unsigned n)
{
    if (n)
        (void)sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDPOLL=0\nFDNAME=breakwater", fds, n);
}

void sockets_store(const struct worker_group *group, const struct handover *h)
{
    int fds[BATCH];
    unsigned n = 0;
    if (handover_count(h)) {
        log_info("%zu sockets are of no listener any more", handover_count(h));
        (void)sd_notify(0, "FDSTOREREMOVE=1\nFDNAME=breakwater");
    }
    for (unsigned i = 0; i < group->n; i++)
        for (size_t k = 0;; k++) {
            int fd = worker_socket(group->workers[i], k);
            if (fd < 0)
                break;
            fds[n++] = fd;
            if (n < BATCH)
                continue;
            store(fds, n);
            n = 0;
        }
    store(fds, n);
}

#else

int sockets_take(struct handover **out)
{
    return handover_new(out);
}

void sockets_store(const struct worker_group *group, const struct handover *h)
{
    (void)group;
    (void)h;
}

#endif

void sockets_tell(const char *state)
{
#ifdef HAVE_LIBSYSTEMD
    (void)sd_notify(0, state);
#else
    (void)state;
#endif
}
