/* What a node asks of the cluster's database, each as one transaction: calls of the functions in
 * cluster.sql, which says what they do. The cluster's thread. */
#ifndef BW_STORE_CLUSTERDB_H
#define BW_STORE_CLUSTERDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "core/tenure.h"
#include "store/pg.h"

/* Of an answer, and of a whole page of rows. */
enum { CLUSTERDB_SOON_MS = 5000, CLUSTERDB_LONG_MS = 30000 };

/* Who comes. */
struct clusterdb_id {
    const char *cluster, *node;
    const char *instance; /* of its state-dir */
    const char *keys;     /* a fingerprint of them */
    uint64_t fence_ms;
};

struct clusterdb_member {
    int number;
    uint64_t epoch;
    uint64_t last_n; /* of its rows */
};

/* All below: 0; ERR_GONE: the database has us in another epoch, or not at all; ERR_IO: the
 * connection is closed, pg_error says why. */

/* ERR_BADCONF: it may not come; *why says why, in words. */
int clusterdb_join(struct pg *p, const struct clusterdb_id *id, struct clusterdb_member *out,
                   const char **why);

enum { CLUSTERDB_NAME = 64 };

struct clusterdb_name {
    char name[CLUSTERDB_NAME], state[CLUSTERDB_NAME];
    uint64_t lag;
};

/* What a heartbeat brings: names[] is of view.nodes[]. */
struct clusterdb_news {
    struct tenure_view view;
    struct clusterdb_name names[TENURE_NODES_MAX];
    uint64_t wall_ms; /* the database's clock */
};

/* lag: rows that it has to read or to write yet. */
struct clusterdb_beat {
    bool is_current;
    uint64_t lag, fence_ms;
};
int clusterdb_beat(struct pg *p, const struct clusterdb_member *m, const struct clusterdb_beat *b,
                   struct clusterdb_news *out);

int clusterdb_fence(struct pg *p, const struct clusterdb_member *m, const struct tenure_wish *w,
                    uint64_t fence_ms, int heir);
int clusterdb_take(struct pg *p, const struct clusterdb_member *m, unsigned shard);
int clusterdb_hand(struct pg *p, const struct clusterdb_member *m, unsigned shard,
                   uint64_t own_epoch, int heir);
int clusterdb_leave(struct pg *p, const struct clusterdb_member *m);
int clusterdb_purge(struct pg *p, const struct clusterdb_member *m);

struct clusterdb_row {
    struct str key;
    struct str data; /* none: removed */
    uint64_t n;
};

/* Of one owner's epoch; keys differ. ERR_NOMEM. */
int clusterdb_put(struct pg *p, const struct clusterdb_member *m, uint64_t own_epoch,
                  const struct clusterdb_row *rows, size_t n);

/* Rows of one node behind a position, at most so many: *n of them, read by clusterdb_row until the
 * next call. */
int clusterdb_feed(struct pg *p, int origin, uint64_t after, size_t most, size_t *n);
struct clusterdb_row clusterdb_row(const struct pg *p, size_t at);

struct clusterdb_end {
    int origin;
    uint64_t purged; /* removals up to here were forgotten */
    uint64_t last;
};
/* ERR_TOOBIG: there are more of them. */
int clusterdb_ends(struct pg *p, struct clusterdb_end out[TENURE_NODES_MAX], size_t *n);

/* To be told when there are rows. */
int clusterdb_listen(struct pg *p);

#endif
