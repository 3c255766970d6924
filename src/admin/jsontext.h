/* Bytes of messages and files as JSON, which takes UTF-8 only. Any thread. */
#ifndef BW_ADMIN_JSONTEXT_H
#define BW_ADMIN_JSONTEXT_H

#include <jansson.h>

#include "base/str.h"

/* A string, with question marks in place of all beyond ASCII where it is no UTF-8; null for none
 * and for empty. NULL: no memory. */
json_t *jsontext_of(struct str s);

#endif
