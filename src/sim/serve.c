#include "sim/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/sys.h"
#include "net/loop.h"
#include "net/udp.h"
#include "sim/caller.h"
#include "sim/control.h"
#include "sim/exits.h"
#include "sim/journal.h"
#include "sim/json.h"
#include "sim/option.h"
#include "sim/registrar.h"
#include "sim/signals.h"

enum {
    ARENA_LIMIT = 4 << 20,
    ARENA_KEEP = 256 << 10,
    SOCKET_BUFFER = 4 << 20,
    DELAYED_MAX = 1 << 20,
    TICK_MS = 1000,
    STATS_MAX = 32 << 10
};

struct settings {
    struct registrar_conf registrar;
    struct caller_conf caller;
    struct addr listen;
    const char *log, *control;
    uint32_t delay_ms, drop_percent, drop_answers_percent, stats_interval_s;
    bool is_silent;
};

struct serve {
    struct settings settings;
    struct loop *loop;
    struct flow_table *flows;
    struct udp *udp;
    struct signals *signals;
    struct control *control;
    struct journal *journal;
    struct loop_hook *hook;
    struct registrar *registrar;
    struct caller *caller;
    struct arena arena;
    struct list delayed;
    size_t n_delayed;
    struct wheel_timer tick;
    uint64_t started_ms, n_ticks;
    uint64_t n_dropped;       /* requests and answers lost on purpose */
    uint64_t last_registers;  /* at the last tick */
    uint64_t rate, peak_rate; /* REGISTER/s, in the last second and at most */
};

/* ---------------------------------------------------------------- options */

static int set_account(const char *value, void *settings)
{
    struct registrar_conf *c = &((struct settings *)settings)->registrar;
    const char *equals = strchr(value, '=');
    if (!equals || equals == value || c->n_accounts == REGISTRAR_ACCOUNTS_MAX)
        return ERR_PARSE;
    c->accounts[c->n_accounts++] =
        (struct registrar_account){str_span(value, equals), str_of(equals + 1)};
    return 0;
}

static int set_refusal(const char *value, void *settings)
{
    return registrar_add_refusal(&((struct settings *)settings)->registrar, value);
}

static int set_algorithms(const char *value, void *settings)
{
    struct registrar_conf *c = &((struct settings *)settings)->registrar;
    struct str rest = str_of(value);
    size_t n = 0;
    while (rest.n) {
        const char *comma = str_find(rest, ',');
        const struct str name = comma ? str_span(rest.p, comma) : rest;
        if (n == DIGEST_ALGORITHM_MAX || !digest_answer_algorithm(name, &c->algorithms[n]))
            return ERR_PARSE;
        n++;
        rest = str_skip(rest, name.n + 1);
    }
    c->n_algorithms = n;
    return n ? 0 : ERR_PARSE;
}

static const char *const on_off[] = {"off", "on", NULL};

/* The flag --silent, and the live setting "silent on|off". */
static int set_silent(const char *value, void *settings)
{
    struct settings *s = settings;
    s->is_silent = strcmp(value, on_off[1]) == 0;
    return s->is_silent || strcmp(value, on_off[0]) == 0 ? 0 : ERR_PARSE;
}

#define AT(member) .at = offsetof(struct settings, member)
#define SECONDS    .min = 0, .max = 1U << 30

static const struct option_row rows[] = {
    {"listen", "udp:IP:PORT", "where to listen; port 0: the system chooses [udp:127.0.0.1:5070]",
     OPTION_ADDR, AT(listen)},
    {"domain", "NAME", "the domain that is served, 404 for another; also the realm [any]",
     OPTION_TEXT, AT(registrar.domain)},
    {"password", "PASSWORD", "the password of every user that has none of its own", OPTION_TEXT,
     AT(registrar.password)},
    {"password-of", "USER=PASSWORD", "the password of one user; may be given up to 64 times",
     OPTION_CALL, .fn = set_account},
    {"challenge", "WORD",
     "who must prove himself: auto: everybody if there is a password; once: always, and each nonce "
     "is good for one request [auto]",
     OPTION_WORD, .is_live = true, AT(registrar.challenge), .words = registrar_challenge_words},
    {"algorithm", "NAME[,NAME…]", "MD5, SHA-256, SHA-512-256: one challenge each [MD5]",
     OPTION_CALL, .is_live = true, .fn = set_algorithms},
    {"nonce-life", "SECONDS", "how long a nonce may be used [300]", OPTION_NUMBER,
     AT(registrar.nonce_life_s), .min = 1, .max = 86400},
    {"min-expires", "SECONDS", "423 to what is shorter [0]", OPTION_NUMBER, .is_live = true,
     AT(registrar.location.min_expires_s), SECONDS},
    {"max-expires", "SECONDS", "the most that is granted [86400]", OPTION_NUMBER, .is_live = true,
     AT(registrar.location.max_expires_s), .min = 1, .max = 1U << 30},
    {"default-expires", "SECONDS", "granted where none is asked for [3600]", OPTION_NUMBER,
     .is_live = true, AT(registrar.location.default_expires_s), .min = 1, .max = 1U << 30},
    {"grant", "SECONDS", "granted whatever is asked for; 0: what is asked for [0]", OPTION_NUMBER,
     .is_live = true, AT(registrar.location.grant_s), SECONDS},
    {"refuse", "STATUS[:USER]|off",
     "answer this status, 300 to 699, to all or to one user; up to 16 times", OPTION_CALL,
     .is_live = true, .fn = set_refusal},
    {"retry-after", "SECONDS", "in every refusal; 0: none [0]", OPTION_NUMBER, .is_live = true,
     AT(registrar.retry_after_s), SECONDS},
    {"service-route", "URI", "given to who registers (RFC 3608)", OPTION_TEXT,
     AT(registrar.service_route)},
    {"ignore-path", NULL, "do not return the Path of a REGISTER (RFC 3327)", OPTION_FLAG,
     AT(registrar.ignores_path)},
    {"answer-delay", "MILLISECONDS", "answer so much later [0]", OPTION_NUMBER, .is_live = true,
     AT(delay_ms), .max = 60000},
    {"silent", "on|off", "receive, but do nothing [off]", OPTION_CALL, .is_live = true,
     .fn = set_silent},
    {"drop", "PERCENT", "lose this share of the requests before they are looked at [0]",
     OPTION_NUMBER, .is_live = true, AT(drop_percent), .max = 100},
    {"drop-answers", "PERCENT", "lose this share of the answers [0]", OPTION_NUMBER,
     .is_live = true, AT(drop_answers_percent), .max = 100},
    {"calls-per-second", "N", "call registered contacts, one after the other; 0: none [0]",
     OPTION_NUMBER, .is_live = true, AT(caller.per_second), .max = 10000},
    {"calls", "N", "so many calls in all; 0: no limit [0]", OPTION_NUMBER, .is_live = true,
     AT(caller.n_calls), .max = 1U << 30},
    {"call-duration", "MILLISECONDS", "from the answer to the BYE [1000]", OPTION_NUMBER,
     .is_live = true, AT(caller.duration_ms), .min = 1, .max = 86400000},
    {"ring-time", "MILLISECONDS", "a call that nobody has answered then is cancelled [60000]",
     OPTION_NUMBER, .is_live = true, AT(caller.ring_ms), .min = 1, .max = 86400000},
    {"log", "FILE", "one line of JSON for each request", OPTION_TEXT, AT(log)},
    {"stats-interval", "SECONDS", "print the figures so often; 0: at the end only [0]",
     OPTION_NUMBER, AT(stats_interval_s), .max = 86400},
    {"control", "PATH", "take commands from this Unix socket, or from standard input if it is -",
     OPTION_TEXT, AT(control)},
};

static const struct option_table table = {
    "breakwater-sim registrar",
    "A SIP registrar for tests: keeps bindings in memory, challenges, calls whoever is registered, "
    "and misbehaves on demand.",
    rows,
    sizeof rows / sizeof *rows,
};

static void set_defaults(struct settings *s)
{
    *s = (struct settings){
        .registrar = {.algorithms = {DIGEST_MD5},
                      .n_algorithms = 1,
                      .nonce_life_s = 300,
                      .location = {.max_expires_s = 86400, .default_expires_s = 3600}},
        .caller = {.duration_ms = 1000, .ring_ms = 60000},
        .listen = {.ip = {127, 0, 0, 1}, .port = 5070, .family = 4},
    };
}

/* ---------------------------------------------------------------- figures */

static void print_stats(const struct serve *s, struct buf *out)
{
    const struct registrar_stats *stats = registrar_stats(s->registrar);
    const struct location *location = registrar_location(s->registrar);
    struct json j = {.out = out};
    json_open(&j, NULL, '{');
    json_add_milli(&j, "uptime_s", loop_now_ms(s->loop) - s->started_ms);
    json_add_u64(&j, "requests", stats->requests);
    json_add_u64(&j, "registers", stats->registers);
    json_add_u64(&j, "registers_per_s", s->rate);
    json_add_u64(&j, "peak_registers_per_s", s->peak_rate);
    json_add_u64(&j, "ok", stats->ok);
    json_add_u64(&j, "challenges", stats->challenges);
    json_add_u64(&j, "refusals", stats->refusals);
    json_add_u64(&j, "other", stats->other);
    json_add_u64(&j, "dropped", s->n_dropped);
    json_add_u64(&j, "bindings", location_n_bindings(location));
    json_add_u64(&j, "aors", location_n_aors(location));
    json_add_bool(&j, "silent", s->settings.is_silent);
    caller_print(s->caller, &j);
    json_close(&j, '}');
}

static void say_stats(const struct serve *s)
{
    char text[STATS_MAX];
    struct buf out = buf_over(text, sizeof text);
    print_stats(s, &out);
    (void)printf("%.*s\n", (int)out.len, out.p);
    (void)fflush(stdout);
}

static void on_tick(void *arg)
{
    struct serve *s = arg;
    const uint64_t registers = registrar_stats(s->registrar)->registers;
    s->rate = registers - s->last_registers;
    s->last_registers = registers;
    if (s->rate > s->peak_rate)
        s->peak_rate = s->rate;
    registrar_advance(s->registrar, loop_now_ms(s->loop));
    s->n_ticks++;
    if (s->settings.stats_interval_s && s->n_ticks % s->settings.stats_interval_s == 0)
        say_stats(s);
    loop_timer_start(s->loop, &s->tick, TICK_MS);
}

static void on_signal(int number, void *arg)
{
    struct serve *s = arg;
    if (number == SIGUSR1)
        say_stats(s);
    else
        loop_stop(s->loop);
}

/* ---------------------------------------------------------------- control lines */

static void set_live(struct serve *s, const char *name, const char *value, struct buf *reply)
{
    const struct option_row *row = option_find(&table, name);
    if (!row || !row->is_live)
        buf_addf(reply, "error: no such command, or it needs a value: \"%.64s\"", name);
    else if (!value || option_set(row, value, &s->settings))
        buf_addf(reply, "error: %s is expected", row->value);
    else
        buf_add(reply, STR("ok"));
}

static void print_bindings(const struct serve *s, const char *aor, struct buf *reply)
{
    char text[32 << 10];
    struct buf lines = buf_over(text, sizeof text);
    struct json j = {.out = reply};
    location_print(registrar_location(s->registrar), str_of(aor), loop_now_ms(s->loop), &lines);
    json_open(&j, NULL, '[');
    struct str rest = buf_str(&lines);
    const struct str name = STR("Contact: ");
    while (rest.n) {
        const char *end = str_find(rest, '\r');
        if (!end)
            break;
        const struct str line = str_span(rest.p, end);
        json_add_str(&j, NULL, str_skip(line, name.n));
        rest = str_skip(rest, line.n + 2);
    }
    json_close(&j, ']');
}

static void on_command(char *line, struct buf *reply, void *arg)
{
    struct serve *s = arg;
    char *value = strchr(line, ' ');
    if (value)
        *value++ = '\0';
    registrar_advance(s->registrar, sys_now_ms());
    if (strcmp(line, "stats") == 0) {
        print_stats(s, reply);
    } else if (strcmp(line, "flush") == 0) {
        location_flush(registrar_location(s->registrar));
        buf_add(reply, STR("ok"));
    } else if (strcmp(line, "bindings") == 0 && value) {
        print_bindings(s, value, reply);
    } else if (strcmp(line, "stop") == 0) {
        loop_stop(s->loop);
        buf_add(reply, STR("ok"));
    } else {
        set_live(s, line, value, reply);
    }
}

/* ---------------------------------------------------------------- answering */

struct delayed {
    struct list node;
    struct wheel_timer timer;
    struct serve *serve;
    struct flow_ref to;
    size_t len;
    char bytes[];
};

static void free_delayed(struct delayed *d)
{
    loop_timer_stop(d->serve->loop, &d->timer);
    list_del(&d->node);
    d->serve->n_delayed--;
    free(d);
}

static void on_delay_over(void *arg)
{
    struct delayed *d = arg;
    (void)flow_send(d->serve->flows, &d->to, (struct str){d->bytes, d->len});
    free_delayed(d);
}

static void send_later(struct serve *s, const struct flow_ref *to, struct str bytes)
{
    struct delayed *d = s->n_delayed < DELAYED_MAX ? malloc(sizeof *d + bytes.n) : NULL;
    if (!d) {
        s->n_dropped++;
        return;
    }
    d->serve = s;
    d->to = *to;
    d->len = bytes.n;
    memcpy(d->bytes, bytes.p, bytes.n);
    list_add(&s->delayed, &d->node);
    s->n_delayed++;
    wheel_timer_init(&d->timer, on_delay_over, d);
    loop_timer_start(s->loop, &d->timer, s->settings.delay_ms);
}

static bool has_bad_luck(uint32_t percent)
{
    uint32_t draw;
    if (percent == 0)
        return false;
    sys_random(&draw, sizeof draw);
    return draw % 100 < percent;
}

static bool send_answer(struct serve *s, const struct flow_ref *to, struct str bytes)
{
    if (has_bad_luck(s->settings.drop_answers_percent)) {
        s->n_dropped++;
        return false;
    }
    if (s->settings.delay_ms)
        send_later(s, to, bytes);
    else
        (void)flow_send(s->flows, to, bytes);
    return true;
}

static void on_response(struct serve *s, const struct packet *p)
{
    struct msg *m;
    struct msg_fault fault;
    if (msg_index(&s->arena, p->bytes, &msg_limits_default, &m, &fault) == 0)
        caller_on_response(s->caller, m);
    arena_reset(&s->arena, ARENA_KEEP);
}

static void on_packet(const struct packet *p, void *arg)
{
    struct serve *s = arg;
    struct registrar_outcome outcome;
    if (s->settings.is_silent || has_bad_luck(s->settings.drop_percent)) {
        s->n_dropped++;
        return;
    }
    if (str_has_prefix(p->bytes, STR("SIP/2.0 "))) {
        on_response(s, p);
        return;
    }
    registrar_advance(s->registrar, p->received_ms);
    if (registrar_answer(s->registrar, &s->arena, p->bytes, &p->flow.peer, &outcome) == 0) {
        bool is_answered = send_answer(s, &p->flow, outcome.reply);
        journal_add(s->journal, &outcome, &p->flow.peer, is_answered);
    }
    arena_reset(&s->arena, ARENA_KEEP);
}

static void on_turn(void *arg)
{
    struct serve *s = arg;
    journal_flush(s->journal);
}

/* ---------------------------------------------------------------- running */

static int complain(const char *what, int err)
{
    (void)fprintf(stderr, "%s: %s: %s\n", table.command, what,
                  err == ERR_IO ? strerror(errno) : err_text(err));
    return err;
}

static int open_all(struct serve *s)
{
    const struct udp_conf conf = {
        .addr = s->settings.listen, .max_len = UINT16_MAX - 8, .buffer_size = SOCKET_BUFFER};
    int err = loop_new(&s->loop);
    if (!err)
        err = flow_table_new(0, &s->flows);
    if (!err)
        err = signals_new(s->loop, on_signal, s, &s->signals);
    if (!err)
        err = registrar_new(&s->settings.registrar, loop_now_ms(s->loop), &s->registrar);
    if (!err)
        err = loop_hook_new(s->loop, on_turn, s, &s->hook);
    if (err)
        return complain("start", err);
    err = udp_open(s->loop, s->flows, &conf, on_packet, s, &s->udp);
    if (err)
        return complain("--listen", err);
    const struct caller_setup caller = {
        .loop = s->loop,
        .flows = s->flows,
        .udp = s->udp,
        .location = registrar_location(s->registrar),
        .conf = &s->settings.caller,
    };
    err = caller_new(&caller, &s->caller);
    if (err)
        return complain("start", err);
    if (s->settings.log && (err = journal_open(s->settings.log, &s->journal)))
        return complain(s->settings.log, err);
    if (s->settings.control)
        err = control_open(s->loop, s->settings.control, on_command, s, &s->control);
    return err ? complain(s->settings.control, err) : 0;
}

static void close_all(struct serve *s)
{
    control_close(s->control);
    list_each_safe (it, &s->delayed)
        free_delayed(container_of(it, struct delayed, node));
    journal_close(s->journal);
    caller_free(s->caller);
    udp_close(s->udp);
    loop_hook_free(s->hook);
    registrar_free(s->registrar);
    signals_free(s->signals);
    flow_table_free(s->flows);
    loop_free(s->loop);
    arena_fini(&s->arena);
}

static void say_ready(const struct serve *s)
{
    char text[ADDR_TEXT];
    const struct addr bound = udp_addr(s->udp);
    (void)printf("{\"ready\":true,\"listen\":\"udp:%s\"}\n", addr_text(&bound, text));
    (void)fflush(stdout);
}

static void run(struct serve *s)
{
    s->started_ms = loop_now_ms(s->loop);
    wheel_timer_init(&s->tick, on_tick, s);
    loop_timer_start(s->loop, &s->tick, TICK_MS);
    say_ready(s);
    loop_run(s->loop);
    say_stats(s);
    loop_timer_stop(s->loop, &s->tick);
}

int serve_main(int argc, char **argv)
{
    struct serve s = {.n_ticks = 0};
    set_defaults(&s.settings);
    list_init(&s.delayed);
    int err = option_parse(&table, argc, argv, &s.settings);
    if (err)
        return err > 0 ? EXIT_SUCCESS : EXIT_USAGE;
    arena_init(&s.arena, ARENA_LIMIT);
    err = open_all(&s);
    if (!err)
        run(&s);
    close_all(&s);
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
