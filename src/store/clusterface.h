/* What the cluster's thread shows to the others: its phase, until when REGISTERs may go upstream,
 * and how things stand. Functions are the cluster's thread's but where they say so. */
#ifndef BW_STORE_CLUSTERFACE_H
#define BW_STORE_CLUSTERFACE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/clusterdb.h"

enum cluster_phase { CLUSTER_FOLLOWS, CLUSTER_LEADS, CLUSTER_LOST };

struct cluster_status {
    enum cluster_phase phase;
    bool is_connected;
    char error[CLUSTERDB_NAME * 4]; /* the last one; "" */
    uint64_t acts_for_ms;           /* so long from now; 0: it may not act */
    uint64_t generation, own_epoch;
    uint64_t lag;           /* rows to write, or to read */
    int64_t clock_ahead_ms; /* ours, of the database's */
    int me, owner;
    size_t n_nodes;
    struct tenure_node nodes[TENURE_NODES_MAX];
    struct clusterdb_name names[TENURE_NODES_MAX];
};

struct clusterface {
    const char *node; /* its name; outlives it */
    int phase_fd;     /* readable when the phase has changed, or has_regained has been set */
    _Atomic uint64_t deadline_ms; /* REGISTERs may go upstream while sys_now_ms is below */
    atomic_int phase;             /* enum cluster_phase */
    atomic_bool has_regained;     /* they may again, after a time in which they might not */
    bool has_acted;
    uint64_t said_ms;
    pthread_mutex_t lock; /* of status */
    struct cluster_status status;
};

int clusterface_init(struct clusterface *f, const char *node); /* ERR_IO */
void clusterface_fini(struct clusterface *f);

enum cluster_phase clusterface_phase(const struct clusterface *f); /* any thread */
void clusterface_set_phase(struct clusterface *f, enum cluster_phase phase);

/* Of now: all but phase, error, acts_for_ms and clock_ahead_ms. until_ms: the deadline. */
void clusterface_publish(struct clusterface *f, const struct cluster_status *now,
                         uint64_t until_ms);

/* Our clock is so far ahead of the database's: a warning when that gets too much. */
void clusterface_note_clock(struct clusterface *f, int64_t ahead_ms);

/* Something fails: shown until clusterface_note_success, logged once a minute. */
void clusterface_complain(struct clusterface *f, const char *what, const char *why);
void clusterface_note_success(struct clusterface *f);

/* Any thread. */
void clusterface_read(struct clusterface *f, struct cluster_status *out);

/* An eventfd, any thread: makes it readable; reads it empty. */
void clusterface_signal(int fd);
void clusterface_drain(int fd);

#endif
