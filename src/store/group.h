/* One commit: up to GROUP_MAX updates of different AoRs. Their reducers run on the current records
 * with the leases seized; what they change is written in one transaction, which can be done again
 * with a larger map without asking them twice; then leases are published and each update is handed
 * back with its outcome. The store thread. */
#ifndef BW_STORE_GROUP_H
#define BW_STORE_GROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "store/calendar.h"
#include "store/headcount.h"
#include "store/lease.h"
#include "store/records.h"
#include "store/update.h"

enum { GROUP_MAX = 256 };

struct group;

/* An update with its outcome, after its commit. next: the record as it is now; NULL where nothing
 * changed. The update is the callback's. */
typedef void group_done_fn(struct update *u, const struct aor_record *next, void *arg);

/* After the commit of a change, before its group_done_fn: the records before it, with the expiry of
 * its leases, and after it. Both are gone afterwards. */
typedef void group_change_fn(const struct aor_record *was, const struct aor_record *now,
                             bool is_lapse, void *arg);

struct group_conf {
    struct records *records;
    struct lease_table *leases;
    struct calendar *calendar; /* gets an entry for each AoR that is committed, loses the empty */
    struct headcount *headcount;
    group_done_fn *on_done;
    void *arg;
    group_change_fn *on_change; /* NULL: nobody wants to know */
    void *change_arg;
};

int group_new(const struct group_conf *conf, struct group **out); /* ERR_NOMEM */
void group_free(struct group *g);                                 /* NULL is legal */

/* False: it is full, or has an update of this AoR already, whose commit must come first; then the
 * update stays the caller's. */
bool group_add(struct group *g, struct update *u);

/* Decides, writes, commits, hands back; the group is empty afterwards. ERR_IO: nothing could be
 * written (logged once a minute). */
int group_commit(struct group *g);

#endif
