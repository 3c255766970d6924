#include "run.h"

#include <stdio.h>

#include "base/buf.h"
#include "contacts.h"
#include "craft.h"
#include "digest.h"
#include "fake.h"
#include "logbook.h"
#include "steps.h"
#include "text.h"

enum {
    ARENA_LIMIT = 1 << 30,
    SIP_PORT = 5060,
    /* Timer C, then as long as a cancelled INVITE may take, then as long as anything lingers. */
    SETTLE_MS = (185 + 32 + 64 + 20) * 1000
};

/* ---------------------------------------------------------------- failure */

void run_fail(struct run *r, const char *fmt, ...)
{
    if (r->has_failed)
        return;
    r->has_failed = true;
    if (r->is_quiet)
        return;
    const struct step *s = r->step;
    printf("%s:%u: %.*s\n%s:%u: ", r->script->path, s ? s->line : 0,
           STR_FMT(s ? s->text : STR_NONE), r->script->path, s ? s->line : 0);
    va_list ap;
    va_start(ap, fmt);
    (void)vprintf(fmt, ap);
    va_end(ap);
    printf("\n");
    ladder_print(&r->ladder);
}

/* ---------------------------------------------------------------- peers and labels */

static struct peer *add_peer(struct run *r, struct str name, const struct addr *addr)
{
    struct peer *p = arena_calloc(&r->arena, 1, sizeof *p);
    if (!p)
        return NULL;
    p->name = name;
    p->addr = *addr;
    list_init(&p->mails);
    list_init(&p->pings);
    list_add(&r->peers, &p->node);
    return p;
}

const char *run_transport_of(const struct peer *p)
{
    if (!p->is_stream)
        return "UDP";
    return p->is_web ? "WS" : "TCP";
}

const char *run_transport_parameter(const struct peer *p)
{
    if (!p->is_stream)
        return "";
    return p->is_web ? ";transport=ws" : ";transport=tcp";
}

struct peer *run_peer_at(struct run *r, const struct addr *addr)
{
    list_each (it, &r->peers) {
        struct peer *p = container_of(it, struct peer, node);
        if (addr_is_equal(&p->addr, addr))
            return p;
    }
    return add_peer(r, STR_NONE, addr);
}

void run_add_peer(struct run *r, struct str name, const struct addr *addr)
{
    struct peer *p = run_peer_at(r, addr);
    if (p)
        p->name = name;
}

static struct peer *find_named(const struct run *r, struct str name)
{
    list_each (it, &r->peers) {
        struct peer *p = container_of(it, struct peer, node);
        if (str_eq(p->name, name))
            return p;
    }
    return NULL;
}

struct peer *run_peer_of(struct run *r, size_t *nth)
{
    struct str word = script_word(r->step, (*nth)++);
    struct addr addr = {0};
    if (str_eq(word, STR("udp"))) {
        if (addr_parse(script_word(r->step, (*nth)++), SIP_PORT, &addr) == 0)
            return run_peer_at(r, &addr);
        run_fail(r, "an address is missing behind udp");
        return NULL;
    }
    struct peer *p = word.n ? find_named(r, word) : NULL;
    if (!p)
        run_fail(r, "\"%.*s\" is no peer", STR_FMT(word));
    return p;
}

void run_add_label(struct run *r, struct str name, const struct mail *m)
{
    struct mail *copy = arena_alloc(&r->arena, sizeof *copy);
    if (!copy)
        return;
    *copy = *m;
    copy->label = name;
    list_add(r->labels.next, &copy->node); /* in front: the newest is found first */
}

const struct mail *run_find_label(struct run *r, struct str name)
{
    list_each (it, &r->labels) {
        const struct mail *m = container_of(it, struct mail, node);
        if (str_eq(m->label, name))
            return m;
    }
    run_fail(r, "no message has the label \"%.*s\"", STR_FMT(name));
    return NULL;
}

struct str run_find_uri(struct run *r, struct str label)
{
    struct str gruu = contacts_take_gruu(&label);
    const struct mail *m = label.n ? run_find_label(r, label) : NULL;
    return m ? contacts_uri(m->bytes, gruu) : STR_NONE;
}

void run_send(struct run *r, const struct peer *from, struct str bytes, int socket)
{
    const struct world_packet p = {.from = from->addr,
                                   .to = r->us,
                                   .bytes = bytes,
                                   .is_to_us = true,
                                   .is_stream = from->is_stream,
                                   .socket = socket};
    world_send(&r->world, &p);
}

/* ---------------------------------------------------------------- packets */

static bool is_noisy(struct run *r, const struct addr *addr)
{
    const struct peer *p = run_peer_at(r, addr);
    return p && p->is_noisy;
}

/* The answer to a keepalive (RFC 5626 4.4.1). */
static bool is_pong(const struct world_packet *p)
{
    return p->is_stream && str_eq(p->bytes, STR("\r\n"));
}

/* One of ours. */
static bool is_ping(const struct world_packet *p)
{
    return !p->is_to_us && str_eq(p->bytes, STR("\r\n\r\n"));
}

/* What the monitor cannot judge: pieces of requests, so their answers neither, and signs of life
 * and of death. */
static bool is_bare(const struct world_packet *p)
{
    return is_ping(p) || (p->is_stream && (p->is_to_us || is_pong(p) || text_status(p->bytes) ||
                                           str_eq(p->bytes, STR(FAKE_STREAM_CLOSED))));
}

static void deliver(struct run *r, const struct world_packet *p)
{
    struct peer *to = run_peer_at(r, &p->to);
    if (is_noisy(r, &p->to))
        return;
    struct mail *m = arena_calloc(&r->arena, 1, sizeof *m);
    if (!to || !m)
        return;
    *m = (struct mail){.at_ms = r->world.now_ms,
                       .from = p->from,
                       .to = p->to,
                       .bytes = str_dup(&r->arena, is_pong(p) ? STR("PONG") : p->bytes)};
    if (is_ping(p)) {
        m->bytes = STR("PING");
        list_add(&to->pings, &m->node);
        return;
    }
    bool is_taken = crowd_receive(r, to, m) || storm_receive(r, to, m) || agent_receive(r, to, m);
    if (!is_taken && r->is_settling && text_is_request(m->bytes))
        run_send(r, to, craft_response(&r->arena, m->bytes, 200), -1);
    else if (!is_taken)
        list_add(&to->mails, &m->node);
}

static void on_packet(enum world_event what, const struct world_packet *p, void *arg)
{
    struct run *r = arg;
    bool has_arrived = what == WORLD_ARRIVED;
    ladder_add(&r->ladder, r->world.now_ms, what, p);
    if (what != WORLD_REFUSED && !is_bare(p) && has_arrived == p->is_to_us &&
        !is_noisy(r, p->is_to_us ? &p->from : &p->to))
        monitor_on_packet(&r->monitor, r->world.now_ms, p);
    if (!has_arrived && !p->is_to_us)
        crowd_on_sent(r, p);
    if (has_arrived && !p->is_to_us)
        deliver(r, p);
}

/* ---------------------------------------------------------------- configuration */

static const struct {
    struct str word;
    const char *text;
} defaults[] = {
    {{"workers", 7}, "workers = 1\n"},
    {{"listen", 6}, "listen \"main\" { address = \"udp:192.0.2.1:5060\" }\n"},
    {{"upstream", 8}, "upstream \"pbx\" { servers = {\"sip:198.51.100.10:5060\"} }\n"},
    {{"domain", 6}, "domain \"example.com\" { upstream = \"pbx\" }\n"},
};

/* A line of the text begins with the word. */
static bool has_line(struct str text, struct str word)
{
    while (text.n) {
        const char *end = str_find(text, '\n');
        struct str line = str_trim(str_span(text.p, end ? end : str_end(text)));
        if (str_has_prefix(line, word))
            return true;
        text = end ? str_span(end + 1, str_end(text)) : STR_NONE;
    }
    return false;
}

struct str run_conf_text(struct run *r, struct str own)
{
    struct buf b = buf_in(&r->arena, own.n + 1024);
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++)
        if (!has_line(own, defaults[i].word))
            buf_add(&b, str_of(defaults[i].text));
    buf_add(&b, own);
    return buf_str(&b);
}

/* conf { … }, wherever it stands. */
static struct str conf_of(const struct script *s)
{
    for (size_t i = 0; i < s->n_steps; i++)
        if (str_eq(script_word(&s->steps[i], 0), STR("conf")))
            return s->steps[i].block;
    return STR_NONE;
}

static bool is_before_boot(const struct step *s)
{
    struct str word = script_word(s, 0);
    return str_eq(word, STR("conf")) || str_eq(word, STR("random")) || str_eq(word, STR("file")) ||
           str_eq(word, STR("credentials"));
}

/* Files that stand in front of all else are there when the daemon starts. */
static void write_files(struct run *r)
{
    const struct script *s = r->script;
    for (size_t i = 0; i < s->n_steps && is_before_boot(&s->steps[i]); i++)
        if (str_eq(script_word(&s->steps[i], 0), STR("file")))
            host_file(&r->world.host, script_word(&s->steps[i], 1), s->steps[i].block);
}

static void put_credentials(struct run *r)
{
    for (size_t i = 0; i < r->script->n_steps; i++) {
        const struct step *s = &r->script->steps[i];
        if (!str_eq(script_word(s, 0), STR("credentials")))
            continue;
        host_put_credentials(&r->world.host, digest_file(r, s->block));
        return;
    }
}

/* ---------------------------------------------------------------- a run */

static bool is_there(const struct addr *addr, void *arg)
{
    const struct peer *p = run_peer_at(arg, addr);
    return p && p->is_stream;
}

static void start(struct run *r, uint64_t seed)
{
    static const struct addr us = {.ip = {192, 0, 2, 1}, .port = SIP_PORT, .family = 4};
    static const struct addr upstream = {.ip = {198, 51, 100, 10}, .port = SIP_PORT, .family = 4};
    static const struct addr phone = {.ip = {192, 0, 2, 7}, .port = SIP_PORT, .family = 4};
    logbook_clear();
    arena_init(&r->arena, ARENA_LIMIT);
    list_init(&r->peers);
    list_init(&r->labels);
    agent_init(&r->agents);
    ladder_init(&r->ladder, &r->arena);
    monitor_init(&r->monitor, &r->arena);
    for (int i = 0; i < STAT_MAX; i++)
        r->stats[i] = stats_sum((enum stats_id)i);
    world_init(&r->world, seed, on_packet, r);
    fake_stream_on_connect(is_there, r);
    fake_resolver_start();
    fake_udp_start();
    r->us = us;
    r->mark_ms = r->world.now_ms;
    r->conf = conf_of(r->script);
    run_add_peer(r, STR("upstream"), &upstream);
    run_add_peer(r, STR("phone"), &phone);
    put_credentials(r);
    write_files(r);
    if (!host_boot(&r->world.host, run_conf_text(r, r->conf)))
        run_fail(r, "the daemon does not start");
}

static void check_monitor(struct run *r)
{
    if (r->monitor.complaint)
        run_fail(r, "%s", r->monitor.complaint);
}

static void do_steps(struct run *r)
{
    for (size_t i = 0; i < r->script->n_steps && !r->has_failed; i++) {
        r->step = &r->script->steps[i];
        r->is_booted |= !is_before_boot(r->step);
        steps_do(r);
        check_monitor(r);
        logbook_show();
    }
}

/* What came and nobody expected. */
static void check_unread(struct run *r)
{
    list_each (it, &r->peers) {
        const struct peer *p = container_of(it, struct peer, node);
        if (list_is_empty(&p->mails))
            continue;
        const struct mail *m = container_of(p->mails.next, struct mail, node);
        char text[ADDR_TEXT];
        run_fail(r, "at the end %s has a message that no step expected:\n%.*s",
                 addr_text(&p->addr, text), STR_FMT(m->bytes));
    }
}

static void check_gauge(struct run *r, enum stats_id id)
{
    long long left = (long long)(stats_sum(id) - r->stats[id]);
    if (left)
        run_fail(r, "%lld %s (%s) are left at the end", left, stats_rows[id].name,
                 stats_rows[id].labels);
}

/* Without losses for the last part, and with answers to what goes out by itself, so that
 * everything can come to its end. */
static void settle(struct run *r)
{
    r->is_settling = true;
    r->world.link = (struct world_link){0};
    world_pass(&r->world, SETTLE_MS);
    monitor_on_end(&r->monitor);
    check_monitor(r);
    check_gauge(r, STAT_TXN_SERVER);
    check_gauge(r, STAT_TXN_CLIENT);
    check_gauge(r, STAT_REGS);
    check_gauge(r, STAT_CALLS);
    check_gauge(r, STAT_CALLS_PENDING);
    logbook_show();
}

bool run_scenario(const struct script *script, uint64_t seed, bool is_verbose, uint64_t *trace)
{
    struct run r = {.script = script};
    start(&r, seed);
    if (!r.has_failed)
        do_steps(&r);
    if (!r.has_failed)
        check_unread(&r);
    if (!r.has_failed)
        settle(&r);
    if (is_verbose && !r.has_failed)
        ladder_print(&r.ladder);
    *trace = r.ladder.sum;
    world_fini(&r.world);
    arena_fini(&r.arena);
    return !r.has_failed;
}
