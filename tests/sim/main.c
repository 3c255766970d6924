/* sim [-s SEED] [-n RUNS] [-v] FILE…: runs scenarios. Exit code 0: all passed; 1: one failed; 64:
 * usage. docs/simulation.md has the language. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "logbook.h"
#include "run.h"
#include "sip/glue.h"
#include "steps.h"

enum { SOAK_RUNS = 10000, FIRST_SEED = 1, USAGE = 64 };

struct options {
    uint64_t seed;
    unsigned n_runs; /* 0: as many as the scenario wants */
    bool is_verbose;
};

static unsigned count_runs(const struct options *o, const struct script *s)
{
    unsigned own = steps_random_runs(s);
    if (own == 1)
        return 1;
    if (o->n_runs)
        return o->n_runs;
    return getenv("BREAKWATER_SOAK") ? SOAK_RUNS : own;
}

static bool run_seeds(const struct options *o, const struct script *s)
{
    unsigned n = count_runs(o, s);
    uint64_t trace, again;
    for (unsigned i = 0; i < n; i++) {
        if (run_scenario(s, o->seed + i, o->is_verbose, &trace))
            continue;
        printf("to see it again: sim -s %llu -n 1 %s\n", (unsigned long long)(o->seed + i),
               s->path);
        return false;
    }
    /* What is not the same twice cannot be looked into. */
    bool is_same = run_scenario(s, o->seed + n - 1, false, &again) && again == trace;
    if (!is_same)
        printf("%s: two runs with one seed differ\n", s->path);
    return is_same;
}

static bool run_file(const struct options *o, const char *path)
{
    struct script s;
    bool has_passed = false;
    if (script_open(path, &s)) {
        has_passed = run_seeds(o, &s);
        script_close(&s);
    }
    printf("%s %s\n", has_passed ? "PASS" : "FAIL", path);
    return has_passed;
}

static int usage(void)
{
    fprintf(stderr, "usage: sim [-s SEED] [-n RUNS] [-v] FILE.sim...\n");
    return USAGE;
}

static bool parse_number(const char *text, uint64_t *out)
{
    return str_to_u64(str_of(text), UINT32_MAX, out) == 0;
}

int main(int argc, char **argv)
{
    struct options o = {.seed = FIRST_SEED};
    uint64_t n = 0;
    for (int c = getopt(argc, argv, "s:n:v"); c != -1; c = getopt(argc, argv, "s:n:v")) {
        bool is_good = c == 'v' || (c == 's' && parse_number(optarg, &o.seed)) ||
                       (c == 'n' && parse_number(optarg, &n));
        if (!is_good)
            return usage();
        o.is_verbose |= c == 'v';
    }
    if (optind == argc)
        return usage();
    o.n_runs = (unsigned)n;
    if (!logbook_open(o.is_verbose))
        return EXIT_FAILURE;
    glue_init();
    bool have_passed = true;
    for (int i = optind; i < argc; i++)
        have_passed &= run_file(&o, argv[i]);
    log_close();
    return have_passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
