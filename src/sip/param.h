/* Lists of ;name=value parameters and comma-separated lists, as slices. Quoted strings are
 * respected, white space around separators is dropped, nothing is un-escaped. Pure; any thread. */
#ifndef BW_SIP_PARAM_H
#define BW_SIP_PARAM_H

#include <stdbool.h>

#include "base/str.h"

struct arena;

struct param {
    struct str name;
    struct str value; /* none: no "="; empty: nothing behind it; quoted ones keep their quotes */
};

/* Takes the next parameter off the front of *rest, which starts at a ';' or is empty or blank.
 * 1: *out is set; 0: the end; ERR_PARSE: neither (name not a token, open quote, garbage). A bare
 * value may have more characters than a token: IPv6 with or without brackets, '/', '@' and such. */
int param_next(struct str *rest, struct param *out);

/* The same at p, where a ';' stands; NULL: malformed. */
const char *param_read(const char *p, const char *end, struct param *out);

/* The first parameter of that name, any case; false if absent or the list is malformed before. */
bool param_find(struct str params, struct str name, struct param *out);

/* A quoted string without its quotes and escapes, into the arena; another value as it is. None:
 * the arena is exhausted. */
struct str param_unquote(struct arena *a, struct str value);

/* Takes the next element off the front of a comma-separated list; commas inside quotes and <> do
 * not count, empty elements are skipped. False at the end. An open quote runs to the end. */
bool param_split(struct str *rest, struct str *element);

#endif
