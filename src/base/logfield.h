/* Named values of a log line or of an event, and how they are written: as words for people, and as
 * members of a JSON object. Pure; any thread. */
#ifndef BW_BASE_LOGFIELD_H
#define BW_BASE_LOGFIELD_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum { LOGFIELD_MAX = 12 };

struct log_field {
    const char *name; /* lower case, digits and '-' */
    struct str text;  /* none: it is a number */
    uint64_t number;
};

#define LOG_TEXT(n, t)   ((struct log_field){.name = (n), .text = (t)})
#define LOG_NUMBER(n, v) ((struct log_field){.name = (n), .number = (v)})

/* " name=value" for each: a blank, a control character, '%', a quote and what is not ASCII as %xx,
 * so that a value is one word whoever it comes from; an empty one is "-". */
void logfield_words(struct buf *out, const struct log_field *fields, size_t n);

/* ",\"name\":\"value\"" for each. Text that is not UTF-8 is taken for Latin-1. */
void logfield_json(struct buf *out, const struct log_field *fields, size_t n);

/* What stands between the quotes of a JSON string. */
void logfield_json_text(struct buf *out, struct str text);

#endif
