/* Records that were exported, here or on another node, are taken into the store. What stands here
 * already is never touched: it is at least as new. Each call waits for its commits: on an admin
 * thread, never on a worker's. */
#ifndef BW_SERVICE_INTAKE_H
#define BW_SERVICE_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/absorb.h"
#include "core/binding.h"

struct intake;
struct store;

struct intake_record {
    const struct aor_record *record; /* a stream of a binding only says that there was one */
    const struct absorb_conf *conf;  /* of its domain; until intake_wait has returned */
};

/* What one or more calls have brought about. */
struct intake_counts {
    size_t n_taken;  /* as they were given */
    size_t n_same;   /* these bindings and registrations stand here already */
    size_t n_kept;   /* others stand here, which are newer */
    size_t n_failed; /* the store could not take them */
};

struct intake_conf {
    struct store *store;
    uint64_t exported_at_s; /* service clock */
    /* The export was made under the token key that holds here, so upstream's calls find us: a
     * licence goes on where its device comes by the same way as before (L2, or a session whose
     * tickets we can open). Else each device is relayed once, and takes its old contact upstream
     * along. */
    bool is_same_key;
};

int intake_new(const struct intake_conf *conf, struct intake **out); /* ERR_NOMEM */
void intake_free(struct intake *t);                                  /* NULL is legal */

/* Copies the record and queues it, with no time that is longer than what its domain grants to
 * devices or asks upstream for; waits while many are under way. ERR_FULL: the store has no room,
 * now or because it stops; ERR_NOMEM. */
int intake_add(struct intake *t, const struct intake_record *r);

/* Until all of them have been decided. */
void intake_wait(struct intake *t, struct intake_counts *out);

#endif
