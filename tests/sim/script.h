/* A scenario as it stands in its file: steps of words, read and checked for their form only. What
 * they mean: step.c, craft.c, expect.c. The script owns all that its slices point to. */
#ifndef BW_TESTS_SIM_SCRIPT_H
#define BW_TESTS_SIM_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"

enum { SCRIPT_WORDS = 32 };

/* "key=value", or a word alone: then key is none. */
struct word {
    struct str key, value;
};

struct step {
    unsigned line;
    struct str text; /* the line as it stands */
    struct word words[SCRIPT_WORDS];
    size_t n_words;
    struct str block; /* lines of a { … } (with LF) or <<END (with CRLF), or none */
};

struct script {
    const char *path;
    struct arena arena;
    struct step *steps;
    size_t n_steps;
};

/* False: what is wrong was printed as FILE:LINE. */
bool script_open(const char *path, struct script *out);
void script_close(struct script *s);

/* The nth word without a key, none if there are not so many. */
struct str script_word(const struct step *s, size_t nth);

/* The value of the last word with that key, none if absent. */
struct str script_value(const struct step *s, struct str key);

/* "55s", "500ms", "3.5s", "2m" in milliseconds; false: none of these. */
bool script_parse_ms(struct str s, uint64_t *out);

#endif
