#include "steps.h"

#include "base/buf.h"
#include "craft.h"
#include "digest.h"
#include "expect.h"
#include "fake.h"
#include "keys.h"
#include "logbook.h"
#include "noise.h"
#include "notice.h"
#include "records.h"
#include "text.h"

enum { RANDOM_RUNS = 50, SIP_PORT = 5060, DRAIN_MS = 10000, CALM_MS = 600000 };

/* ---------------------------------------------------------------- recv */

static const struct mail *keep_sent(struct run *r, const struct peer *from, struct str bytes)
{
    struct mail *m = arena_calloc(&r->arena, 1, sizeof *m);
    if (!m)
        return NULL;
    *m = (struct mail){.at_ms = r->world.now_ms, .from = from->addr, .to = r->us, .bytes = bytes};
    list_init(&m->node);
    return m;
}

/* What the step wants to arrive: bytes as they stand, those of before, or made from words. */
static struct str bytes_of(struct run *r, struct peer *from, size_t nth)
{
    static const struct str keys = {"again as times to-us via-worker split", 37};
    struct str again = script_value(r->step, STR("again"));
    bool is_raw = !script_word(r->step, nth).p && r->step->block.p;
    if ((again.p || is_raw) && !keys_are_only(r, keys))
        return STR_NONE;
    if (again.p) {
        const struct mail *m = run_find_label(r, again);
        return m ? m->bytes : STR_NONE;
    }
    return is_raw ? r->step->block : craft_message(r, from, nth);
}

/* split=N: the stream brings so many bytes at a time. */
static void send_pieces(struct run *r, const struct peer *from, struct str bytes, int socket)
{
    uint32_t most = UINT32_MAX;
    while (keys_take_number(r, STR("split"), &most) && bytes.n && most && !r->has_failed) {
        size_t n = bytes.n < most ? bytes.n : most;
        run_send(r, from, (struct str){bytes.p, n}, socket);
        bytes = str_skip(bytes, n);
        world_pass(&r->world, 0);
    }
}

static void recv_one(struct run *r, struct peer *from, size_t nth, int socket)
{
    struct str label = script_value(r->step, STR("as"));
    struct str bytes = bytes_of(r, from, nth);
    if (r->has_failed)
        return;
    const struct mail *m = keep_sent(r, from, bytes);
    if (m && label.p)
        run_add_label(r, label, m);
    send_pieces(r, from, bytes, socket);
}

static void do_recv(struct run *r)
{
    size_t nth = 1;
    uint32_t worker = UINT32_MAX, times = 1;
    struct addr usual = r->us;
    struct peer *from = run_peer_of(r, &nth);
    if (!from || !keys_take_number(r, STR("via-worker"), &worker) ||
        !keys_take_number(r, STR("times"), &times) || !keys_take_addr(r, STR("to-us"), &r->us))
        return;
    for (uint32_t i = 0; i < times && !r->has_failed; i++)
        recv_one(r, from, nth, worker == UINT32_MAX ? -1 : (int)worker);
    r->us = usual;
}

/* ---------------------------------------------------------------- expect */

static struct mail *next_of(struct list *mails)
{
    struct list *node = list_pop(mails);
    return node ? container_of(node, struct mail, node) : NULL;
}

static struct mail *next_mail(struct peer *p)
{
    return next_of(&p->mails);
}

/* The clock goes on only as far as it must. */
static void wait_for_mail(struct run *r, const struct list *mails, uint64_t patience_ms)
{
    uint64_t until_ms = r->world.now_ms + patience_ms;
    world_pass(&r->world, 0);
    while (list_is_empty(mails) && r->world.now_ms < until_ms)
        world_pass(&r->world, 1);
}

static void expect_one(struct run *r, struct peer *p, size_t nth)
{
    uint64_t patience_ms = world_round_trip_ms(&r->world);
    struct list *mails = str_eq(script_word(r->step, nth), STR("PING")) ? &p->pings : &p->mails;
    if (!keys_take_time(r, STR("within"), &patience_ms))
        return;
    wait_for_mail(r, mails, patience_ms);
    const struct mail *m = next_of(mails);
    if (!m) {
        run_fail(r, "nothing came");
        return;
    }
    expect_match(r, m, nth);
    struct str label = script_value(r->step, STR("as"));
    if (label.p)
        run_add_label(r, label, m);
    if (text_is_request(m->bytes) && !str_eq(text_method(m->bytes), STR("ACK")))
        p->request = m;
    if (text_status(m->bytes) == 401 || text_status(m->bytes) == 407)
        p->challenge = m;
}

static void expect_nothing_at(struct run *r, struct peer *p)
{
    const struct mail *m = next_mail(p);
    char text[ADDR_TEXT];
    if (m)
        run_fail(r, "nothing is expected, but this came to %s: %.*s", addr_text(&p->addr, text),
                 STR_FMT(text_first_line(m->bytes)));
}

/* expect nothing [PEER] */
static void expect_nothing(struct run *r)
{
    size_t nth = 2;
    world_pass(&r->world, world_round_trip_ms(&r->world));
    if (script_word(r->step, nth).p) {
        struct peer *p = run_peer_of(r, &nth);
        if (p)
            expect_nothing_at(r, p);
        return;
    }
    list_each (it, &r->peers)
        expect_nothing_at(r, container_of(it, struct peer, node));
}

static void do_expect(struct run *r)
{
    size_t nth = 1;
    uint32_t times = 1;
    if (str_eq(script_word(r->step, 1), STR("nothing"))) {
        expect_nothing(r);
        return;
    }
    struct peer *p = run_peer_of(r, &nth);
    if (!p || !keys_take_number(r, STR("times"), &times))
        return;
    for (uint32_t i = 0; i < times && !r->has_failed; i++)
        expect_one(r, p, nth);
}

/* ---------------------------------------------------------------- the others */

static void do_ignore(struct run *r)
{
    size_t nth = 1;
    struct peer *p = run_peer_of(r, &nth);
    world_pass(&r->world, 0);
    while (p && (next_mail(p) || next_of(&p->pings)))
        ;
}

static void do_pass(struct run *r)
{
    uint64_t ms;
    if (keys_parse_time(r, script_word(r->step, 1), &ms))
        world_pass(&r->world, ms);
}

static void do_mark(struct run *r)
{
    r->mark_ms = r->world.now_ms;
}

/* A number for a word. */
static uint64_t fold(struct str word)
{
    uint64_t n = 1;
    for (size_t i = 0; i < word.n; i++)
        n = n * 131 + (uint8_t)word.p[i];
    return n;
}

/* peer NAME udp|tcp ADDRESS; session=: the connections of those with the same word are of one
 * session family, as those of a device that resumes its TLS session. */
static void do_peer(struct run *r)
{
    struct addr addr = {0};
    struct str transport = script_word(r->step, 2);
    bool is_web = str_eq(transport, STR("ws"));
    bool is_stream = is_web || str_eq(transport, STR("tcp"));
    if (addr_parse(script_word(r->step, 3), SIP_PORT, &addr) ||
        (!is_stream && !str_eq(transport, STR("udp")))) {
        run_fail(r, "peer NAME udp|tcp|ws ADDRESS is expected");
        return;
    }
    run_add_peer(r, script_word(r->step, 1), &addr);
    run_peer_at(r, &addr)->is_stream = is_stream;
    run_peer_at(r, &addr)->is_web = is_web;
    struct str session = script_value(r->step, STR("session"));
    const struct family family = {str_is_none(session) ? 0 : fold(session), 0};
    fake_stream_set_family(&addr, &family);
}

/* hangup PEER: it closes its connection. */
static void do_hangup(struct run *r)
{
    size_t nth = 1;
    const struct peer *p = run_peer_of(r, &nth);
    if (p)
        run_send(r, p, STR(FAKE_STREAM_CLOSED), -1);
    world_pass(&r->world, 0);
}

static void do_link(struct run *r)
{
    struct world_link link = {0};
    uint64_t delay_ms = 0, jitter_ms = 0;
    if (!keys_take_percent(r, STR("loss"), &link.loss) ||
        !keys_take_percent(r, STR("dup"), &link.dup) ||
        !keys_take_time(r, STR("delay"), &delay_ms) ||
        !keys_take_time(r, STR("jitter"), &jitter_ms))
        return;
    link.delay_ms = (uint32_t)delay_ms;
    link.jitter_ms = (uint32_t)jitter_ms;
    r->world.link = link;
}

/* label="value" as stats.def has it, from label=value here. */
static bool is_row(const struct run *r, const struct stats_row *row)
{
    char labels[128] = "";
    struct buf b = buf_over(labels, sizeof labels - 1);
    for (size_t i = 0; i < r->step->n_words; i++) {
        const struct word *w = &r->step->words[i];
        if (!str_is_none(w->key))
            buf_addf(&b, "%s%.*s=\"%.*s\"", b.len ? "," : "", STR_FMT(w->key), STR_FMT(w->value));
    }
    struct str name = script_word(r->step, 1);
    if (str_has_prefix(name, STR("breakwater_")))
        name = str_skip(name, 11);
    return str_has_prefix(name, str_of(row->name)) &&
           str_eq(str_skip(name, strlen(row->name)), str_of(row->suffix)) &&
           str_eq(str_of(row->labels), buf_str(&b));
}

static void do_stat(struct run *r)
{
    uint32_t want;
    if (!keys_parse_number(r, script_word(r->step, 2), &want))
        return;
    for (int i = 0; i < STAT_MAX; i++) {
        if (!is_row(r, &stats_rows[i]))
            continue;
        int64_t got = stats_sum((enum stats_id)i) - r->stats[i];
        if (got != want)
            run_fail(r, "it is %lld", (long long)got);
        return;
    }
    run_fail(r, "there is no such counter");
}

/* Takes effect at the next reload; the first one stands there before the daemon starts. */
static void do_credentials(struct run *r)
{
    host_put_credentials(&r->world.host, digest_file(r, r->step->block));
}

/* reload { … }, or reload: the configuration is as it was. */
static void do_reload(struct run *r)
{
    if (!str_is_none(r->step->block))
        r->conf = r->step->block;
    if (!host_reload(&r->world.host, run_conf_text(r, r->conf)))
        run_fail(r, "the configuration was refused");
    world_pass(&r->world, 0);
}

static void do_drain(struct run *r)
{
    uint64_t ms = 0;
    bool is_soft = str_eq(script_word(r->step, 1), STR("soft"));
    if (!is_soft && !keys_parse_time(r, script_word(r->step, 1), &ms))
        return;
    if (is_soft ? !host_depart(&r->world.host) : !host_drain(&r->world.host, ms))
        run_fail(r, "out of memory");
    world_pass(&r->world, 0);
}

/* idle yes|no: the drain of all workers is over. */
static void do_idle(struct run *r)
{
    const struct host *h = &r->world.host;
    bool is_idle = h->n_idle == h->group.n;
    bool want = str_eq(script_word(r->step, 1), STR("yes"));
    if (is_idle != want)
        run_fail(r, "%u of %u workers are idle", h->n_idle, h->group.n);
}

/* Nobody answers for down=TIME, then the daemon starts on what is left. */
static void start_again(struct run *r, enum host_end how)
{
    uint64_t down_ms = 0;
    if (!keys_take_time(r, STR("down"), &down_ms))
        return;
    world_pass(&r->world, 0);
    world_stop(&r->world, how);
    crowd_on_restart(r);
    world_pass(&r->world, down_ms);
    if (!host_boot(&r->world.host, run_conf_text(r, r->conf)))
        run_fail(r, "the daemon does not start again");
    world_pass(&r->world, 0);
}

/* As SIGTERM does it: drain, then stop. */
static void do_restart(struct run *r)
{
    const struct host *h = &r->world.host;
    if (!host_drain(&r->world.host, DRAIN_MS))
        run_fail(r, "out of memory");
    world_pass(&r->world, 0);
    for (uint64_t ms = 0; h->n_idle < h->group.n && ms <= DRAIN_MS; ms += 100)
        world_pass(&r->world, 100);
    start_again(r, HOST_STOP);
}

static void do_crash(struct run *r)
{
    start_again(r, HOST_KILL);
}

static void do_reboot(struct run *r)
{
    start_again(r, HOST_REBOOT);
}

/* Now and then the daemon ends in one way or another. */
static void upset(struct run *r)
{
    uint32_t what = dice_below(&r->world.dice, 4);
    if (what == 0)
        do_restart(r);
    else
        start_again(r, what == 1 ? HOST_KILL : what == 2 ? HOST_REBOOT : HOST_STOP);
}

/* crowd TIME phones=N strangers=N outages=yes|long restarts=yes auth=yes */
static void do_crowd(struct run *r)
{
    uint64_t ms;
    struct crowd_plan plan = {
        .n_phones = 6,
        .has_outages = !str_is_none(script_value(r->step, STR("outages"))),
        .has_long_outages = str_eq(script_value(r->step, STR("outages")), STR("long")),
        .has_auth = str_eq(script_value(r->step, STR("auth")), STR("yes")),
    };
    bool has_restarts = str_eq(script_value(r->step, STR("restarts")), STR("yes"));
    if (!keys_parse_time(r, script_word(r->step, 1), &ms) ||
        !keys_take_number(r, STR("phones"), &plan.n_phones) ||
        !keys_take_number(r, STR("strangers"), &plan.n_strangers))
        return;
    crowd_start(r, &plan);
    for (uint64_t end_ms = r->world.now_ms + ms; r->world.now_ms < end_ms && !r->has_failed;) {
        world_pass(&r->world, 1 + dice_below(&r->world.dice, 60000));
        if (has_restarts && dice_hits(&r->world.dice, 10))
            upset(r);
    }
    if (!r->crowd)
        return;
    crowd_stop(r);
    world_pass(&r->world, CALM_MS);
}

/* clock TIME, clock -TIME: somebody sets it. */
static void do_clock(struct run *r)
{
    struct str step = script_word(r->step, 1);
    bool is_back = step.n && step.p[0] == '-';
    uint64_t ms;
    if (keys_parse_time(r, is_back ? str_skip(step, 1) : step, &ms))
        fake_sys_step_wall(is_back ? -(int64_t)ms : (int64_t)ms);
}

/* store wait: the writer stands still. store go: it does what was queued in one go. */
static void do_store(struct run *r)
{
    struct str word = script_word(r->step, 1);
    bool is_wait = str_eq(word, STR("wait"));
    if (!is_wait && !str_eq(word, STR("go"))) {
        run_fail(r, "store wait or store go is expected");
        return;
    }
    host_hold_writer(&r->world.host, is_wait);
    world_pass(&r->world, 0);
}

static void do_answer(struct run *r)
{
    size_t nth = 1;
    struct peer *p = run_peer_of(r, &nth);
    if (p)
        agent_add_rule(r, p, nth);
}

/* call PEER METHOD USER as=NAME [cancel=TIME] … */
static void do_call(struct run *r)
{
    size_t nth = 1;
    uint64_t cancel_ms = UINT64_MAX;
    struct peer *p = run_peer_of(r, &nth);
    if (!p || !keys_take_time(r, STR("cancel"), &cancel_ms))
        return;
    struct str request = craft_message(r, p, nth);
    struct str label = script_value(r->step, STR("as"));
    const struct mail *m = r->has_failed ? NULL : keep_sent(r, p, request);
    if (!m)
        return;
    run_add_label(r, label, m);
    agent_call(r, p, request, label, cancel_ms);
}

/* outcome NAME STATUS…: one of them. */
static void do_outcome(struct run *r)
{
    int got = agent_outcome(r, script_word(r->step, 1));
    uint32_t want;
    if (got < 0) {
        run_fail(r, "there is no such call");
        return;
    }
    for (size_t i = 2; script_word(r->step, i).p; i++)
        if (keys_parse_number(r, script_word(r->step, i), &want) && (int)want == got)
            return;
    run_fail(r, "its final response is %d", got);
}

/* noise PEER LABEL times=N: spoilt copies; what comes back is nobody's business. */
static void do_noise(struct run *r)
{
    size_t nth = 1;
    uint32_t times = 1;
    struct peer *from = run_peer_of(r, &nth);
    const struct mail *m = from ? run_find_label(r, script_word(r->step, nth)) : NULL;
    if (!m || !keys_take_number(r, STR("times"), &times))
        return;
    from->is_noisy = true;
    r->monitor.is_upstream_noisy |= !text_is_request(m->bytes);
    for (uint32_t i = 0; i < times; i++) {
        run_send(r, from, noise_spoil(&r->arena, &r->world.dice, m->bytes), -1);
        world_pass(&r->world, 0);
    }
}

/* resync NAME: the upstream of that name has lost its data. */
static void do_resync(struct run *r)
{
    struct str name = script_word(r->step, 1);
    if (!host_resync(&r->world.host, name))
        run_fail(r, "out of memory");
    world_pass(&r->world, 0);
}

/* upstream drain|resume NAME: what the operator orders. */
static void do_upstream(struct run *r)
{
    bool is_drained = str_eq(script_word(r->step, 1), STR("drain"));
    if (!host_drain_upstream(&r->world.host, script_word(r->step, 2), is_drained))
        run_fail(r, "out of memory");
    world_pass(&r->world, 0);
}

/* file NAME <<END … END: in front of all else it is there already. */
static void do_file(struct run *r)
{
    struct str name = script_word(r->step, 1);
    if (name.n == 0 || str_find(name, '/'))
        run_fail(r, "file NAME is expected");
    else if (r->is_booted)
        host_file(&r->world.host, name, r->step->block);
}

/* Said before the run begins; here only in its place. */
static void do_nothing(struct run *r)
{
    if (r->is_booted)
        run_fail(r, "conf and random stand before all other statements");
}

static const struct {
    struct str word;
    void (*fn)(struct run *r);
    size_t max_words;
    const char *keys; /* NULL: it looks at them itself */
} statements[] = {
    {{"recv", 4}, do_recv, 5, NULL},
    {{"expect", 6}, do_expect, 5, NULL},
    {{"call", 4}, do_call, 5, NULL},
    {{"restart", 7}, do_restart, 1, "down"},
    {{"crash", 5}, do_crash, 1, "down"},
    {{"reboot", 6}, do_reboot, 1, "down"},
    {{"clock", 5}, do_clock, 2, ""},
    {{"store", 5}, do_store, 2, ""},
    {{"crowd", 5}, do_crowd, 2, "phones strangers outages restarts auth"},
    {{"storm", 5}, storm_step, 3, "phones rate burst challenge"},
    {{"answer", 6}, do_answer, 12, ""},
    {{"outcome", 7}, do_outcome, 12, ""},
    {{"ignore", 6}, do_ignore, 3, ""},
    {{"noise", 5}, do_noise, 4, "times"},
    {{"pass", 4}, do_pass, 2, ""},
    {{"mark", 4}, do_mark, 1, ""},
    {{"peer", 4}, do_peer, 4, "session"},
    {{"hangup", 6}, do_hangup, 2, ""},
    {{"link", 4}, do_link, 1, "loss dup delay jitter"},
    {{"stat", 4}, do_stat, 3, NULL},
    {{"log", 3}, logbook_find, SCRIPT_WORDS, NULL},
    {{"file", 4}, do_file, 2, ""},
    {{"line", 4}, notice_check, 3, "state error status expires next alarm reach"},
    {{"resync", 6}, do_resync, 2, ""},
    {{"upstream", 8}, do_upstream, 3, ""},
    {{"dns", 3}, records_set, SCRIPT_WORDS, "ttl"},
    {{"route", 5}, records_route, SCRIPT_WORDS, ""},
    {{"reload", 6}, do_reload, 1, ""},
    {{"credentials", 11}, do_credentials, 1, ""},
    {{"drain", 5}, do_drain, 2, ""},
    {{"idle", 4}, do_idle, 2, ""},
    {{"conf", 4}, do_nothing, 1, ""},
    {{"random", 6}, do_nothing, 1, ""},
};

static void do_statement(struct run *r)
{
    struct str word = script_word(r->step, 0);
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        if (!str_eq(statements[i].word, word))
            continue;
        if (script_word(r->step, statements[i].max_words).p)
            run_fail(r, "too many words");
        else if (!statements[i].keys || keys_are_only(r, str_of(statements[i].keys)))
            statements[i].fn(r);
        return;
    }
    run_fail(r, "there is no statement \"%.*s\"", STR_FMT(word));
}

/* fails STATEMENT: for the test of the simulator itself. */
static void do_failing(struct run *r)
{
    const struct step *whole = r->step;
    struct step rest = *whole;
    rest.n_words--;
    memmove(rest.words, rest.words + 1, rest.n_words * sizeof *rest.words);
    r->step = &rest;
    r->is_quiet = true;
    do_statement(r);
    r->is_quiet = false;
    r->step = whole;
    bool has_failed = r->has_failed;
    r->has_failed = false;
    if (!has_failed)
        run_fail(r, "it does not fail");
}

void steps_do(struct run *r)
{
    if (str_eq(script_word(r->step, 0), STR("fails")))
        do_failing(r);
    else
        do_statement(r);
}

unsigned steps_random_runs(const struct script *s)
{
    for (size_t i = 0; i < s->n_steps; i++)
        if (str_eq(script_word(&s->steps[i], 0), STR("random")))
            return RANDOM_RUNS;
    return 1;
}
