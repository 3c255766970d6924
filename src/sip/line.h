/* The lines of a message as they stand, legal or not: what peek, frame and msg have in common. A
 * line ends with LF, with or without a CR before it; a line that begins with white space belongs
 * to the field before it (RFC 3261 7.3.1). Each step looks at its own bytes only. Pure; any
 * thread. */
#ifndef BW_SIP_LINE_H
#define BW_SIP_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct line {
    struct str name;  /* a token; none: no token with a colon behind it */
    struct str value; /* trimmed, its folds in it; none where name is */
    struct str raw;   /* the whole field with its line end(s) */
    uint32_t n_ends;  /* line ends in raw: more than one means folded */
    bool has_bare_lf; /* one of them lacks its CR */
};

/* Takes the start line off the front of *rest, with the stray line ends before it; *out is without
 * its CRLF. False where no line end comes. */
bool line_start(struct str *rest, struct str *out);

/* Takes the next header field off the front of *rest. False: a blank line is next, or no line end
 * comes any more; then *rest stays. */
bool line_next(struct str *rest, struct line *out);

/* The length of the blank line that *rest begins with: 2, 1 without its CR, 0 if there is none. */
size_t line_blank_len(struct str rest);

/* How often c stands in s. */
size_t line_count(struct str s, char c);

#endif
