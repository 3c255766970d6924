/* How a lease lies in memory and in the live table's file: a page of head, then slots of one cache
 * line. Times on disk are seconds of the store's own clock, which no step of the wall clock and no
 * restart moves; lease.h hides it. Words are read and written as atomics. */
#ifndef BW_STORE_SLOT_H
#define BW_STORE_SLOT_H

#include <stdatomic.h>
#include <stdint.h>

/* 2026-01-01T00:00:00Z, where the 32 bits of a slot's expiry begin. */
#define SLOT_EPOCH_S UINT64_C(1767225600)

enum { SLOT_HEAD_LEN = 4096, SLOT_VERSION = 1, SLOT_BOOT_ID_LEN = 40 };

struct slot {
    _Alignas(64) _Atomic uint64_t word; /* expiry:32, generation:30, pending:1, busy:1 */
    _Atomic uint64_t mark;              /* CSeq:32, branch hash:32 */
    _Atomic uint64_t binding_id;        /* 0: free */
    uint64_t claim;                     /* slot_head.starts of the process that has it */
    uint32_t next_free;                 /* free slots: index + 1; 0: the last */
    _Atomic uint32_t unreachable; /* the generation whose device was found so; else any other */
    /* leasememo.h; what an earlier process left here means nothing */
    _Atomic uint32_t revision; /* of the record, as the last commit made it; its low bits */
    _Atomic uint32_t memo;
    _Atomic uint64_t memos[2];
};

/* Where the store's clock stands, as the writer of a file last saw it; milliseconds. */
struct slot_clock {
    char boot_id[SLOT_BOOT_ID_LEN];
    int64_t offset_ms;     /* store's clock - CLOCK_BOOTTIME, in that boot */
    int64_t wall_ahead_ms; /* wall clock - store's clock */
    int64_t wall_ms;       /* wall clock */
};

struct slot_head {
    char magic[8];
    uint32_t version, slot_len;
    _Atomic uint32_t capacity; /* slots that the file has room for */
    _Atomic uint32_t high;     /* slots from here on were never used */
    char boot_id[SLOT_BOOT_ID_LEN];
    uint64_t starts;                                   /* times that the file was opened */
    _Atomic int64_t offset_ms, wall_ahead_ms, wall_ms; /* as in slot_clock */
};

_Static_assert(sizeof(struct slot) == 64, "one cache line");
_Static_assert(sizeof(struct slot_head) <= SLOT_HEAD_LEN, "one page");

/* ---- the first word */

enum { SLOT_BUSY = 1, SLOT_PENDING = 2, SLOT_GENERATIONS = 1 << 30 };

static inline uint64_t slot_word(uint32_t expiry, uint32_t generation, unsigned bits)
{
    return (uint64_t)expiry << 32 | (uint64_t)generation << 2 | bits;
}

static inline uint32_t slot_expiry(uint64_t word)
{
    return (uint32_t)(word >> 32);
}

static inline uint32_t slot_generation(uint64_t word)
{
    return (uint32_t)word >> 2;
}

/* 0 never is a generation: it fits no handle. */
static inline uint32_t slot_next_generation(uint32_t generation)
{
    return generation + 1 < SLOT_GENERATIONS ? generation + 1 : 1;
}

/* ---- the second word */

static inline uint64_t slot_mark(uint32_t cseq, uint32_t branch_hash)
{
    return (uint64_t)cseq << 32 | branch_hash;
}

static inline uint32_t slot_cseq(uint64_t mark)
{
    return (uint32_t)(mark >> 32);
}

#endif
