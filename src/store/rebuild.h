/* The start: every record is read once; its leases are adopted from the table, or built anew; it is
 * filed in the calendar. What a device could not refresh while we were down is prolonged (D77). */
#ifndef BW_STORE_REBUILD_H
#define BW_STORE_REBUILD_H

#include "store/calendar.h"
#include "store/group.h"
#include "store/headcount.h"
#include "store/lease.h"
#include "store/records.h"
#include "store/sweep.h"

struct rebuild {
    struct records *records;
    struct lease_table *leases;
    struct calendar *calendar;
    struct headcount *headcount;
    struct sweep *sweep;
    struct group *group;
};

/* ERR_IO, ERR_NOMEM: logged. A record that cannot be read is put aside, counted and logged. */
int rebuild_run(const struct rebuild *r);

#endif
