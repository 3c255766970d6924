/* The simulated machine's disk and the daemon that runs on it: directories of its own in memory,
 * store, workers; and the ways in which all that can end and begin anew. */
#ifndef BW_TESTS_SIM_HOST_H
#define BW_TESTS_SIM_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "service/lifecycle.h"
#include "service/worker.h"

struct store;

struct host {
    char *root; /* state-dir "state", runtime-dir "run", the configuration "conf", and "files" */
    struct conf *conf;
    struct worker_group group; /* n: 0 while no daemon runs */
    struct store *store;
    struct lifecycle lifecycle; /* without feeds */
    const char **listener_names;
    unsigned n_idle;             /* workers whose drain is over */
    bool is_writer_held;         /* the disk is slow */
    uint64_t turn_ms, keeper_ms; /* when the writer and the keeper want a turn */
};

/* Makes the directories; no daemon yet. */
void host_init(struct host *h);

/* Stops what runs and removes the directories. */
void host_fini(struct host *h);

/* Writes a file that a configuration may name as $DIR/NAME, with mode 0600. */
void host_file(struct host *h, struct str name, struct str text);

/* Starts the daemon with a configuration, on what the directories hold. False: said on standard
 * error. */
bool host_boot(struct host *h, struct str conf);

/* Writes the file that "@credentials" in a configuration stands for. */
void host_put_credentials(const struct host *h, struct str lines);

/* Gives the workers another configuration. */
bool host_reload(struct host *h, struct str conf);

/* Tells the workers that an upstream has lost its data. */
bool host_resync(struct host *h, struct str upstream);
bool host_drain_upstream(struct host *h, struct str upstream, bool is_drained);

bool host_drain(struct host *h, uint64_t timeout_ms);
bool host_depart(struct host *h);

enum host_end {
    HOST_STOP,  /* everything queued is committed, a checkpoint is written */
    HOST_KILL,  /* like kill -9: the files stay as they are at this moment */
    HOST_REBOOT /* and runtime-dir is gone */
};
void host_stop(struct host *h, enum host_end how);

/* One turn of the store's writer, and of its keeper where that is due. */
void host_turn(struct host *h);

/* Held, the store's writer does nothing; let go, it does all that has been queued before anybody
 * hears of it, as it may on a thread of its own. A start lets it go. */
void host_hold_writer(struct host *h, bool is_held);

/* When the store wants a turn, UINT64_MAX: no daemon runs, or the writer is held. */
uint64_t host_next_ms(const struct host *h);

#endif
