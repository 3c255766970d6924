/* Whether bytes are UTF-8 (RFC 3629), piece by piece. Pure; any thread. */
#ifndef BW_BASE_UTF8_H
#define BW_BASE_UTF8_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Zero before the first piece, and at the end of every character. */
struct utf8 {
    uint8_t n_left;    /* bytes that the character still needs */
    uint8_t low, high; /* what its next byte may be */
};

/* The next piece. False: no text continues so; then it is not asked again. */
bool utf8_step(struct utf8 *u, struct str piece);

/* No character is half there. */
static inline bool utf8_is_whole(const struct utf8 *u)
{
    return u->n_left == 0;
}

/* All of it. */
bool utf8_is_text(struct str s);

#endif
