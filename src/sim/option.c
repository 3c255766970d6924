#include "sim/option.h"

#include <stdio.h>

#include "base/addr.h"
#include "base/err.h"

enum { PORT_DEFAULT = 5060 };

const struct option_row *option_find(const struct option_table *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->rows[i].name, name) == 0)
            return &t->rows[i];
    return NULL;
}

/* ---------------------------------------------------------------- values */

static int set_number(const struct option_row *row, const char *value, void *place)
{
    uint32_t v;
    if (str_to_u32(str_of(value), row->max, &v) || v < row->min)
        return ERR_BADCONF;
    memcpy(place, &v, sizeof v);
    return 0;
}

static int set_word(const struct option_row *row, const char *value, void *place)
{
    for (uint32_t i = 0; row->words[i]; i++) {
        if (strcmp(row->words[i], value) != 0)
            continue;
        memcpy(place, &i, sizeof i);
        return 0;
    }
    return ERR_BADCONF;
}

static int set_addr(const char *value, void *place)
{
    const struct str transport = STR("udp:");
    struct addr a = {0};
    struct str s = str_of(value);
    if (!str_has_prefix(s, transport) || addr_parse(str_skip(s, transport.n), PORT_DEFAULT, &a))
        return ERR_BADCONF;
    memcpy(place, &a, sizeof a);
    return 0;
}

int option_set(const struct option_row *row, const char *value, void *settings)
{
    void *place = (char *)settings + row->at;
    const bool on = true;
    int err = 0;
    switch (row->kind) {
    case OPTION_FLAG:
        memcpy(place, &on, sizeof on);
        break;
    case OPTION_NUMBER:
        err = set_number(row, value, place);
        break;
    case OPTION_TEXT:
        memcpy(place, &value, sizeof value);
        break;
    case OPTION_ADDR:
        err = set_addr(value, place);
        break;
    case OPTION_WORD:
        err = set_word(row, value, place);
        break;
    case OPTION_CALL:
        err = row->fn(value, settings);
        break;
    }
    return err ? ERR_BADCONF : 0;
}

/* ---------------------------------------------------------------- help */

static void print_words(FILE *to, const char *const *words)
{
    for (size_t i = 0; words[i]; i++)
        (void)fprintf(to, "%s%s", i ? "|" : "", words[i]);
}

static void print_row(const struct option_row *row)
{
    (void)printf("  --%s", row->name);
    if (row->kind == OPTION_WORD) {
        (void)putchar(' ');
        print_words(stdout, row->words);
    } else if (row->value) {
        (void)printf(" %s", row->value);
    }
    (void)printf("\n        %s\n", row->help);
}

static void print_help(const struct option_table *t)
{
    (void)printf("usage: %s [option…]\n\n%s\n\n", t->command, t->about);
    for (size_t i = 0; i < t->n; i++)
        print_row(&t->rows[i]);
    (void)printf("  --help\n        print this\n");
}

/* ---------------------------------------------------------------- arguments */

static int complain(const struct option_table *t, const struct option_row *row, const char *value)
{
    (void)fprintf(stderr, "%s: --%s: ", t->command, row->name);
    if (row->kind == OPTION_WORD)
        print_words(stderr, row->words);
    else if (row->kind == OPTION_NUMBER)
        (void)fprintf(stderr, "a number from %u to %u", row->min, row->max);
    else
        (void)fputs(row->value, stderr);
    (void)fprintf(stderr, " is expected, not \"%s\"\n", value);
    return ERR_BADCONF;
}

static int refuse(const struct option_table *t, const char *argument, const char *why)
{
    (void)fprintf(stderr, "%s: %s: %s (--help lists the options)\n", t->command, argument, why);
    return ERR_BADCONF;
}

/* Splits "--name=value"; *value is NULL where no "=" stands. False: not an option at all. */
static bool split(const char *argument, char name[32], const char **value)
{
    if (strncmp(argument, "--", 2) != 0)
        return false;
    const char *equals = strchr(argument, '=');
    size_t n = equals ? (size_t)(equals - argument) - 2 : strlen(argument) - 2;
    if (n == 0 || n >= 32)
        return false;
    memcpy(name, argument + 2, n);
    name[n] = '\0';
    *value = equals ? equals + 1 : NULL;
    return true;
}

/* Takes argv[*at] and, where it needs one, the value behind it. */
static int take(const struct option_table *t, char **argv, int *at, void *settings)
{
    char name[32];
    const char *value;
    const char *argument = argv[*at];
    const struct option_row *row = NULL;
    if (split(argument, name, &value))
        row = option_find(t, name);
    if (!row)
        return refuse(t, argument, "no such option");
    if (row->kind == OPTION_FLAG && value)
        return refuse(t, argument, "takes no value");
    if (row->kind != OPTION_FLAG && !value && !(value = argv[++*at]))
        return refuse(t, argument, "needs a value");
    return option_set(row, value, settings) ? complain(t, row, value) : 0;
}

int option_parse(const struct option_table *t, int argc, char **argv, void *settings)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(t);
            return 1;
        }
        int err = take(t, argv, &i, settings);
        if (err)
            return err;
    }
    return 0;
}
