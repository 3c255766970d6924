/* REGISTERs in and out of each domain, counted by a worker for itself: what is saved. As many
 * domains as there is room for, and all others together; the counts of a domain go on over reloads.
 * One thread counts, without a lock or an allocation; any thread reads. */
#ifndef BW_SERVICE_LEDGER_H
#define BW_SERVICE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"

struct ledger;

enum ledger_what {
    LEDGER_IN,           /* REGISTERs of devices */
    LEDGER_ABSORBED,     /* of those: answered here, nothing upstream */
    LEDGER_RELAYED,      /* devices' that went upstream, again after a challenge counted again */
    LEDGER_OWN,          /* our own that went upstream */
    LEDGER_WOULD_ABSORB, /* shadow.h: of those that came in */
    LEDGER_TOO_LATE,     /* the same */
    LEDGER_KINDS
};

/* The last row is of all domains that have none of their own. */
enum { LEDGER_DOMAINS = 511, LEDGER_ROWS, LEDGER_NAME_MAX = 255 };

struct ledger_row {
    struct str domain; /* none: of all others; lives as long as the ledger */
    uint64_t counts[LEDGER_KINDS];
};

int ledger_new(const struct hash_key *key, struct ledger **out); /* ERR_NOMEM */
void ledger_free(struct ledger *t);                              /* NULL is legal */

/* The worker's thread. */
void ledger_count(struct ledger *t, struct str domain, enum ledger_what what);

/* Any thread: row 0 to LEDGER_ROWS - 1. False: it is empty. */
bool ledger_read(const struct ledger *t, size_t at, struct ledger_row *out);

#endif
