/* Writes JSON into a builder: commas and escapes are looked after, nesting is the caller's. Bytes
 * that are not UTF-8 come out as if they were Latin-1, so the output is always valid. Pure. */
#ifndef BW_SIM_JSON_H
#define BW_SIM_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct json {
    struct buf *out;
    bool needs_comma;
};

/* bracket: '{' or '['. name: the member's, NULL inside an array and at the top. */
void json_open(struct json *j, const char *name, char bracket);
void json_close(struct json *j, char bracket); /* '}' or ']' */

void json_add_str(struct json *j, const char *name, struct str value);
void json_add_u64(struct json *j, const char *name, uint64_t value);
void json_add_bool(struct json *j, const char *name, bool value);

/* Thousandths: 1234 comes out as 1.234. */
void json_add_milli(struct json *j, const char *name, uint64_t value);

#endif
