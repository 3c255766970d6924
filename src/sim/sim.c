#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

#include "sim/exits.h"
#include "sim/forecast.h"
#include "sim/phones.h"
#include "sim/serve.h"
#include "sim/storm.h"
#include "sip/glue.h"

static const char usage[] =
    "usage: breakwater-sim phones [option…]\n"
    "       breakwater-sim registrar [option…]\n"
    "       breakwater-sim storm [option…]\n"
    "       breakwater-sim forecast [option…]\n"
    "       breakwater-sim COMMAND --help\n"
    "       breakwater-sim --version | --help\n"
    "\n"
    "  phones     be many phones that register, and check every answer\n"
    "  registrar  be the registrar behind Breakwater, which misbehaves on demand\n"
    "  storm      let many phones come back at once, and show what that does on both sides\n"
    "  forecast   reckon that from the binding table of a daemon, without a packet\n";

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    glue_init();
    if (strcmp(command, "phones") == 0)
        return phones_main(argc - 1, argv + 1);
    if (strcmp(command, "registrar") == 0)
        return serve_main(argc - 1, argv + 1);
    if (strcmp(command, "storm") == 0)
        return storm_main(argc - 1, argv + 1);
    if (strcmp(command, "forecast") == 0)
        return forecast_main(argc - 1, argv + 1);
    if (strcmp(command, "--version") == 0 || strcmp(command, "-V") == 0) {
        (void)puts("breakwater-sim " PACKAGE_VERSION);
        return EXIT_SUCCESS;
    }
    const int is_help = strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0;
    (void)fputs(usage, is_help ? stdout : stderr);
    return is_help ? EXIT_SUCCESS : EXIT_USAGE;
}
