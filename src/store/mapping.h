/* The live lease table's file, mapped: opening, judging what lies there, growing. The address space
 * for all slots is reserved at once, so growing moves nothing under a reader. The store thread;
 * slots and capacity may be read by any. */
#ifndef BW_STORE_MAPPING_H
#define BW_STORE_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/slot.h"

struct mapping {
    struct slot_head *head;
    struct slot *slots;
    _Atomic uint32_t capacity; /* slots that may be touched */
    uint32_t slots_max;
    size_t len; /* of the reserved address space */
    int fd;
};

/* Maps and locks dir/leases; where there is none, a new file (*is_new) that has no name in dir yet.
 * A file that is none of ours or is shorter than its head says is renamed to leases.bad, counted
 * and logged. ERR_IO: logged with the path. */
int mapping_open(const char *dir, uint32_t slots_max, struct mapping *out, bool *is_new);

/* Gives a new file its name: it is complete. ERR_IO: logged. */
int mapping_keep(const struct mapping *m, const char *dir);

/* Room for at least n slots. ERR_FULL: over slots_max; ERR_IO: no room in the file system. */
int mapping_grow(struct mapping *m, uint32_t n);

void mapping_close(struct mapping *m);

#endif
