/* Command-line options as a table of rows, from which arguments are read, a control line sets a
 * value while the program runs, and the help is printed. One thread. */
#ifndef BW_SIM_OPTION_H
#define BW_SIM_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_kind {
    OPTION_FLAG,   /* bool; no value */
    OPTION_NUMBER, /* uint32_t, min…max */
    OPTION_TEXT,   /* const char *, kept as it came */
    OPTION_ADDR,   /* struct addr: "udp:IP[:PORT]", port 5060 where none stands */
    OPTION_WORD,   /* uint32_t: the place in words */
    OPTION_CALL    /* fn judges and keeps it */
};

/* Reads value into settings. 0, or ERR_* when it is not what row->value says. */
typedef int option_fn(const char *value, void *settings);

struct option_row {
    const char *name;  /* without the dashes */
    const char *value; /* what its value is, for help and complaints; NULL for a flag */
    const char *help;
    enum option_kind kind;
    bool is_live; /* may be set while the program runs */
    size_t at;    /* place in the settings */
    uint32_t min, max;
    const char *const *words; /* NULL-terminated */
    option_fn *fn;
};

struct option_table {
    const char *command; /* "breakwater-sim phones" */
    const char *about;   /* what it does: a sentence or two for the help */
    const struct option_row *rows;
    size_t n;
};

/* A row by its name, NULL if there is none. */
const struct option_row *option_find(const struct option_table *t, const char *name);

/* 0, or ERR_BADCONF: not what the row expects; settings are as before. */
int option_set(const struct option_row *row, const char *value, void *settings);

/* Arguments "--name value", "--name=value"; argv[0] is passed by. 0; 1: help was asked for and
 * printed; ERR_BADCONF: a complaint was printed to standard error. */
int option_parse(const struct option_table *t, int argc, char **argv, void *settings);

#endif
