/* A pass over a configuration's text before libConfuse sees it, because that counts lines wrongly
 * after comments and does not say where a section begins. Pure. */
#ifndef BW_CONF_SCAN_H
#define BW_CONF_SCAN_H

#include <stddef.h>

#include "conf/finding.h"

struct scan {
    unsigned *lines; /* of the opening braces of sections, in the order in which they close */
    size_t n;
};

/* Overwrites comments with blanks. lines has room for as many numbers as there are braces that
 * close. An error is said for a string, comment or brace without end, or a NUL byte. */
void scan_text(char *text, size_t len, struct findings *f, struct scan *out);

#endif
