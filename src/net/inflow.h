/* What comes in on a stream, as messages: whole ones are handed on as they lie, only what is not
 * complete yet is kept, in memory that goes when it is (RFC 3261 18.3; RFC 5626 4.4.1). No I/O;
 * one thread at a time. */
#ifndef BW_NET_INFLOW_H
#define BW_NET_INFLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "sip/frame.h"

struct inflow {
    struct frame frame;
    char *bytes; /* of a message that is not complete; NULL: none is */
    size_t len, cap;
};

/* verdict: FRAME_MESSAGE, FRAME_PING; or FRAME_BAD, FRAME_TOOBIG, which end the stream: then bytes
 * is what was there of it. False: nothing more is wanted. */
typedef bool inflow_fn(enum frame_verdict verdict, struct str bytes, void *arg);

void inflow_init(struct inflow *f);
void inflow_fini(struct inflow *f);

/* The next bytes of the stream; max: the longest message. 0; ERR_NOMEM: the stream cannot go on. */
int inflow_feed(struct inflow *f, struct str bytes, size_t max, inflow_fn *fn, void *arg);

/* A message has begun and is not complete. */
bool inflow_is_waiting(const struct inflow *f);

#endif
