/* Leases: how long each binding is still good, in a mapped table of 64-byte slots beside LMDB. A
 * licensed refresh is a compare-and-swap and a few stores, without a transaction, a lock or a
 * system call; the live table lies in runtime-dir (tmpfs) and survives a killed process, a
 * checkpoint in state-dir survives a reboot (architecture, section 5: lease protocol).
 *
 * A slot's first word is {expiry, generation, pending, busy}. A refresh succeeds only when the
 * generation is the record's and neither bit is set. The writer sets busy, commits the record, then
 * publishes a new generation or frees the slot; so no snapshot that a commit has overtaken can
 * license anything. Workers call the first group, the store thread the second.
 *
 * All times here are service clock. On the disk they are seconds of the store's own clock, which
 * goes on over restarts: in the same boot by CLOCK_BOOTTIME, so a step of the wall clock between
 * two runs expires nothing (D75); from one boot to the next by wall time. lease_shift_s tells the
 * difference, for others who keep times on the disk. */
#ifndef BW_STORE_LEASE_H
#define BW_STORE_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/binding.h"

struct lease_table;
struct slot;

/* ---- any thread */

enum lease_result {
    LEASE_EXTENDED,
    LEASE_REPEAT,  /* same CSeq and branch hash as the last refresh: nothing moved (D29) */
    LEASE_PENDING, /* a REGISTER of this binding is on its way upstream */
    LEASE_OLD,     /* CSeq not above the last one */
    LEASE_STALE    /* busy, freed, or of another generation: read the record again */
};

struct lease_refresh {
    struct lease_ref ref;
    uint64_t expires_at_s; /* service clock */
    uint32_t cseq;
    uint32_t branch_hash;
    bool is_equal_cseq_allowed; /* another branch may come with the same CSeq; never back in time */
};

/* Moves the expiry (never back) and raises the CSeq, in this order: when a commit comes between,
 * the expiry has counted and the CSeq has not. *expires_at_s is what holds afterwards, for
 * LEASE_EXTENDED and LEASE_REPEAT. */
enum lease_result lease_extend(struct lease_table *t, const struct lease_refresh *r,
                               uint64_t *expires_at_s);

struct lease_state {
    uint64_t expires_at_s;
    uint32_t cseq, branch_hash;
    bool is_pending;
    bool is_unreachable;
};

/* False: stale. A slot that the writer holds busy can be read: what was granted still holds. */
bool lease_read(const struct lease_table *t, struct lease_ref ref, struct lease_state *out);

/* The record that names ref has been committed, and the writer is about to publish its lease: the
 * binding is good, and a refresh of it has to wait for the writer. */
bool lease_is_due(const struct lease_table *t, struct lease_ref ref);

/* Marks that a REGISTER of this binding is on its way (or has ended). Harmless when stale. */
void lease_set_pending(struct lease_table *t, struct lease_ref ref, bool is_pending);

/* The device does not answer, or does again. Forgotten with the generation, so by every commit that
 * it brings about, and at a start. True: it was not known so before. */
bool lease_set_unreachable(struct lease_table *t, struct lease_ref ref, bool is_unreachable);

/* Bindings that hold a slot. */
size_t lease_count(const struct lease_table *t);

/* For leasememo. NULL: there is none. */
struct slot *lease_slot(const struct lease_table *t, uint32_t slot);

/* Added to a time from the disk it gives service clock. Constant while the table is open. */
int64_t lease_shift_s(const struct lease_table *t);

/* ---- the store thread */

struct lease_conf {
    const char *runtime_dir; /* of the live table "leases" */
    const char *state_dir;   /* of the checkpoint "leases.checkpoint" */
    uint32_t checkpoint_s;
    uint32_t slots_max; /* of the address space that is reserved; 0: 16 million */
};

enum lease_origin {
    LEASE_NEW,        /* nothing was found: every lease is rebuilt from its record */
    LEASE_SAME_BOOT,  /* the live table, as the last process left it */
    LEASE_CHECKPOINT, /* from state-dir, or a live table of an earlier boot; *age_s old */
    LEASE_UNKNOWN     /* another boot and a clock that went back, or more than 7 days */
};

/* Maps or makes the table. ERR_IO (in use, no room: logged with its path), ERR_NOMEM. A torn,
 * truncated or foreign file is put aside, counted, and made anew. */
int lease_open(const struct lease_conf *conf, struct lease_table **out);
enum lease_origin lease_origin(const struct lease_table *t, uint32_t *age_s);
void lease_close(struct lease_table *t); /* writes a checkpoint; NULL is legal */

/* A free slot, busy, for a binding id. ERR_FULL, ERR_IO (no room on runtime-dir). */
int lease_alloc(struct lease_table *t, uint64_t binding_id, struct lease_ref *out);

/* The slot was given to this binding; its generation is not looked at. */
bool lease_is_of(const struct lease_table *t, struct lease_ref ref, uint64_t binding_id);

/* Sets busy and tells the expiry as of then; false: stale. if_expires_at_s other than 0: only when
 * it is still exactly that (the sweep's condition). */
bool lease_seize(struct lease_table *t, struct lease_ref ref, uint64_t if_expires_at_s,
                 struct lease_state *out);

/* The generation that a seized or new slot will have once published: goes into the record. */
struct lease_ref lease_next(const struct lease_table *t, struct lease_ref ref);

/* After the commit: publishes the next generation with an expiry, pending and busy clear. */
void lease_publish(struct lease_table *t, struct lease_ref next, uint64_t expires_at_s,
                   uint32_t cseq);

/* The commit failed, or left the binding as it was: the old generation holds again. */
void lease_release(struct lease_table *t, struct lease_ref ref);

void lease_free(struct lease_table *t, struct lease_ref ref);

/* After a start, for each record's binding: true when its slot is as the record says; then *out
 * tells and the slot is no longer busy or pending. (A slot that is busy under the record's own
 * generation was in the hands of a commit that has not happened.) False: it must be built anew;
 * out->expires_at_s is then what the slot last knew of this binding, 0: nothing. */
bool lease_adopt(struct lease_table *t, struct lease_ref ref, uint64_t binding_id,
                 struct lease_state *out);

/* Builds the slot that a record names under the generation that it names: nobody else can hold a
 * handle of it, as no worker has started yet. Before lease_collect only. False: another binding has
 * the slot, or it is out of range; the record needs another one (lease_alloc). */
bool lease_rebuild(struct lease_table *t, struct lease_ref ref, uint64_t binding_id,
                   const struct lease_state *as);

/* Moves an adopted or rebuilt lease's expiry on, never back. Before the workers start only. */
void lease_prolong(struct lease_table *t, struct lease_ref ref, uint64_t expires_at_s);

/* Frees the slots that no lease_adopt, lease_rebuild or lease_alloc has claimed since the start.
 * The number of those that were somebody's. */
size_t lease_collect(struct lease_table *t);

/* Once a second: how wall time and the store's clock stand is kept for the next boot. */
void lease_touch(struct lease_table *t);

/* Writes a checkpoint when one is due; from a thread of its own, never stops the writer. ERR_IO,
 * ERR_NOMEM: logged and counted, the last one stands. */
int lease_checkpoint(struct lease_table *t);

#endif
