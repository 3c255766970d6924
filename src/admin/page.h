/* The dashboard's files, which are part of the program. Any thread. */
#ifndef BW_ADMIN_PAGE_H
#define BW_ADMIN_PAGE_H

#include <stddef.h>

#include "base/str.h"

struct page {
    const char *type;   /* of the content */
    const char *policy; /* Content-Security-Policy */
    const unsigned char *bytes;
    size_t len;
};

/* False: there is none at that path. out may be NULL. */
bool page_find(struct str path, struct page *out);

#endif
