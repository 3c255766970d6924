#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#include "base/wipe.h"
#include "ctl/alarms.h"
#include "ctl/aorcmd.h"
#include "ctl/aorlist.h"
#include "ctl/ask.h"
#include "ctl/bans.h"
#include "ctl/clustercmd.h"
#include "ctl/command.h"
#include "ctl/completion.h"
#include "ctl/exportcmd.h"
#include "ctl/importcmd.h"
#include "ctl/linelist.h"
#include "ctl/operate.h"
#include "ctl/passwd.h"
#include "ctl/savings.h"
#include "ctl/top.h"
#include "ctl/trace.h"
#include "ctl/why.h"
#include "ctl/uplist.h"

static int run_passwd(const struct call *c)
{
    return passwd_run(c->words);
}

static int run_completion(const struct call *c);

static const struct command commands[] = {
    {{"status"}, "", 0, 0, "version, readiness and totals of the running daemon", operate_status},
    {{"alarms"}, "", 0, 0, "what is wrong now, and since when", alarms_run},
    {{"aor", "list"}, "[FILTER]... [PREFIX]", 0, 11, "the lines with their devices", aorlist_run},
    {{"aor", "show"}, "AOR", 1, 1, "one line: devices, deadlines, upstream", aorcmd_show},
    {{"aor", "remove"}, "AOR", 1, 1, "take a line away, here and upstream", aorcmd_remove},
    {{"why"}, "AOR", 1, 1, "the last decisions on a line, explained", why_run},
    {{"top"}, "[--once]", 0, 1, "what goes on, anew each second", top_run},
    {{"trace"}, "[AOR] [TRACE OPTION]...", 0, 8, "the SIP messages as they come and go", trace_run},
    {{"savings"}, "", 0, 0, "REGISTERs in, absorbed and out", savings_run},
    {{"line", "list"}, "", 0, 0, "the fixed lines and their registrations", linelist_run},
    {{"upstream", "list"}, "", 0, 0, "the upstreams: state, pace, what waits", uplist_run},
    {{"upstream", "resync"}, "NAME", 1, 1, "register again what we can prove", operate_resync},
    {{"upstream", "drain"}, "NAME", 1, 1, "take one out of use, as in an outage", operate_hold},
    {{"upstream", "resume"}, "NAME", 1, 1, "and let it come back, at its pace", operate_release},
    {{"ban", "list"}, "", 0, 0, "the sources that are banned", bans_list},
    {{"ban", "add"}, "ADDRESS [SECONDS]", 1, 2, "ban a source, for 10 minutes", bans_add},
    {{"ban", "remove"}, "ADDRESS", 1, 1, "lift a ban", bans_remove},
    {{"cluster", "status"}, "", 0, 0, "the nodes of the cluster: who acts", clustercmd_status},
    {{"cluster", "init"}, "NAME [ROLE]", 1, 2, "SQL that makes its database", clustercmd_init},
    {{"cluster", "restored"}, "NODE", 1, 1, "SQL for after a backup", clustercmd_restored},
    {{"drain"}, "", 0, 0, "end calls, and have devices come back soon", operate_drain},
    {{"reload"}, "", 0, 0, "read the configuration again", operate_reload},
    {{"log-level"}, "[LEVEL]", 0, 1, "show or set what is logged", operate_log_level},
    {{"export"},
     "[--with-keys] [FILE]",
     0,
     2,
     "all lines as JSON Lines, for import",
     exportcmd_run},
    {{"import"},
     "[--check] [--without-keys] FILE",
     1,
     3,
     "take an export's lines in",
     importcmd_run},
    {{"passwd"}, "FILE USER REALM", 3, 3, "set a password in a credentials file", run_passwd},
    {{"completion"}, "SHELL", 1, 1, "a script for it to complete words", run_completion},
};

static const struct command_word words[] = {
    {"FILTER", "--domain NAME, --upstream NAME, --source ADDRESS[/BITS], --user-agent TEXT,\n"
               "          --limit NUMBER"},
    {"TRACE OPTION", "--source ADDRESS[:PORT], --pcap FILE, --count NUMBER, --show-secrets"},
    {"LEVEL", "error, warning, info, debug"},
    {"SHELL", "bash, zsh"},
};

enum {
    N_COMMANDS = sizeof commands / sizeof commands[0],
    N_WORDS = sizeof words / sizeof words[0],
    COMMAND_WIDTH = 28
};

/* ---------------------------------------------------------------- help */

static void print_usage(FILE *out)
{
    (void)fputs("usage: breakwaterctl [--socket PATH] [--json] COMMAND\n"
                "       breakwaterctl -V | -h\n\n",
                out);
    for (int i = 0; i < N_COMMANDS; i++) {
        char text[100];
        const char *second = commands[i].name[1];
        (void)snprintf(text, sizeof text, "%s%s%s %s", commands[i].name[0], second ? " " : "",
                       second ? second : "", commands[i].words);
        (void)fprintf(out, "  %-*s %s\n", COMMAND_WIDTH, text, commands[i].help);
    }
    (void)fputc('\n', out);
    for (int i = 0; i < N_WORDS; i++)
        (void)fprintf(out, "  %s: %s\n", words[i].word, words[i].is);
    (void)fprintf(out,
                  "\n"
                  "  %-*s the daemon's admin socket, else /run/breakwater/admin.sock\n"
                  "  %-*s print the answer of the admin API as it is\n"
                  "  %-*s print the version\n"
                  "  %-*s print this help\n",
                  COMMAND_WIDTH, "-s, --socket PATH", COMMAND_WIDTH, "--json", COMMAND_WIDTH, "-V",
                  COMMAND_WIDTH, "-h");
}

static int misuse(const char *what)
{
    if (what)
        (void)fprintf(stderr, "breakwaterctl: %s\n", what);
    print_usage(stderr);
    return EXIT_USAGE;
}

/* ---------------------------------------------------------------- options */

static bool is_word(const char *word, const char *one, const char *other)
{
    return strcmp(word, one) == 0 || strcmp(word, other) == 0;
}

/* How many words an option is; 0: it is none, -1: its value is missing. */
static int take_option(char **argv, struct call *c)
{
    static const char with_value[] = "--socket=";
    if (strcmp(argv[0], "--json") == 0) {
        c->is_json = true;
        return 1;
    }
    if (strncmp(argv[0], with_value, sizeof with_value - 1) == 0) {
        ask_set_socket(argv[0] + sizeof with_value - 1);
        return 1;
    }
    if (!is_word(argv[0], "-s", "--socket"))
        return 0;
    if (!argv[1])
        return -1;
    ask_set_socket(argv[1]);
    return 2;
}

/* Takes the options from among the words; behind -- there are none. */
static bool take_options(char **argv, struct call *c)
{
    c->words = argv;
    for (char **from = argv; *from;) {
        int n = strcmp(*from, "--") == 0 ? 0 : take_option(from, c);
        if (n < 0)
            return false;
        from += n;
        bool is_end = n == 0 && strcmp(*from, "--") == 0;
        from += is_end;
        while (is_end && *from)
            c->words[c->n++] = *from++;
        if (n == 0 && !is_end)
            c->words[c->n++] = *from++;
    }
    c->words[c->n] = NULL;
    return true;
}

/* ---------------------------------------------------------------- commands */

static bool is_named(int i, const struct call *c)
{
    const char *second = commands[i].name[1];
    return c->n > 0 && strcmp(c->words[0], commands[i].name[0]) == 0 &&
           (!second || (c->n > 1 && strcmp(c->words[1], second) == 0));
}

static int run_completion(const struct call *c)
{
    const struct completion all = {commands, N_COMMANDS, words, N_WORDS};
    return completion_print(c->words[0], &all) ? ask_end(0) : EXIT_USAGE;
}

static int run(struct call *c)
{
    for (int i = 0; i < N_COMMANDS; i++) {
        int n_name = commands[i].name[1] ? 2 : 1;
        if (!is_named(i, c))
            continue;
        c->n -= n_name;
        c->words += n_name;
        if (c->n < commands[i].least || c->n > commands[i].most)
            return misuse("too few words, or too many");
        int status = commands[i].run(c);
        return status == EXIT_USAGE ? misuse(NULL) : status;
    }
    return misuse(c->n ? "there is no such command" : NULL);
}

int main(int argc, char **argv)
{
    struct call c = {0};
    json_set_alloc_funcs(malloc, wipe_free); /* keys of an export or import among it */
    if (argc == 2 && is_word(argv[1], "-h", "--help")) {
        print_usage(stdout);
        return EXIT_SUCCESS;
    }
    if (argc == 2 && is_word(argv[1], "-V", "--version")) {
        (void)puts("breakwaterctl " PACKAGE_VERSION);
        return EXIT_SUCCESS;
    }
    if (argc < 2 || !take_options(argv + 1, &c))
        return misuse(argc < 2 ? NULL : "--socket needs a path");
    return run(&c);
}
