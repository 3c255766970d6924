/* One AoR's record as bytes: a version, then tagged fields with lengths. Unknown tags are kept out
 * and skipped, so a newer minor version can be read; a newer major version is refused. Listen
 * sections are stored by name. Pure; any thread. */
#ifndef BW_STORE_CODEC_H
#define BW_STORE_CODEC_H

#include "base/buf.h"
#include "core/binding.h"

/* Names of the listen sections, so that a record survives their reordering. */
struct codec_names {
    const char *const *listeners;
    size_t n_listeners;
};

/* Appends the record. out->has_overflown: no room. */
void codec_encode(const struct aor_record *r, const struct codec_names *names, struct buf *out);

/* Slices of the record point into `bytes` (LMDB's page: copy before the transaction ends) or into
 * the arena. 0; ERR_PARSE: damaged; ERR_TOOBIG: a version that is too new; ERR_NOMEM. */
int codec_decode(struct arena *a, struct str bytes, const struct codec_names *names,
                 struct aor_record **out);

#endif
