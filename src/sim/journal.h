/* The registrar's journal: one line of JSON for each request, as it was answered. On the loop's
 * thread. */
#ifndef BW_SIM_JOURNAL_H
#define BW_SIM_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "sim/registrar.h"

struct journal;

/* Appends to the file. 0, ERR_NOMEM, ERR_IO (errno says why). */
int journal_open(const char *path, struct journal **out);

/* NULL is legal. */
void journal_close(struct journal *j);

/* Adds a line; NULL is legal. is_answered: the answer was sent, not lost on purpose. */
void journal_add(struct journal *j, const struct registrar_outcome *o, const struct addr *source,
                 bool is_answered);

/* Hands to the system what was added; NULL is legal. */
void journal_flush(struct journal *j);

#endif
