/* Finds the servers that upstreams name by a host name (RFC 3263), ahead of need: each name is
 * looked up at the start and again before what was found ends, and all workers are told. Where the
 * DNS does not know, or does not answer, what was found last stays, and an alarm stands. On one
 * worker, for all. The worker's thread. */
#ifndef BW_SERVICE_LOCATOR_H
#define BW_SERVICE_LOCATOR_H

#include "core/locate.h"
#include "service/context.h"

struct locator;

/* How long before its end an answer is asked for again; the first and the longest pause after a
 * failure. */
enum { LOCATOR_AHEAD_MS = 2000, LOCATOR_RETRY_S = 5, LOCATOR_RETRY_MAX_S = 60 };

/* After so many of them a name of which nothing is known yet is looked up without NAPTR: there are
 * DNS servers that answer no such question. */
enum { LOCATOR_NAPTR_FAILURES = 3 };

/* What was found for a server, by its URI: told if it is not what it was. ERR_NOMEM: it has to be
 * told again. */
typedef int locator_fn(struct str uri, const struct locate_target *targets, size_t n, void *arg);

int locator_new(struct context *c, locator_fn *fn, void *arg, struct locator **out); /* ERR_NOMEM */
void locator_free(struct locator *l); /* NULL is legal */

/* The configuration has changed, or is there for the first time. */
void locator_sync(struct locator *l);

#endif
