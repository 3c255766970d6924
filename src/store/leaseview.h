/* The live lease table of a running daemon, seen from another process: read only, without a lock.
 * One thread. */
#ifndef BW_STORE_LEASEVIEW_H
#define BW_STORE_LEASEVIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "store/lease.h"

struct leaseview;

/* Maps "leases" in runtime-dir. ERR_ABSENT: there is none, or it is of an earlier boot; ERR_PARSE:
 * it is none of ours; ERR_IO (errno says why), ERR_NOMEM. */
int leaseview_open(const char *runtime_dir, struct leaseview **out);
void leaseview_close(struct leaseview *v); /* NULL is legal */

/* As lease_read, of the caller's service clock. */
bool leaseview_read(const struct leaseview *v, struct lease_ref ref, struct lease_state *out);

/* As lease_shift_s, for this process. */
int64_t leaseview_shift_s(const struct leaseview *v);

#endif
