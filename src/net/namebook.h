/* Whom the certificates of TLS clients name, by connection (flow_id), for all workers: a request
 * is judged by the worker that owns its line. Only for connections with such a certificate. Any
 * thread; a lock that the way of an absorbed refresh does not take. */
#ifndef BW_NET_NAMEBOOK_H
#define BW_NET_NAMEBOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct namebook;
struct namebook_entry;

int namebook_new(struct namebook **out); /* ERR_NOMEM */

/* All entries must have gone. NULL is legal. */
void namebook_free(struct namebook *b);

/* names: AoRs and domains as peercert_read has them; copied. ERR_NOMEM. */
int namebook_add(struct namebook *b, uint64_t flow, struct str names, struct namebook_entry **out);

/* NULL is legal. */
void namebook_del(struct namebook *b, struct namebook_entry *e);

/* The connection's certificate names this AoR (canonical) or its domain. Not where b is NULL. */
bool namebook_has(struct namebook *b, uint64_t flow, struct str aor);

#endif
