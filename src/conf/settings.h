/* A configuration file as what stands in it: sections and values with their lines, nothing
 * interpreted yet. libConfuse reads the grammar; it is not thread-safe, so main thread. */
#ifndef BW_CONF_SETTINGS_H
#define BW_CONF_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"
#include "conf/finding.h"
#include "conf/schema.h"

/* One value; a list has one for each element. */
struct setting {
    struct setting *next; /* of the same section, in the file's order */
    const struct schema_option *option;
    const char *text; /* NULL: see settings_is_empty */
    unsigned line;
};

struct settings_section {
    struct settings_section *next; /* in the file's order */
    const char *title;             /* NULL for a section without */
    unsigned line;                 /* of its opening brace; 0: it is not in the file */
    struct setting *first, *last;
    const void *handle; /* libConfuse's, while it reads */
};

struct settings {
    struct settings_section *sections[SECTION_MAX]; /* an untitled one is there exactly once */
    size_t n[SECTION_MAX];
    bool is_partial; /* reading stopped at a mistake of grammar */
};

/* Reads f->path; everything lives in the arena. ERR_BADCONF: errors were said and the file
 * or its grammar is of no use; what was understood before is in *out all the same. ERR_NOMEM. */
int settings_read(struct findings *f, struct arena *a, struct settings *out);

/* The first value of an option in a section, or in one that stands in it; NULL if it is not there.
 * settings_next: the next element of a list. */
const struct setting *settings_find(const struct settings_section *s,
                                    const struct schema_option *o);
const struct setting *settings_next(const struct setting *s);

/* A list that is there and has no elements. */
static inline bool settings_is_empty(const struct setting *s)
{
    return !s->text;
}

#endif
