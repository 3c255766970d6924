/* A first look at a REGISTER, shared by the decision and the commit: which bindings of the record
 * are alive, and which of them its contacts name. Sets of bindings are bit masks by index. Pure;
 * any thread. */
#ifndef BW_CORE_SURVEY_H
#define BW_CORE_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/register.h"

struct survey {
    uint64_t alive;              /* bindings whose grace has not ended */
    uint64_t current;            /* those of them that have not expired (D64) */
    uint64_t kept;               /* alive ones that the REGISTER refreshes */
    uint64_t removed;            /* alive ones that it removes; one that it also refreshes stays */
    size_t n_unknown;            /* contacts to be added for which nothing is alive */
    size_t n_growth;             /* contacts that would make one more current binding */
    int at[RECORD_BINDINGS_MAX]; /* of each contact: the binding it names, alive or not; or -1 */
};

static inline bool survey_has(uint64_t set, int index)
{
    return index >= 0 && (set >> index & 1) != 0;
}

/* At most RECORD_BINDINGS_MAX contacts are looked at. */
void survey_take(const struct absorb_input *in, struct survey *out);

/* How many current bindings too many the line would have; 0: room (D64). What is there already
 * counts only against something new, so a smaller max-contacts drives nobody out. */
size_t survey_excess(const struct absorb_input *in, const struct survey *s);

/* The record itself could not hold it. */
bool survey_is_beyond_record(const struct survey *s);

/* Bindings that stand on an upstream registration. */
uint64_t survey_of_upreg(const struct aor_record *r, uint64_t upreg_id);

#endif
