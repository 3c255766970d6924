#include "sim/phones.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/stats.h"
#include "base/sys.h"
#include "sim/crew.h"
#include "sim/exits.h"
#include "sim/signals.h"

enum { PHONES_MAX = 10 * 1000 * 1000, WINDOW_CLOSED = 64 };

struct settings {
    struct crew crew; /* first: its options' places */
    uint32_t ramp_up_s;
    bool is_json;
};

struct run {
    struct settings settings;
    struct loop *loop;
    struct signals *signals;
    struct fleet *fleet;
    struct report report;
};

/* ---------------------------------------------------------------- options */

#define AT(member) .at = offsetof(struct settings, member)

static const struct option_row rows[] = {
    {"ramp-up", "SECONDS", "the same as a time: all phones have begun within it", OPTION_NUMBER,
     AT(ramp_up_s), .min = 1, .max = 86400},
    {"closed-loop", NULL,
     "each phone in turn registers again as soon as the window has room, not by time; then the "
     "rate is that of all REGISTERs [no limit]",
     OPTION_FLAG, AT(crew.fleet.is_closed)},
    {"window", "N", "so many REGISTERs under way at most; 0: no limit [0; 64 with --closed-loop]",
     OPTION_NUMBER, AT(crew.fleet.window), .max = PHONES_MAX},
    {"duration", "SECONDS", "how long it lasts [10]", OPTION_NUMBER, AT(crew.fleet.duration_s),
     .min = 1, .max = 7 * 86400},
    {"answer", "WORD",
     "which devices of a line answer a call, the others ring until it is cancelled; busy: none, "
     "all refuse it [first]",
     OPTION_WORD, AT(crew.fleet.callee.answer), .words = callee_answer_words},
    {"answer-after", "MILLISECONDS", "how long a phone rings before it answers or refuses [1000]",
     OPTION_NUMBER, AT(crew.fleet.callee.answer_after_ms), .max = 180000},
    {"unregister", NULL, "at the end, remove every binding", OPTION_FLAG,
     AT(crew.fleet.must_unregister)},
    {"json", NULL, "the report as one line of JSON, with a timeline", OPTION_FLAG, AT(is_json)},
};

static const char command[] = "breakwater-sim phones";

static int parse(int argc, char **argv, struct settings *out)
{
    struct option_row all[CREW_ROWS + sizeof rows / sizeof *rows];
    const struct option_table table = {
        command,
        "SIP phones that register at a server, refresh in time, can be called, and check all that "
        "comes.",
        all,
        crew_join(rows, sizeof rows / sizeof *rows, all),
    };
    return option_parse(&table, argc, argv, out);
}

enum { UNSET = UINT32_MAX >> 1 }; /* above what the window can be set to */

static void set_defaults(struct settings *s)
{
    *s = (struct settings){0};
    crew_set_defaults(&s->crew);
    s->crew.fleet.window = UNSET;
    s->crew.fleet.duration_s = 10;
}

/* What depends on other options. */
static void settle(struct settings *s)
{
    struct fleet_conf *c = &s->crew.fleet;
    if (c->window == UNSET)
        c->window = c->is_closed ? WINDOW_CLOSED : 0;
    if (s->ramp_up_s && c->rate == CREW_UNSET)
        c->rate = (c->n_phones + s->ramp_up_s - 1) / s->ramp_up_s;
    crew_settle(&s->crew);
}

/* ---------------------------------------------------------------- running */

static void print_report(const struct run *r)
{
    if (r->settings.is_json)
        report_print_json(&r->report, stdout);
    else
        report_print_text(&r->report, stdout);
}

static void on_signal(int number, void *arg)
{
    struct run *r = arg;
    if (number != SIGUSR1) {
        fleet_stop(r->fleet);
        return;
    }
    r->report.ended_us = sys_now_us();
    print_report(r);
}

static void on_done(void *arg)
{
    struct run *r = arg;
    loop_stop(r->loop);
}

static int open_all(struct run *r)
{
    const struct fleet_setup setup = {
        .conf = &r->settings.crew.fleet,
        .style = &r->settings.crew.style,
        .report = &r->report,
        .on_done = on_done,
        .arg = r,
    };
    int err = stats_thread_start();
    if (!err)
        err = loop_new(&r->loop);
    if (!err)
        err = signals_new(r->loop, on_signal, r, &r->signals);
    if (!err)
        err = digest_answer_new(&r->settings.crew.style.digest);
    if (!err)
        err = fleet_new(r->loop, &setup, &r->fleet);
    if (err)
        (void)fprintf(stderr, "%s: start: %s\n", command,
                      err == ERR_IO ? strerror(errno) : err_text(err));
    return err;
}

static void close_all(struct run *r)
{
    fleet_free(r->fleet);
    digest_answer_free(r->settings.crew.style.digest);
    signals_free(r->signals);
    loop_free(r->loop);
    report_fini(&r->report);
}

int phones_main(int argc, char **argv)
{
    static struct run r; /* its histograms are large */
    set_defaults(&r.settings);
    int err = parse(argc, argv, &r.settings);
    if (err)
        return err > 0 ? EXIT_SUCCESS : EXIT_USAGE;
    settle(&r.settings);
    int code = EXIT_FAILURE;
    if (open_all(&r) == 0) {
        loop_run(r.loop);
        print_report(&r);
        code = report_is_clean(&r.report) ? EXIT_SUCCESS : EXIT_FAULTY;
    }
    close_all(&r);
    return code;
}
