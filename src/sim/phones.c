#include "sim/phones.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/stats.h"
#include "base/sys.h"
#include "sim/exits.h"
#include "sim/fleet.h"
#include "sim/option.h"
#include "sim/signals.h"
#include "sip/uri.h"

enum { PHONES_MAX = 10 * 1000 * 1000, WINDOW_CLOSED = 64, RATE_STEADY = 1000, DOMAIN_MAX = 200 };

struct settings {
    struct fleet_conf fleet;
    struct phone_style style;
    const char *domain, *password;
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

static int set_user_format(const char *value, void *settings)
{
    return phone_set_user_format(&((struct settings *)settings)->style, value);
}

/* "75" or "50-90". */
static int set_refresh_at(const char *value, void *settings)
{
    struct fleet_conf *c = &((struct settings *)settings)->fleet;
    const struct str s = str_of(value);
    const char *dash = str_find(s, '-');
    const struct str low_text = dash ? str_span(s.p, dash) : s;
    const struct str high_text = dash ? str_of(dash + 1) : s;
    uint32_t low, high;
    if (str_to_u32(low_text, 99, &low) || str_to_u32(high_text, 99, &high) || low < 1 || high < low)
        return ERR_PARSE;
    c->refresh_low = low;
    c->refresh_high = high;
    return 0;
}

static int set_domain(const char *value, void *settings)
{
    char text[DOMAIN_MAX + 8];
    struct buf out = buf_over(text, sizeof text);
    struct uri uri;
    buf_add(&out, STR("sip:"));
    buf_add(&out, str_of(value));
    if (out.has_overflown || uri_parse(buf_str(&out), &uri) || uri.host.n + 4 != out.len)
        return ERR_PARSE;
    ((struct settings *)settings)->domain = value;
    return 0;
}

#define AT(member) .at = offsetof(struct settings, member)

static const struct option_row rows[] = {
    {"target", "udp:IP:PORT", "where to register [udp:127.0.0.1:5060]", OPTION_ADDR,
     AT(fleet.target)},
    {"domain", "NAME", "the domain of the phones [example.com]", OPTION_CALL, .fn = set_domain},
    {"count", "N", "how many phones [100]", OPTION_NUMBER, AT(fleet.n_phones), .min = 1,
     .max = PHONES_MAX},
    {"devices-per-line", "K", "so many phones share a user [1]", OPTION_NUMBER,
     AT(style.devices_per_line), .min = 1, .max = 1000},
    {"user-format", "TEXT%dTEXT", "the user: one %d or %0Nd stands for its number [phone%d]",
     OPTION_CALL, .fn = set_user_format},
    {"first-user", "N", "the number of the first user [0]", OPTION_NUMBER, AT(style.first_user),
     .max = 1U << 30},
    {"password", "PASSWORD", "answers challenges: MD5, SHA-256, SHA-512-256 [none]", OPTION_TEXT,
     AT(password)},
    {"expires", "SECONDS", "what is asked for [60]", OPTION_NUMBER, AT(style.expires_s), .min = 1,
     .max = 1U << 30},
    {"instance", NULL, "contacts with +sip.instance", OPTION_FLAG, AT(style.has_instance)},
    {"refresh-at", "PERCENT[-PERCENT]",
     "1 to 99: when to refresh, of the expiry that was granted; evenly spread [50-90]", OPTION_CALL,
     .fn = set_refresh_at},
    {"retry", "SECONDS", "wait after a failure that names no Retry-After [10]", OPTION_NUMBER,
     AT(fleet.retry_s), .min = 1, .max = 86400},
    {"timeout", "SECONDS", "timer F: without an answer for so long it is lost [32]", OPTION_NUMBER,
     AT(fleet.timeout_s), .min = 1, .max = 3600},
    {"sources", "N",
     "so many different source addresses; on IPv4 loopback up to 8388608 of 127.0.0.0/8, "
     "else up to 1000 ports [one a phone; else 1]",
     OPTION_NUMBER, AT(fleet.n_sources), .min = 1, .max = PHONES_MAX},
    {"rate", "N", "first REGISTERs per second; with --closed-loop all; 0: no limit [1000; 0]",
     OPTION_NUMBER, AT(fleet.rate), .max = 10 * 1000 * 1000},
    {"ramp-up", "SECONDS", "the same as a time: all phones have begun within it", OPTION_NUMBER,
     AT(ramp_up_s), .min = 1, .max = 86400},
    {"closed-loop", NULL,
     "each phone in turn registers again as soon as the window has room, not by time", OPTION_FLAG,
     AT(fleet.is_closed)},
    {"window", "N", "so many REGISTERs under way at most; 0: no limit [0; 64 with --closed-loop]",
     OPTION_NUMBER, AT(fleet.window), .max = PHONES_MAX},
    {"duration", "SECONDS", "how long it lasts [10]", OPTION_NUMBER, AT(fleet.duration_s), .min = 1,
     .max = 7 * 86400},
    {"answer", "WORD",
     "which devices of a line answer a call, the others ring until it is cancelled; busy: none, "
     "all refuse it [first]",
     OPTION_WORD, AT(fleet.callee.answer), .words = callee_answer_words},
    {"answer-after", "MILLISECONDS", "how long a phone rings before it answers or refuses [1000]",
     OPTION_NUMBER, AT(fleet.callee.answer_after_ms), .max = 180000},
    {"unregister", NULL, "at the end, remove every binding", OPTION_FLAG,
     AT(fleet.must_unregister)},
    {"json", NULL, "the report as one line of JSON, with a timeline", OPTION_FLAG, AT(is_json)},
};

static const struct option_table table = {
    "breakwater-sim phones",
    "SIP phones that register at a server, refresh in time, can be called, and check all that "
    "comes.",
    rows,
    sizeof rows / sizeof *rows,
};

enum { UNSET = UINT32_MAX >> 1 }; /* above what these options can be set to */

static void set_defaults(struct settings *s)
{
    *s = (struct settings){
        .fleet = {.target = {.ip = {127, 0, 0, 1}, .port = 5060, .family = 4},
                  .n_phones = 100,
                  .n_sources = UNSET,
                  .window = UNSET,
                  .rate = UNSET,
                  .refresh_low = 50,
                  .refresh_high = 90,
                  .timeout_s = 32,
                  .retry_s = 10,
                  .duration_s = 10,
                  .callee = {.answer_after_ms = 1000}},
        .style = {.devices_per_line = 1, .expires_s = 60},
        .domain = "example.com",
    };
    (void)phone_set_user_format(&s->style, "phone%d");
}

/* What depends on other options. */
static void settle(struct settings *s)
{
    struct fleet_conf *c = &s->fleet;
    const bool has_many = c->target.family == 4 && c->target.ip[0] == 127;
    if (c->n_sources == UNSET)
        c->n_sources = has_many ? c->n_phones : 1;
    if (c->window == UNSET)
        c->window = c->is_closed ? WINDOW_CLOSED : 0;
    if (s->ramp_up_s && c->rate == UNSET)
        c->rate = (c->n_phones + s->ramp_up_s - 1) / s->ramp_up_s;
    if (c->rate == UNSET)
        c->rate = c->is_closed ? 0 : RATE_STEADY;
    s->style.domain = str_of(s->domain);
    s->style.password = str_of(s->password);
    sys_random(&s->style.run, sizeof s->style.run);
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
        .conf = &r->settings.fleet,
        .style = &r->settings.style,
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
        err = digest_answer_new(&r->settings.style.digest);
    if (!err)
        err = fleet_new(r->loop, &setup, &r->fleet);
    if (err)
        (void)fprintf(stderr, "%s: start: %s\n", table.command,
                      err == ERR_IO ? strerror(errno) : err_text(err));
    return err;
}

static void close_all(struct run *r)
{
    fleet_free(r->fleet);
    digest_answer_free(r->settings.style.digest);
    signals_free(r->signals);
    loop_free(r->loop);
    report_fini(&r->report);
}

int phones_main(int argc, char **argv)
{
    static struct run r; /* its histograms are large */
    set_defaults(&r.settings);
    int err = option_parse(&table, argc, argv, &r.settings);
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
