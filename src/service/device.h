/* What upstream is told of the device behind one of our registrations: its instance and flow
 * (RFC 5626), its instance for the sake of upstream's GRUUs (RFC 5627). Outside of this nothing of
 * a device crosses (D92). No state; the worker's thread. */
#ifndef BW_SERVICE_DEVICE_H
#define BW_SERVICE_DEVICE_H

#include "core/register.h"
#include "service/context.h"
#include "sip/build.h"

/* Zero: nothing. */
struct device {
    struct str instance; /* with <>, or none */
    uint32_t reg_id;     /* of the flow; 0: none */
    bool is_for_gruu;    /* the instance would cross for that alone */
    bool is_gruu_asked;  /* and the REGISTER asks for GRUUs */
};

/* That of an upstream registration, by the REGISTER at hand or by the record. Slices in the arena.
 */
void device_find(struct arena *a, const struct absorb_input *in, uint64_t upreg_id,
                 struct device *out);

/* Appends the Contact's parameters. */
void device_print(const struct device *d, struct buf *out);

/* Takes out of a device's REGISTER what upstream is not told. */
void device_edit(struct context *c, struct build *b, const struct device *d);

/* Takes option tags, a set, out of a Supported or Require header. */
enum { DEVICE_OUTBOUND = 1, DEVICE_GRUU = 2 };
void device_drop_tags(struct context *c, struct build *b, enum hdr_id id, unsigned tags);

#endif
