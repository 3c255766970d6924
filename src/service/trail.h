/* The last decisions on each address of record, with what they rested on, as the worker that made
 * them remembers them: for an operator who asks why. A table of fixed size; equal decisions in a
 * row are one entry that counts; what is oldest in its part of the table makes room. One thread
 * notes, without a lock or an allocation; any thread reads. */
#ifndef BW_SERVICE_TRAIL_H
#define BW_SERVICE_TRAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/str.h"
#include "core/reason.h"

struct trail;

/* Of an AoR, on one worker. */
enum { TRAIL_WAYS = 8 };

/* A figure that did not matter. */
#define TRAIL_NONE INT32_MIN

struct trail_figures {
    struct addr source;      /* of the REGISTER; family 0: our own */
    int32_t status;          /* of the answer; 0: none yet */
    int32_t granted_s;       /* what the device has now */
    int32_t upstream_left_s; /* how long upstream holds it */
    int32_t refresh_in_s;    /* until its refresh is due there */
    int32_t proof_age_s;
};

#define TRAIL_NO_FIGURES                                                                           \
    ((struct trail_figures){.granted_s = TRAIL_NONE,                                               \
                            .upstream_left_s = TRAIL_NONE,                                         \
                            .refresh_in_s = TRAIL_NONE,                                            \
                            .proof_age_s = TRAIL_NONE})

struct trail_entry {
    uint64_t aor_hash;
    uint64_t order;           /* when, in us: no two of a worker; several workers' compare */
    uint64_t first_s, last_s; /* service clock; last_s 0: nothing is here */
    uint32_t times;
    uint32_t reason;           /* enum reason */
    struct trail_figures last; /* of the last one */
    uint32_t zero;
};

int trail_new(struct trail **out); /* ERR_NOMEM */
void trail_free(struct trail *t);  /* NULL is legal */

/* The worker's thread. aor_hash: of the AoR, under a key that all workers share. */
void trail_note(struct trail *t, uint64_t aor_hash, enum reason why, const struct trail_figures *f);

/* The worker's thread: trail_note for it is to come soon. */
void trail_fetch(const struct trail *t, uint64_t aor_hash);

/* Any thread: the entries of an AoR, in no order; how many, TRAIL_WAYS at most. */
size_t trail_read(const struct trail *t, uint64_t aor_hash, struct trail_entry *out);

#endif
