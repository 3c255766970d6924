/* The next hop of a request on its way to the core. The worker's thread. */
#ifndef BW_SERVICE_COREHOP_H
#define BW_SERVICE_COREHOP_H

#include "service/dialog.h"
#include "service/forward.h"
#include "service/servers.h"

/* Of an error of egress.h or servers.h; FORWARD_OK of 0. */
enum forward_refusal corehop_refusal(int err);

/* Over UDP. Sets plan->flow, as the others do. */
enum forward_refusal corehop_address(struct context *c, const struct addr *server,
                                     struct forward_plan *plan);

/* The server that a request of a line goes to first; aor: none for what belongs to no line. */
enum forward_refusal corehop_upstream(struct context *c, const struct conf_upstream *upstream,
                                      struct str aor, struct forward_plan *plan);

/* In a dialog: the address in a URI, by the URI's transport; else the upstream that the dialog is
 * with, and there the server of that name, or the one that the dialog began with. */
enum forward_refusal corehop_uri(struct context *c, const struct dialog *d, struct str text,
                                 struct forward_plan *plan);

/* The URI names no address, so that any server of the dialog's upstream may be meant: *out. */
bool corehop_is_named(const struct context *c, const struct dialog *d, struct str text,
                      struct server_want *out);

#endif
