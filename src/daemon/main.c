#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"

#include "base/err.h"
#include "base/wipe.h"
#include "conf/conf.h"
#include "daemon/daemon.h"

/* sysexits.h: EX_USAGE and EX_CONFIG, which service managers know. */
enum { EXIT_USAGE = 64, EXIT_BADCONF = 78 };

static const char usage[] = "usage: breakwater -c FILE [-t]\n"
                            "       breakwater -V | -h\n"
                            "\n"
                            "  -c FILE  read the configuration from FILE, run in the foreground\n"
                            "  -t       check the configuration, print what was found, exit\n"
                            "  -V       print the version\n"
                            "  -h       print this help\n";

struct options {
    const char *file;
    bool is_test;
};

static void say(bool is_error, const char *text, void *arg)
{
    (void)arg;
    (void)fprintf(stderr, "%s: %s\n", is_error ? "error" : "warning", text);
}

/* 0: go on; else the exit code + 1, so that -h and -V can end well. */
static int parse_options(int argc, char **argv, struct options *out)
{
    int opt;
    while ((opt = getopt(argc, argv, "c:tVh")) != -1) {
        switch (opt) {
        case 'c':
            out->file = optarg;
            break;
        case 't':
            out->is_test = true;
            break;
        case 'V':
            (void)puts("breakwater " PACKAGE_VERSION);
            return EXIT_SUCCESS + 1;
        case 'h':
            (void)fputs(usage, stdout);
            return EXIT_SUCCESS + 1;
        default:
            (void)fputs(usage, stderr);
            return EXIT_USAGE + 1;
        }
    }
    if (out->file && optind == argc)
        return 0;
    (void)fputs(usage, stderr);
    return EXIT_USAGE + 1;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    json_set_alloc_funcs(malloc, wipe_free); /* keys of an export or import among it */
    int code = parse_options(argc, argv, &o);
    if (code)
        return code - 1;
    struct conf *conf;
    int err = conf_load(o.file, say, NULL, &conf);
    if (err)
        return err == ERR_BADCONF ? EXIT_BADCONF : EXIT_FAILURE;
    if (o.is_test) {
        (void)printf("%s: the configuration is good\n", o.file);
        conf_unref(conf);
        return EXIT_SUCCESS;
    }
    return daemon_run(conf) ? EXIT_FAILURE : EXIT_SUCCESS;
}
