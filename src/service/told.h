/* Which addresses upstream has given in a call as those of who is at its other end: the Contacts of
 * its requests and answers. The first one of a call is signed in our Record-Route (core/route.h);
 * here are those that came later, and those of other calls than its own that a transfer names. A
 * device may have them called, whatever the dial plan says of numbers. A set of fixed size, the
 * oldest goes first; a restart forgets it. Shared by all workers, without a lock. */
#ifndef BW_SERVICE_TOLD_H
#define BW_SERVICE_TOLD_H

#include "service/context.h"

struct uri;

int told_new(struct told **out); /* ERR_NOMEM */
void told_free(struct told *t);  /* NULL is legal */

/* A request or a response from an upstream: remembers its Contact if that begins like a number. */
void told_note(struct context *c, const struct msg *m);

/* The call of that Call-ID has been given this address. */
bool told_has(const struct context *c, struct str call_id, const struct uri *u);

#endif
