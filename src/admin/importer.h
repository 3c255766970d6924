/* POST /api/v1/import: lines of an export, in pieces as large as the body may be: each request
 * begins with the export's head, then come its keys or lines of AoRs. All lines of a request are
 * checked before one of them is taken. What stands here already stays as it is (intake.h), so the
 * same lines may be sent again. On the thread of its HTTP server; waits for the commits. */
#ifndef BW_ADMIN_IMPORTER_H
#define BW_ADMIN_IMPORTER_H

#include <stdbool.h>

#include "admin/api.h"

enum { IMPORTER_BODY_MAX = 4 << 20, IMPORTER_LINES_MAX = 4096 };

/* The query's check=yes: they are checked, and nothing is changed. may_have_keys: who asks came by
 * the Unix socket. Answers:
 *
 *     200 {"key":"same"|"other","taken":…,"same":…,"kept":…,"failed":…,"foreign":[AoR, …]}
 *     200 {"key":…,"keys":"same"|"other"|"installed"}   where the keys were sent
 *     422 {"error":…,"errors":[{"line":…,"message":…}, …]}   nothing was changed
 *     409 other-keys: AoRs stand here that rest on other keys; nothing was changed */
void importer_serve(const struct api_hooks *hooks, const struct api_request *q, bool may_have_keys,
                    struct answer *out);

#endif
