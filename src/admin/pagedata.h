/* The bytes of the dashboard's files; pagedata.c is made of src/admin/web by the makefile. */
#ifndef BW_ADMIN_PAGEDATA_H
#define BW_ADMIN_PAGEDATA_H

#include <stddef.h>

enum { PAGEDATA_FILES = 3 };

struct pagedata {
    const char *path, *type; /* of the content */
    const unsigned char *bytes;
    size_t len;
};

extern const struct pagedata pagedata[PAGEDATA_FILES];

#endif
