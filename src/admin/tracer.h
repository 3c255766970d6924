/* Live traces over HTTP: a stream of server-sent events for each who looks on, eight at a time.
 *
 *     event: message    data: {"time", "direction", "transport", "local", "peer", "message"}
 *     event: missed     data: {"messages": N}   its queue was full
 *
 * "message" is the text; "bytes", in base 64, stands in its place where that is no UTF-8. A comment
 * comes every few seconds, so that a reader who has gone is noticed. Digests and the like are
 * blanked unless the request says secrets=show. Who has asked may is decided by access.h. */
#ifndef BW_ADMIN_TRACER_H
#define BW_ADMIN_TRACER_H

#include <microhttpd.h>

#include "admin/aors.h"
#include "admin/fault.h"
#include "admin/query.h"
#include "net/tap.h"

struct tracer;

/* Starts a thread that sees to the streams. ERR_NOMEM. The tap outlives it. */
int tracer_new(struct tap *tap, struct tracer **out);

/* Ends all streams and takes no more; before their MHD daemons stop. NULL is legal. */
void tracer_stop(struct tracer *t);
void tracer_free(struct tracer *t); /* after the daemons have stopped; NULL is legal */

/* The filter that a request's parameters mean: aor, source, secrets. The response is the caller's
 * to queue on that connection, once, and to destroy. NULL: *f says why. */
struct MHD_Response *tracer_start(struct tracer *t, const struct aors *from, const struct query *q,
                                  struct MHD_Connection *c, struct fault *f);

#endif
