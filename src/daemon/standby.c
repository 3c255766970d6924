#include "daemon/standby.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "daemon/sockets.h"
#include "store/keyring.h"

/* True: it is to end. */
static bool on_signal(int signal_fd)
{
    struct signalfd_siginfo info;
    if (read(signal_fd, &info, sizeof info) != sizeof info)
        return false;
    switch (info.ssi_signo) {
    case SIGHUP:
        log_warn("reload: a node that stands by reads its configuration at its next start");
        return false;
    case SIGUSR1:
        if (log_reopen())
            log_error("log: cannot open the file again: %s", strerror(errno));
        return false;
    default:
        return true;
    }
}

static int await_turn(struct cluster *c, int signal_fd)
{
    struct pollfd fds[2] = {{.fd = signal_fd, .events = POLLIN},
                            {.fd = cluster_fd(c), .events = POLLIN}};
    while (cluster_phase(c) == CLUSTER_FOLLOWS) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return ERR_IO;
        if (on_signal(signal_fd))
            return ERR_AGAIN;
    }
    return cluster_phase(c) == CLUSTER_LEADS ? 0 : ERR_GONE;
}

int standby_wait(const struct conf *conf, const char *const *listeners, int signal_fd,
                 struct cluster **out)
{
    struct keyring keys;
    *out = NULL;
    if (!conf->cluster.name)
        return 0;
    int err = keyring_load(conf->state_dir, &keys);
    if (err)
        return err;
    const struct cluster_conf c = {.name = conf->cluster.name,
                                   .node = conf->cluster.node,
                                   .database = conf->cluster.database,
                                   .fence_s = conf->cluster.takeover_s,
                                   .state_dir = conf->state_dir,
                                   .runtime_dir = conf->runtime_dir,
                                   .is_synced = conf->durability == DURABILITY_POWER,
                                   .names = {listeners, conf->n_listens},
                                   .token = keys.token};
    err = cluster_start(&c, out);
    if (err)
        return err;
    log_info("cluster \"%s\": node \"%s\" stands by", conf->cluster.name, conf->cluster.node);
    sockets_tell("READY=1\nSTATUS=standing by: another node of the cluster acts, or none yet");
    err = await_turn(*out, signal_fd);
    if (!err)
        sockets_tell("STATUS=acting for the cluster");
    return err;
}

bool standby_goes_on(struct cluster *c, struct shield_table *shields)
{
    if (!c)
        return true;
    bool goes_on = cluster_phase(c) != CLUSTER_LOST;
    if (goes_on && cluster_has_regained(c))
        shield_table_recover(shields);
    return goes_on;
}
