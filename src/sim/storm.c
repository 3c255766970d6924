#include "sim/storm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/stats.h"
#include "base/sys.h"
#include "sim/crew.h"
#include "sim/exits.h"
#include "sim/outcome.h"
#include "sim/signals.h"

enum {
    TICK_MS = 100,
    MINUTE_MS = 60000,
    FOREVER_S = 30 * 86400, /* the storm ends the fleet, not its own duration */
    UNSET = UINT32_MAX
};

enum kind { KIND_FLAP, KIND_POWER, KIND_NAT, KIND_FAILOVER };

static const char *const kind_words[] = {"flap", "power", "nat", "failover", NULL};
static const char *const kind_names[] = {"network flap", "power cut", "NAT rebinding",
                                         "upstream failover"};
static const uint32_t outages_s[] = {2, 10, 1, 30};

struct settings {
    struct crew crew; /* first: its options' places */
    uint32_t kind;
    uint32_t outage_s, within_s, settle_s, watch_s, patience_s;
    const char *svg;
    struct meter_conf meter;
    bool is_json;
};

enum phase { PREPARING, CALM, CUT, WATCHING, ENDED };

struct storm {
    struct settings settings;
    struct loop *loop;
    struct signals *signals;
    struct fleet *fleet;
    struct meter *meter;
    struct report report;
    struct wheel_timer tick;
    enum phase phase;
    uint64_t phase_ms; /* when it began */
    uint64_t cut_us;
    size_t first_second; /* of the report's, in which the calm began */
    bool is_silenced;    /* the registrar, by us */
    bool is_complete;    /* the storm was played to its end */
};

static const char command[] = "breakwater-sim storm";

/* ---------------------------------------------------------------- options */

#define AT(member) .at = offsetof(struct settings, member)

static const struct option_row rows[] = {
    {"kind", "WORD",
     "flap: the network is away for a moment; power: phones restart, with new Call-IDs and without "
     "nonces; nat: each has another address; failover: the registrar at --control is silent "
     "meanwhile [flap]",
     OPTION_WORD, AT(kind), .words = kind_words},
    {"outage", "SECONDS", "how long it lasts [flap 2, power 10, nat 1, failover 30]", OPTION_NUMBER,
     AT(outage_s), .max = 3600},
    {"within", "SECONDS", "all phones register anew in that time [5]", OPTION_NUMBER, AT(within_s),
     .max = 3600},
    {"settle", "SECONDS", "how long all is calm before, for comparison [10]", OPTION_NUMBER,
     AT(settle_s), .max = 3600},
    {"watch", "SECONDS", "how long is looked on afterwards [30]", OPTION_NUMBER, AT(watch_s),
     .min = 1, .max = 3600},
    {"patience", "SECONDS", "how long at most, while phones are not back yet [300]", OPTION_NUMBER,
     AT(patience_s), .min = 1, .max = 3600},
    {"admin", "IP:PORT|PATH", "Breakwater's admin API, for what goes upstream [not asked]",
     OPTION_TEXT, AT(meter.admin)},
    {"control", "PATH",
     "the control socket of breakwater-sim registrar, for what comes to it [not asked]",
     OPTION_TEXT, AT(meter.control)},
    {"svg", "FILE", "draw the picture there [none]", OPTION_TEXT, AT(svg)},
    {"json", NULL, "the figures as one line of JSON, with a timeline, in place of the text",
     OPTION_FLAG, AT(is_json)},
};

static int parse(int argc, char **argv, struct settings *out)
{
    struct option_row all[CREW_ROWS + sizeof rows / sizeof *rows];
    const struct option_table table = {
        command,
        "Registers phones, lets all of them come back at once, and shows REGISTER/s on both sides, "
        "who was refused and who waited longest.",
        all,
        crew_join(rows, sizeof rows / sizeof *rows, all),
    };
    return option_parse(&table, argc, argv, out);
}

static void set_defaults(struct settings *s)
{
    *s = (struct settings){
        .outage_s = UNSET, .within_s = 5, .settle_s = 10, .watch_s = 30, .patience_s = 300};
    crew_set_defaults(&s->crew);
    s->crew.fleet.duration_s = FOREVER_S;
}

static int refuse(const char *why)
{
    (void)fprintf(stderr, "%s: %s\n", command, why);
    return ERR_BADCONF;
}

/* What depends on other options. */
static int settle(struct settings *s)
{
    struct fleet_conf *c = &s->crew.fleet;
    crew_settle(&s->crew);
    if (s->kind == KIND_FAILOVER && !s->meter.control)
        return refuse("--kind failover needs --control: it is the registrar there that fails");
    if (s->kind == KIND_NAT && c->n_sources == c->n_phones)
        c->n_sources *= 2;
    if (s->kind == KIND_NAT && c->n_sources < 2)
        return refuse("--kind nat needs --sources of at least 2: where else should they come from");
    if (s->outage_s == UNSET)
        s->outage_s = outages_s[s->kind];
    if (s->patience_s < s->watch_s)
        s->patience_s = s->watch_s;
    return 0;
}

/* ---------------------------------------------------------------- phases */

static void set_phase(struct storm *s, enum phase phase)
{
    s->phase = phase;
    s->phase_ms = loop_now_ms(s->loop);
}

static void finish(struct storm *s)
{
    set_phase(s, ENDED);
    loop_timer_stop(s->loop, &s->tick);
    fleet_stop(s->fleet);
}

static void silence(struct storm *s, bool is_silent)
{
    if (meter_command(s->settings.meter.control, is_silent ? "silent on" : "silent off"))
        finish(s);
    else
        s->is_silenced = is_silent;
}

static void begin_calm(struct storm *s)
{
    s->first_second = s->report.n_seconds;
    set_phase(s, CALM);
}

static void cut(struct storm *s)
{
    s->cut_us = sys_now_us();
    set_phase(s, CUT);
    if (s->settings.kind == KIND_FAILOVER)
        silence(s, true);
    else
        fleet_cut(s->fleet);
}

static void come_back(struct storm *s)
{
    const struct fleet_comeback how = {
        .within_ms = s->settings.within_s * 1000,
        .is_rebooted = s->settings.kind == KIND_POWER,
        .is_rebound = s->settings.kind == KIND_NAT,
    };
    if (s->is_silenced)
        silence(s, false);
    if (s->phase == ENDED)
        return;
    fleet_come_back(s->fleet, &how);
    set_phase(s, WATCHING);
}

/* As long as their rate takes, and one more minute. */
static uint64_t prepare_ms(const struct fleet_conf *c)
{
    return MINUTE_MS + (c->rate ? c->n_phones * 1000ULL / c->rate : 0);
}

static void prepare(struct storm *s, uint64_t ms)
{
    if (s->report.registered == s->report.phones) {
        begin_calm(s);
    } else if (ms > prepare_ms(&s->settings.crew.fleet)) {
        (void)fprintf(stderr, "%s: only %lu of %lu phones could be registered beforehand\n",
                      command, (unsigned long)s->report.registered,
                      (unsigned long)s->report.phones);
        finish(s);
    }
}

static void watch(struct storm *s, uint64_t ms)
{
    const bool is_whole = s->report.back.phones == s->report.phones;
    if (ms < s->settings.watch_s * 1000ULL || (!is_whole && ms < s->settings.patience_s * 1000ULL))
        return;
    s->is_complete = true;
    finish(s);
}

static void on_tick(void *arg)
{
    struct storm *s = arg;
    const uint64_t ms = loop_now_ms(s->loop) - s->phase_ms;
    loop_timer_start(s->loop, &s->tick, TICK_MS);
    if (s->phase == PREPARING)
        prepare(s, ms);
    else if (s->phase == CALM && ms >= s->settings.settle_s * 1000ULL)
        cut(s);
    else if (s->phase == CUT && ms >= s->settings.outage_s * 1000ULL)
        come_back(s);
    else if (s->phase == WATCHING)
        watch(s, ms);
}

static void on_signal(int number, void *arg)
{
    if (number != SIGUSR1)
        finish(arg);
}

static void on_done(void *arg)
{
    struct storm *s = arg;
    loop_stop(s->loop);
}

/* ---------------------------------------------------------------- the end */

static int draw(const struct storm *s, const struct outcome *o)
{
    if (!s->settings.svg)
        return 0;
    FILE *to = fopen(s->settings.svg, "w");
    bool is_good = to;
    if (to) {
        outcome_print_svg(o, to);
        is_good = !ferror(to);
        is_good = fclose(to) == 0 && is_good;
    }
    if (!is_good)
        (void)fprintf(stderr, "%s: %s: %s\n", command, s->settings.svg, strerror(errno));
    return is_good ? 0 : ERR_IO;
}

/* The exit code: a phone that is lost is a fault. */
static int tell(const struct storm *s)
{
    struct outcome_setup setup = {
        .kind = kind_names[s->settings.kind],
        .report = &s->report,
        .first_second = s->first_second,
        .cut_us = s->cut_us,
        .within_s = s->settings.within_s,
    };
    struct outcome o;
    if (s->meter)
        setup.samples = meter_stop(s->meter, &setup.n_samples);
    if (outcome_init(&setup, &o)) {
        (void)fprintf(stderr, "%s: out of memory\n", command);
        return EXIT_FAILURE;
    }
    if (s->settings.is_json)
        outcome_print_json(&o, stdout);
    else
        outcome_print_text(&o, stdout);
    int err = draw(s, &o);
    const bool is_faulty = o.never_back || s->report.total.wrong;
    outcome_fini(&o);
    if (err)
        return EXIT_FAILURE;
    return is_faulty ? EXIT_FAULTY : EXIT_SUCCESS;
}

static int open_all(struct storm *s)
{
    const struct fleet_setup setup = {
        .conf = &s->settings.crew.fleet,
        .style = &s->settings.crew.style,
        .report = &s->report,
        .on_done = on_done,
        .arg = s,
    };
    int err = stats_thread_start();
    if (!err)
        err = loop_new(&s->loop);
    if (!err) /* before the meter's thread: it has no signals of its own */
        err = signals_new(s->loop, on_signal, s, &s->signals);
    if (!err)
        err = digest_answer_new(&s->settings.crew.style.digest);
    if (!err)
        err = fleet_new(s->loop, &setup, &s->fleet);
    if (err)
        (void)fprintf(stderr, "%s: start: %s\n", command,
                      err == ERR_IO ? strerror(errno) : err_text(err));
    else if (s->settings.meter.admin || s->settings.meter.control)
        err = meter_new(&s->settings.meter, &s->meter);
    if (err)
        return err;
    wheel_timer_init(&s->tick, on_tick, s);
    set_phase(s, PREPARING);
    loop_timer_start(s->loop, &s->tick, TICK_MS);
    return 0;
}

static void close_all(struct storm *s)
{
    if (s->is_silenced)
        (void)meter_command(s->settings.meter.control, "silent off");
    meter_free(s->meter);
    fleet_free(s->fleet);
    digest_answer_free(s->settings.crew.style.digest);
    signals_free(s->signals);
    loop_free(s->loop);
    report_fini(&s->report);
}

int storm_main(int argc, char **argv)
{
    static struct storm s; /* its histograms are large */
    set_defaults(&s.settings);
    int err = parse(argc, argv, &s.settings);
    if (err)
        return err > 0 ? EXIT_SUCCESS : EXIT_USAGE;
    if (settle(&s.settings))
        return EXIT_USAGE;
    int code = EXIT_FAILURE;
    if (open_all(&s) == 0) {
        loop_run(s.loop);
        if (s.is_complete)
            code = tell(&s);
    }
    close_all(&s);
    return code;
}
