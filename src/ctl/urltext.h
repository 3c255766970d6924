/* Paths and parameters of a request. One thread. */
#ifndef BW_CTL_URLTEXT_H
#define BW_CTL_URLTEXT_H

#include "base/buf.h"

enum { URLTEXT_MAX = 4096 };

/* Appends text with all escaped that is not plain everywhere (RFC 3986 2.3). */
void urltext_add(struct buf *b, const char *text);

/* &name=value, or ?name=value for the first one; nothing where the value is NULL. */
void urltext_add_param(struct buf *b, const char *name, const char *value);

/* A path, and a last part that is escaped, NUL-terminated in out. NULL: it is too long. */
const char *urltext_path(char out[URLTEXT_MAX], const char *path, const char *last);

#endif
