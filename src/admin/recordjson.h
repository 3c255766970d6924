/* One AoR's record as a JSON object, and back: a line of export and import. Nothing that is stored
 * is left out but what means something in this process only: the lease's slot, and which stream it
 * was (that there was one is told). Times are seconds after 1970 by the wall clock; text that is no
 * UTF-8 is {"hex": …}. Pure; any thread. */
#ifndef BW_ADMIN_RECORDJSON_H
#define BW_ADMIN_RECORDJSON_H

#include <jansson.h>
#include <stdint.h>

#include "base/arena.h"
#include "core/binding.h"
#include "store/codec.h"

/* Raised with every change of what a line holds after a release that has this one: who knows only
 * an older one must refuse it, since what it left out would be lost. */
enum { RECORDJSON_FORMAT = 1 };

struct recordjson {
    const struct codec_names *names; /* of the listen sections */
    int64_t wall_ahead_s;            /* wall clock - service clock */
};

/* NULL: no memory. */
json_t *recordjson_of(const struct recordjson *by, const struct aor_record *r);

/* What is wrong with a line: where, and what was expected. */
struct recordjson_fault {
    char text[200];
};

/* The record in the arena, with slices into the JSON, which must live as long: strictly checked,
 * with no member that is not known and no text that could end a header field. A binding that had a
 * stream has flow_id 1, which names none. 0; ERR_PARSE: *f says why; ERR_NOMEM. */
int recordjson_parse(const struct recordjson *by, struct arena *a, const json_t *json,
                     struct aor_record **out, struct recordjson_fault *f);

#endif
