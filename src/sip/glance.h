/* A REGISTER at a glance: the places that differ from one to the next of the same phone, and the
 * lines that its answer repeats. Only what nearly all phones write is understood, in its plainest
 * form; nothing is judged: who uses it has seen the same bytes, but for those places, judged
 * before. Slices of the message. Pure; any thread. */
#ifndef BW_SIP_GLANCE_H
#define BW_SIP_GLANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "sip/via.h"

struct glance {
    /* Branch, tag and number stand in this order in the message. Tokens all three, so that no other
     * ones in their places could change how the rest is read. */
    struct via via; /* the top one; text, branch and rport only: as via.h has it for a plain one */
    struct str from_tag;
    struct str number; /* CSeq's digits */
    uint32_t cseq;
    struct str via_line, from, to, cseq_line; /* whole lines with their ends; To without it */
    struct str call_id_line, call_id;
    struct str contact; /* value of the one Contact, up to its expires */
};

/* Reads no further than it must: a second line of one of these names is seen in front of the last
 * of them only. False: it is not as plain as that; then it is to be read in earnest. */
bool glance_parse(struct str bytes, struct glance *out);

#endif
