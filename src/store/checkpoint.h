/* The lease table's copy on the disk: what survives a reboot. Written from a running table without
 * stopping anybody: each slot is right for itself, and a slot that moved meanwhile is found out by
 * its generation when it is adopted. One thread at a time. */
#ifndef BW_STORE_CHECKPOINT_H
#define BW_STORE_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/slot.h"

struct checkpoint_entry {
    uint64_t word, mark, binding_id; /* as in a slot */
};

/* An opened one. */
struct checkpoint {
    struct slot_clock clock;
    const struct checkpoint_entry *entries; /* one for each slot, in their order */
    uint32_t n;
    void *map;
    size_t map_len;
};

/* Writes dir/leases.checkpoint: under another name, synced, renamed. ERR_IO (logged), ERR_NOMEM;
 * then the last one stands. */
int checkpoint_write(const char *dir, const struct slot_clock *clock, const struct slot *slots,
                     uint32_t n);

/* ERR_ABSENT: none; ERR_PARSE: torn or damaged (logged, counted); ERR_IO. */
int checkpoint_open(const char *dir, struct checkpoint *out);
void checkpoint_close(struct checkpoint *c);

#endif
