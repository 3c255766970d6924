/* Credentials that upstream has refused for good a moment ago are not shown to it again (403, 404;
 * never 401; never what carries none, which a phone begins with): one worker's small table, keyed
 * by line, source, Call-ID and user name, so that nobody else's request meets it, nor that of the
 * same phone once it was set right and began anew. The worker's thread.
 */
#ifndef BW_SERVICE_REFUSED_H
#define BW_SERVICE_REFUSED_H

#include "service/context.h"
#include "service/regview.h"

struct refused;

/* 0 or ERR_NOMEM. */
int refused_new(struct refused **out);
void refused_free(struct refused *t); /* NULL is legal */

/* Upstream has answered this request with 403 or 404. */
void refused_note(struct context *c, const struct msg *m, const struct regview *v, unsigned status);

/* The status to answer with; 0: upstream is to be asked. */
unsigned refused_find(struct context *c, const struct msg *m, const struct regview *v);

#endif
