#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#include "ctl/passwd.h"

/* sysexits.h: EX_USAGE. */
enum { EXIT_USAGE = 64 };

static const char usage[] =
    "usage: breakwaterctl passwd FILE USER REALM\n"
    "       breakwaterctl -V | -h\n"
    "\n"
    "  passwd  set a user's password in a credentials file; it is asked for, or is the first\n"
    "          line of standard input\n"
    "  -V      print the version\n"
    "  -h      print this help\n";

static const struct {
    const char *name;
    int n_words; /* behind the name */
    int (*run)(char **words);
} commands[] = {
    {"passwd", 3, passwd_run},
};

static int misused(void)
{
    (void)fputs(usage, stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0) {
        (void)fputs(usage, stdout);
        return EXIT_SUCCESS;
    }
    if (strcmp(word, "-V") == 0 || strcmp(word, "--version") == 0) {
        (void)puts("breakwaterctl " PACKAGE_VERSION);
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(word, commands[i].name) == 0)
            return argc - 2 == commands[i].n_words ? commands[i].run(argv + 2) : misused();
    return misused();
}
