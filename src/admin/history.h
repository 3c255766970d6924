/* The last hour in figures, a sample every ten seconds, so that a page that is just opened can show
 * what was. Fixed memory. The main thread adds, any thread reads; behind a lock. */
#ifndef BW_ADMIN_HISTORY_H
#define BW_ADMIN_HISTORY_H

#include <jansson.h>
#include <stdint.h>

#include "admin/savingsview.h"

struct headcount;
struct shield_table;

enum { HISTORY_STEP_S = 10, HISTORY_SAMPLES = 360 };

/* Counts since the start, but those that say "now". */
enum history_figure {
    HISTORY_AT_MS, /* since 1970 */
    HISTORY_IN,
    HISTORY_ABSORBED,
    HISTORY_OUT,
    HISTORY_LINES,    /* now */
    HISTORY_BINDINGS, /* now */
    HISTORY_RINGING,  /* calls, now */
    HISTORY_CALLS,    /* that have ended ringing */
    HISTORY_REFUSED,
    HISTORY_WAITING, /* REGISTERs, for their turn upstream, now */
    HISTORY_FIGURES
};

/* What the figures are read from. */
struct history_from {
    struct savingsview savings;        /* conf is not looked at; ledger NULL: there is none */
    const struct headcount *headcount; /* NULL: there is none */
    struct shield_table *shields;      /* NULL: there are none */
};

struct history;

int history_new(struct history **out); /* ERR_NOMEM */
void history_free(struct history *h);  /* NULL is legal */

/* As they are now. */
void history_read(const struct history_from *from, int64_t out[HISTORY_FIGURES]);

/* Adds a sample if it is time for one. */
void history_tend(struct history *h, const struct history_from *from);

/* {"step":…,"figures":["at_ms",…],"samples":[[…],…]}: those later than since_s, the oldest first,
 * and at the end one of now. NULL: no memory. h NULL: only the one of now. */
json_t *history_json(struct history *h, const struct history_from *from, uint32_t since_s);

#endif
