/* How many lines, bindings and registrations upstream each domain has, kept up with every commit.
 * As many domains as there is room for, and all others together. The store thread counts; any
 * thread reads, and may see a commit that is half counted. */
#ifndef BW_STORE_HEADCOUNT_H
#define BW_STORE_HEADCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/binding.h"
#include "net/flow.h"

struct headcount;

/* The last row is of all domains that have none of their own. */
enum { HEADCOUNT_DOMAINS = 511, HEADCOUNT_ROWS, HEADCOUNT_NAME_MAX = 255 };

struct headcount_row {
    struct str domain; /* none: of all others; lives as long as the headcount */
    int64_t n_lines;   /* with a binding */
    int64_t n_upregs;  /* live ones */
    int64_t n_bindings[FLOW_TRANSPORT_MAX]; /* those in their grace included */
};

int headcount_new(struct headcount **out); /* ERR_NOMEM */
void headcount_free(struct headcount *h);  /* NULL is legal */

/* The store thread: `next` is in the place of `now`, which is NULL at a start. */
void headcount_on_change(struct headcount *h, const struct aor_record *now,
                         const struct aor_record *next);

/* Any thread: row 0 to HEADCOUNT_ROWS - 1. False: it is empty. */
bool headcount_read(const struct headcount *h, size_t at, struct headcount_row *out);

#endif
