/* What time does to records: takes bindings whose grace has ended, and tells the owner of an AoR
 * when bindings were taken or an upstream registration is due. It looks at what the calendar hands
 * out, a bounded number a turn. The store thread. */
#ifndef BW_STORE_SWEEP_H
#define BW_STORE_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "core/absorb.h"
#include "net/inbox.h"
#include "store/calendar.h"
#include "store/group.h"
#include "store/lease.h"
#include "store/records.h"
#include "store/update.h"

struct sweep;

struct sweep_conf {
    struct records *records;
    struct lease_table *leases;
    struct calendar *calendar;
    const struct absorb_conf *(*policy)(struct str aor, void *arg); /* as in store_conf */
    struct inbox *(*owner)(struct str aor, void *arg);
    inbox_fn *on_event;
    void *arg;
};

int sweep_new(const struct sweep_conf *conf, struct sweep **out); /* ERR_NOMEM */
void sweep_free(struct sweep *s);                                 /* NULL is legal */

/* The grace of an AoR's bindings; 0 where its domain is gone. */
uint32_t sweep_grace_s(const struct sweep *s, struct str aor);

/* Files the record's entry under its next date. */
void sweep_file(struct sweep *s, struct calendar_entry *e, const struct aor_record *r);

/* Looks at what is due; adds removals to the group. True: there may be more at once. */
bool sweep_turn(struct sweep *s, struct group *g);

/* An update that carries an event has been committed: tells the owner. */
void sweep_on_done(struct sweep *s, struct update *u);

#endif
