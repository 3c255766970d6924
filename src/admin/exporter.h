/* GET /api/v1/export: everything that is known, as JSON Lines, without an end in sight of who
 * reads: a head, the keys if they are wanted, an AoR a line, and an end line, without which it is
 * not whole. Each line is what held when it was read, in a snapshot that is given up after some
 * dozens; lines do not depend on each other. A slow reader costs a line of memory. On the thread of
 * its HTTP server. */
#ifndef BW_ADMIN_EXPORTER_H
#define BW_ADMIN_EXPORTER_H

#include <microhttpd.h>

#include "admin/api.h"
#include "admin/fault.h"

/* may_have_keys: who asks came by the Unix socket. The response streams; NULL: *f says why. */
struct MHD_Response *exporter_start(const struct api_hooks *hooks, const struct query *q,
                                    bool may_have_keys, struct fault *f);

#endif
