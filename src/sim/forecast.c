#include "sim/forecast.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/stats.h"
#include "conf/conf.h"
#include "sim/exits.h"
#include "sim/json.h"
#include "sim/option.h"
#include "sim/outlook.h"

/* The longest that a REGISTER is kept waiting for its turn; then it hears 503. */
enum { TURN_S = 5, UNSET = UINT32_MAX, ROW_MAX = 2048 };

enum kind { KIND_FLAP, KIND_POWER, KIND_NAT, KIND_FAILOVER };

static const char *const kind_words[] = {"flap", "power", "nat", "failover", NULL};
static const uint32_t outages_s[] = {2, 10, 1, 30};

struct settings {
    const char *config;
    uint32_t kind, outage_s, within_s;
    bool is_json;
};

#define AT(member) .at = offsetof(struct settings, member)

static const struct option_row rows[] = {
    {"config", "FILE", "the daemon's configuration [/etc/breakwater/breakwater.conf]", OPTION_TEXT,
     AT(config)},
    {"kind", "WORD", "what happens, as for storm [flap]", OPTION_WORD, AT(kind),
     .words = kind_words},
    {"outage", "SECONDS", "how long it lasts [flap 2, power 10, nat 1, failover 30]", OPTION_NUMBER,
     AT(outage_s), .max = 86400},
    {"within", "SECONDS", "all phones register anew in that time [5]", OPTION_NUMBER, AT(within_s),
     .min = 1, .max = 3600},
    {"json", NULL, "the figures as one line of JSON", OPTION_FLAG, AT(is_json)},
};

static const struct option_table table = {
    "breakwater-sim forecast",
    "Reckons from the binding table of a daemon on this machine what a comeback of all its phones "
    "would be like. Sends nothing.",
    rows,
    sizeof rows / sizeof *rows,
};

/* ---------------------------------------------------------------- arithmetic */

struct figures {
    uint64_t phones_per_s;   /* what the phones send, at an even rate */
    uint64_t unpaced_per_s;  /* what of it would go upstream at once */
    uint64_t upstream_per_s; /* what does */
    uint64_t recovery_s;     /* until upstream has had all of it */
    uint64_t refused;        /* phones that hear 503 at first, for their turn is too far */
};

static uint64_t per(uint64_t n, uint64_t seconds)
{
    return (n + seconds - 1) / seconds;
}

static struct figures reckon(const struct outlook *o, uint32_t within_s)
{
    const uint64_t rate = o->upstream->pace.rate, burst = o->upstream->pace.burst;
    struct figures f = {.phones_per_s = per(o->devices, within_s),
                        .unpaced_per_s = per(o->registers, within_s)};
    const uint64_t beyond = o->registers > burst ? o->registers - burst : 0;
    const uint64_t in_time = rate * (within_s + TURN_S) + burst;
    f.upstream_per_s = f.unpaced_per_s < rate ? f.unpaced_per_s : rate;
    f.recovery_s = per(beyond, rate);
    if (f.recovery_s < within_s)
        f.recovery_s = within_s;
    if (o->unlicensed > in_time)
        f.refused = (o->unlicensed - in_time) * o->waiting / o->unlicensed;
    return f;
}

/* ---------------------------------------------------------------- printing */

#define LU(v) (unsigned long)(v)

static void print_text(const struct outlook *o, const struct settings *s)
{
    const struct figures f = reckon(o, s->within_s);
    (void)printf("upstream \"%s\": %lu devices come back within %u s: %lu REGISTER/s\n",
                 o->upstream->name, LU(o->devices), s->within_s, LU(f.phones_per_s));
    (void)printf("  absorbed     %10lu  answered here, upstream hears nothing\n", LU(o->absorbed));
    (void)printf("  postponed    %10lu  due upstream, answered here until there is a turn\n",
                 LU(o->postponed));
    (void)printf("  must wait    %10lu  upstream must judge them first\n", LU(o->waiting));
    (void)printf("  to upstream  %10lu  REGISTERs; %lu/s if nothing held them back, %lu/s by "
                 "register-rate = %u, register-burst = %u\n",
                 LU(o->registers), LU(f.unpaced_per_s), LU(f.upstream_per_s),
                 o->upstream->pace.rate, o->upstream->pace.burst);
    (void)printf("  refused      %10lu  hear 503 with Retry-After at first\n", LU(f.refused));
    (void)printf("  recovery     %10lu  s\n", LU(f.recovery_s));
}

static void add_json(const struct outlook *o, const struct settings *s, struct json *j)
{
    const struct figures f = reckon(o, s->within_s);
    json_open(j, NULL, '{');
    json_add_str(j, "upstream", str_of(o->upstream->name));
    json_add_u64(j, "devices", o->devices);
    json_add_u64(j, "absorbed", o->absorbed);
    json_add_u64(j, "postponed", o->postponed);
    json_add_u64(j, "waiting", o->waiting);
    json_add_u64(j, "registers", o->registers);
    json_add_u64(j, "phones_per_s", f.phones_per_s);
    json_add_u64(j, "unpaced_per_s", f.unpaced_per_s);
    json_add_u64(j, "upstream_per_s", f.upstream_per_s);
    json_add_u64(j, "refused", f.refused);
    json_add_u64(j, "recovery_s", f.recovery_s);
    json_close(j, '}');
}

static void print_json(const struct conf *c, const struct outlook *o, const struct settings *s)
{
    char text[ROW_MAX];
    struct buf out = buf_over(text, sizeof text);
    struct json j = {.out = &out};
    json_open(&j, NULL, '{');
    json_add_str(&j, "kind", str_of(kind_words[s->kind]));
    json_add_u64(&j, "outage_s", s->outage_s);
    json_add_u64(&j, "within_s", s->within_s);
    json_open(&j, "upstreams", '[');
    for (size_t i = 0; i < c->n_upstreams; i++) {
        add_json(&o[i], s, &j);
        (void)fwrite(out.p, 1, out.len, stdout);
        out.len = 0;
    }
    json_close(&j, ']');
    json_close(&j, '}');
    (void)printf("%.*s\n", (int)out.len, out.p);
}

/* ---------------------------------------------------------------- the command */

static void say(bool is_error, const char *text, void *arg)
{
    (void)arg;
    if (is_error)
        (void)fprintf(stderr, "%s: %s\n", table.command, text);
}

static int complain(const struct conf *c, int err)
{
    if (err == ERR_ABSENT)
        (void)fprintf(stderr, "%s: no live table in %s and %s: is breakwater running here?\n",
                      table.command, c->runtime_dir, c->state_dir);
    else
        (void)fprintf(stderr, "%s: %s, %s: %s\n", table.command, c->runtime_dir, c->state_dir,
                      err == ERR_IO ? strerror(errno) : err_text(err));
    return EXIT_FAILURE;
}

static int tell(const struct conf *c, const struct settings *s)
{
    const struct outlook_conf how = {
        .is_rebooted = s->kind == KIND_POWER,
        .is_rebound = s->kind == KIND_NAT,
        .is_kept = s->kind == KIND_FAILOVER,
        .outage_s = s->outage_s,
        .within_s = s->within_s,
    };
    struct outlook *o;
    uint64_t unknown;
    int err = outlook_take(c, &how, &o, &unknown);
    if (err)
        return complain(c, err);
    if (s->is_json)
        print_json(c, o, s);
    for (size_t i = 0; !s->is_json && i < c->n_upstreams; i++)
        print_text(&o[i], s);
    if (unknown)
        (void)fprintf(stderr, "%s: %lu devices of domains that are not configured are left out\n",
                      table.command, LU(unknown));
    free(o);
    return EXIT_SUCCESS;
}

int forecast_main(int argc, char **argv)
{
    struct settings s = {
        .config = "/etc/breakwater/breakwater.conf", .outage_s = UNSET, .within_s = 5};
    struct conf *conf;
    int err = option_parse(&table, argc, argv, &s);
    if (err)
        return err > 0 ? EXIT_SUCCESS : EXIT_USAGE;
    if (s.outage_s == UNSET)
        s.outage_s = outages_s[s.kind];
    if (stats_thread_start() || conf_load(s.config, say, NULL, &conf))
        return EXIT_FAILURE;
    int code = tell(conf, &s);
    conf_unref(conf);
    return code;
}
