/* A few words beside a lease, for whoever refreshes it: what he has found out from the record, so
 * that he need not read that again. The writer, who has the lease busy, only says of which revision
 * the record is from then on; the words mean something to their reader alone, who must be able to
 * tell that they are whole, of that revision and of that lease's generation (service/memo). */
#ifndef BW_STORE_LEASEMEMO_H
#define BW_STORE_LEASEMEMO_H

#include "store/lease.h"

struct leasememo {
    uint64_t words[2];
    uint32_t word;
};

struct leasememo_view {
    struct lease_ref ref;
    struct lease_state lease;
    uint32_t revision; /* low bits */
    struct leasememo memo;
};

/* Any thread. False: there is no such lease, or the writer or upstream has it in hand. */
bool leasememo_read(const struct lease_table *t, uint32_t slot, struct leasememo_view *out);

/* Any thread: may come between others', and too late. */
void leasememo_write(struct lease_table *t, uint32_t slot, const struct leasememo *memo);

/* The store thread; while the lease is busy, or before the workers start. */
void leasememo_set_revision(struct lease_table *t, uint32_t slot, uint64_t revision);

#endif
