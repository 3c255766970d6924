/* One AoR's record as bytes: a version, then tagged fields with lengths. Unknown tags are kept out
 * and skipped, so a newer minor version can be read; a newer major version is refused. Listen
 * sections are stored by name. Pure; any thread.
 *
 *     record  = version, fields
 *     field   = tag (1 byte), length (LEB128, at most 4 bytes), value
 *     value   = bytes | number (little-endian, without leading zeros) | fields
 *
 * What is zero, absent or "none" is not written. The tags stand in codec.c and never change their
 * meaning. */
#ifndef BW_STORE_CODEC_H
#define BW_STORE_CODEC_H

#include "base/buf.h"
#include "core/binding.h"

/* way.listener of a binding whose listen section is no longer configured. */
enum { CODEC_NO_LISTENER = 255 };

/* Names of the listen sections, so that a record survives their reordering. */
struct codec_names {
    const char *const *listeners;
    size_t n_listeners;
};

/* Appends the record. out->has_overflown: no room. */
void codec_encode(const struct aor_record *r, const struct codec_names *names, struct buf *out);

/* More bytes than codec_encode will take for this record. */
size_t codec_bound(const struct aor_record *r, const struct codec_names *names);

/* Slices of the record point into `bytes` (LMDB's page: copy before the transaction ends) or into
 * the arena; there is no room to grow. 0; ERR_PARSE: damaged; ERR_TOOBIG: a version that is too
 * new; ERR_NOMEM. */
int codec_decode(struct arena *a, struct str bytes, const struct codec_names *names,
                 struct aor_record **out);

#endif
