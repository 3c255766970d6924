/* A feed of events to somebody outside, as JSON lines: to a Unix socket that somebody listens on,
 * or in POST requests to a URL. A thread of its own sends; who puts something in only copies it
 * into a bounded queue, and what finds no room there is dropped and counted. What could not be sent
 * is sent again, in order, after a second, then two, up to 32; so a webhook may get lines twice. A
 * webhook that answers with another status than 2xx, 408, 429 or 5xx has refused them: they are
 * dropped. */
#ifndef BW_NET_FEED_H
#define BW_NET_FEED_H

#include <stdbool.h>

#include "base/str.h"

struct feed;

enum feed_kind { FEED_SOCKET, FEED_WEBHOOK };

/* Of the queue. */
enum { FEED_LINES_MAX = 20000, FEED_BYTES_MAX = 8 << 20, FEED_BATCH_MAX = 64 << 10 };

/* Starts the thread, with nowhere to send to. ERR_NOMEM. */
int feed_new(enum feed_kind kind, struct feed **out);

/* From now on what is queued is sent, for a second at most: of several, each is told first, so that
 * they take that second together. NULL is legal. */
void feed_stop(struct feed *f);

/* feed_stop, if that was not called; ends the thread. NULL is legal. */
void feed_free(struct feed *f);

/* Where to: a socket's path or a URL; "": nowhere, and what waits is dropped. token: a webhook gets
 * it as Bearer; or none. Both are copied. Any thread. ERR_NOMEM: it stays as it was. */
int feed_set_target(struct feed *f, const char *target, struct str token);

/* Somebody is to be sent to; any thread, one load. */
bool feed_is_on(const struct feed *f);

/* A line with its end, at most FEED_BATCH_MAX. Any thread; never waits for the outside. */
void feed_put(struct feed *f, struct str text);

#endif
