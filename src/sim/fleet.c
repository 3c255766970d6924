#include "sim/fleet.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/sys.h"
#include "sim/sources.h"
#include "sim/ticker.h"
#include "sip/msg.h"

/* RFC 3261 17.1.2.2, table 4 */
enum { T1_MS = 500, T2_MS = 4000 };

enum {
    BEAT_US = 1000,
    SECOND_MS = 1000,
    END_WAIT_MS = 5000,    /* for answers, when the duration is over */
    LEAVE_WAIT_MS = 60000, /* for everybody to be removed */
    LEAVE_WINDOW = 64,
    ARENA_LIMIT = 1 << 20,
    ARENA_KEEP = 64 << 10
};

enum phone_state {
    STATE_IDLE,   /* the timer, if it runs, says when to register next */
    STATE_READY,  /* waits for the window */
    STATE_WAITING /* a REGISTER is under way; the timer retransmits it */
};

enum phase { RUNNING, ENDING, LEAVING, OVER };

struct fleet {
    struct loop *loop;
    struct fleet_setup setup;
    const struct fleet_conf *conf;
    const struct phone_style *style;
    struct report *report;
    struct sources *sources;
    struct callee *callee;
    struct ticker *ticker;
    struct loop_hook *hook;
    struct arena arena;
    struct wheel_timer second, phase_timer;
    enum phase phase;
    bool is_cut; /* the phones are without the network */
    struct list ready;
    uint32_t n_waiting; /* REGISTERs under way */
    uint32_t next;      /* RUNNING: the next to start, in a closed loop modulo their number */
    uint64_t credit;    /* REGISTERs that the rate allows now, in millionths */
    uint64_t beat_us;   /* when credit was last added */
    uint64_t second_ms; /* when the next second ends */
    struct phone phones[];
};

/* ---------------------------------------------------------------- sending */

static uint64_t now_ms(const struct fleet *f)
{
    return loop_now_ms(f->loop);
}

static void transmit(struct fleet *f, struct phone *p)
{
    char text[PHONE_MESSAGE_MAX];
    struct buf out = buf_over(text, sizeof text);
    const struct addr local = sources_addr(f->sources, p->number);
    phone_print(p, f->style, &local, &out);
    BUG_ON(out.has_overflown);
    /* What the system does not take is lost like a datagram on the way: timer E sends it again. */
    (void)sources_send(f->sources, p->source, buf_str(&out));
}

/* Timer E: T1, then twice as long each time, up to T2. */
static uint64_t timer_e_ms(const struct phone *p)
{
    const unsigned doublings = p->n_sent - 1U;
    return doublings < 3 ? (uint64_t)T1_MS << doublings : T2_MS;
}

static void send_register(struct fleet *f, struct phone *p)
{
    phone_advance(p);
    p->state = STATE_WAITING;
    p->n_sent = 1;
    p->sent_us = sys_now_us();
    if (!p->began_us)
        p->began_us = p->sent_us;
    f->n_waiting++;
    REPORT_COUNT(f->report, sent);
    transmit(f, p);
    loop_timer_start(f->loop, &p->timer, timer_e_ms(p));
}

static bool has_window(const struct fleet *f)
{
    uint32_t window = f->conf->window;
    if (f->phase == LEAVING && (window == 0 || window > LEAVE_WINDOW))
        window = LEAVE_WINDOW;
    return window == 0 || f->n_waiting < window;
}

static bool take_credit(struct fleet *f)
{
    if (f->conf->rate == 0)
        return true;
    if (f->credit < 1000000)
        return false;
    f->credit -= 1000000;
    return true;
}

static void make_ready(struct fleet *f, struct phone *p)
{
    p->state = STATE_READY;
    list_add(&f->ready, &p->node);
}

static void send_ready(struct fleet *f)
{
    struct list *node;
    while (has_window(f) && (node = list_pop(&f->ready)))
        send_register(f, container_of(node, struct phone, node));
}

/* Each phone once: it goes on by its own timer. */
static void start_new(struct fleet *f)
{
    while (f->next < f->conf->n_phones && has_window(f) && take_credit(f)) {
        struct phone *p = &f->phones[f->next++];
        phone_start(p, f->style, false);
        send_register(f, p);
    }
}

/* The next in turn that has nothing under way; NULL: everybody has. */
static struct phone *next_idle(struct fleet *f)
{
    for (uint32_t i = 0; i < f->conf->n_phones; i++) {
        struct phone *p = &f->phones[f->next++ % f->conf->n_phones];
        if (p->state == STATE_IDLE)
            return p;
    }
    return NULL;
}

static void go_round(struct fleet *f)
{
    while (f->n_waiting < f->conf->n_phones && has_window(f) && take_credit(f)) {
        struct phone *p = next_idle(f);
        if (!p)
            return;
        phone_start(p, f->style, false);
        send_register(f, p);
    }
}

static void send_removals(struct fleet *f)
{
    while (f->next < f->conf->n_phones && has_window(f)) {
        struct phone *p = &f->phones[f->next++];
        if (p->expires_ms == 0)
            continue;
        phone_start(p, f->style, true);
        send_register(f, p);
    }
}

/* ---------------------------------------------------------------- phases */

static void set_phase(struct fleet *f, enum phase phase)
{
    f->phase = phase;
    loop_timer_stop(f->loop, &f->phase_timer);
}

static bool is_registered(const struct fleet *f, const struct phone *p)
{
    return p->expires_ms > now_ms(f);
}

/* No answer is waited for any more. */
static void lose_waiting(struct fleet *f)
{
    for (uint32_t i = 0; i < f->conf->n_phones; i++) {
        struct phone *p = &f->phones[i];
        if (p->state != STATE_WAITING)
            continue;
        REPORT_COUNT(f->report, lost);
        loop_timer_stop(f->loop, &p->timer);
        p->state = STATE_IDLE;
    }
    f->n_waiting = 0;
}

static void finish(struct fleet *f)
{
    lose_waiting(f);
    f->report->registered = 0;
    for (uint32_t i = 0; i < f->conf->n_phones; i++)
        f->report->registered += is_registered(f, &f->phones[i]);
    set_phase(f, OVER);
    if (f->report->second.sent || f->report->second.answered || f->report->second.lost)
        report_end_second(f->report);
    f->setup.on_done(f->setup.arg);
}

static void stop_timers(struct fleet *f)
{
    struct list *node;
    while ((node = list_pop(&f->ready)))
        container_of(node, struct phone, node)->state = STATE_IDLE;
    for (uint32_t i = 0; i < f->conf->n_phones; i++)
        if (f->phones[i].state == STATE_IDLE)
            loop_timer_stop(f->loop, &f->phones[i].timer);
}

static void end_running(struct fleet *f)
{
    f->report->ended_us = sys_now_us();
    set_phase(f, ENDING);
    stop_timers(f);
    loop_timer_start(f->loop, &f->phase_timer, END_WAIT_MS);
}

static void end_waiting(struct fleet *f)
{
    if (!f->conf->must_unregister) {
        finish(f);
        return;
    }
    lose_waiting(f);
    set_phase(f, LEAVING);
    f->next = 0;
    loop_timer_start(f->loop, &f->phase_timer, LEAVE_WAIT_MS);
}

static void on_phase_over(void *arg)
{
    struct fleet *f = arg;
    if (f->phase == RUNNING)
        end_running(f);
    else if (f->phase == ENDING)
        end_waiting(f);
    else
        finish(f);
}

/* At the end of each turn of the loop: what has happened in it may have made room. */
static void on_turn(void *arg)
{
    struct fleet *f = arg;
    if (f->phase == RUNNING && f->conf->is_closed)
        go_round(f);
    if (f->phase == RUNNING && !f->conf->is_closed) {
        send_ready(f);
        start_new(f);
    }
    if (f->phase == ENDING && f->n_waiting == 0)
        end_waiting(f);
    if (f->phase == LEAVING) {
        send_removals(f);
        if (f->n_waiting == 0 && f->next == f->conf->n_phones)
            finish(f);
    }
}

void fleet_stop(struct fleet *f)
{
    if (f->phase == RUNNING)
        end_running(f);
    else if (f->phase != OVER)
        finish(f);
}

/* ---------------------------------------------------------------- time */

static void mark_unregistered(struct fleet *f, struct phone *p)
{
    if (p->expires_ms == 0 || is_registered(f, p))
        return;
    p->expires_ms = 0;
    f->report->registered--;
}

/* The next attempt, after one that did not succeed. */
static void rest(struct fleet *f, struct phone *p, uint32_t seconds)
{
    p->state = STATE_IDLE;
    loop_timer_stop(f->loop, &p->timer);
    mark_unregistered(f, p);
    if (f->phase == RUNNING && !f->conf->is_closed)
        loop_timer_start(f->loop, &p->timer, (seconds ? seconds : f->conf->retry_s) * 1000ULL);
}

static void on_no_answer(struct fleet *f, struct phone *p)
{
    const uint64_t waited_ms = (sys_now_us() - p->sent_us) / 1000;
    if (waited_ms >= f->conf->timeout_s * 1000ULL) {
        f->n_waiting--;
        REPORT_COUNT(f->report, lost);
        rest(f, p, 0);
        return;
    }
    if (p->n_sent < UINT8_MAX)
        p->n_sent++;
    REPORT_COUNT(f->report, retransmitted);
    transmit(f, p);
    const uint64_t left_ms = f->conf->timeout_s * 1000ULL - waited_ms;
    const uint64_t e_ms = timer_e_ms(p);
    loop_timer_start(f->loop, &p->timer, e_ms < left_ms ? e_ms : left_ms);
}

/* A phone's timer gets the phone; it stands in the fleet's array. */
static struct fleet *fleet_of(struct phone *p)
{
    return (struct fleet *)(void *)((char *)(p - p->number) - offsetof(struct fleet, phones));
}

static void on_timer(void *arg)
{
    struct phone *p = arg;
    struct fleet *f = fleet_of(p);
    if (p->state == STATE_WAITING) {
        on_no_answer(f, p);
    } else if (p->state == STATE_IDLE) {
        mark_unregistered(f, p);
        phone_start(p, f->style, false);
        make_ready(f, p);
    }
}

/* Without a beat the credit would come in steps of the wheel's tick. */
static void on_beat(void *arg)
{
    struct fleet *f = arg;
    const uint64_t now_us = sys_now_us();
    const uint64_t most = f->conf->rate * 20000ULL + 1000000; /* 20 ms of it, or one */
    f->credit += (now_us - f->beat_us) * f->conf->rate;
    if (f->credit > most)
        f->credit = most;
    f->beat_us = now_us;
}

static void on_second(void *arg)
{
    struct fleet *f = arg;
    if (f->phase != OVER)
        report_end_second(f->report);
    f->second_ms += SECOND_MS;
    const uint64_t now = now_ms(f);
    loop_timer_start(f->loop, &f->second, f->second_ms > now ? f->second_ms - now : 0);
}

/* ---------------------------------------------------------------- a comeback */

void fleet_cut(struct fleet *f)
{
    stop_timers(f);
    for (uint32_t i = 0; i < f->conf->n_phones; i++) {
        loop_timer_stop(f->loop, &f->phones[i].timer);
        f->phones[i].state = STATE_IDLE;
    }
    f->n_waiting = 0;
    f->is_cut = true;
}

static uint32_t random_below(uint32_t n)
{
    uint32_t draw;
    sys_random(&draw, sizeof draw);
    return n ? draw % n : 0;
}

void fleet_come_back(struct fleet *f, const struct fleet_comeback *how)
{
    fleet_cut(f);
    f->is_cut = false;
    f->report->back = (struct report_back){.began_us = sys_now_us()};
    for (uint32_t i = 0; i < f->conf->n_phones; i++) {
        struct phone *p = &f->phones[i];
        if (how->is_rebooted)
            phone_reboot(p);
        if (how->is_rebound)
            p->source += f->conf->n_sources / 2;
        p->began_us = 0;
        p->is_back = p->is_refused = false;
        loop_timer_start(f->loop, &p->timer, random_below(how->within_ms));
    }
}

static void note_back(const struct fleet *f, struct phone *p)
{
    struct report_back *b = &f->report->back;
    if (!b->began_us || p->is_back)
        return;
    p->is_back = true;
    b->phones++;
    b->last_us = sys_now_us();
    histogram_add(&b->waits, b->last_us - p->began_us);
}

static void note_refusal(const struct fleet *f, struct phone *p)
{
    if (f->report->back.began_us && !p->is_refused) {
        p->is_refused = true;
        f->report->back.refused++;
    }
}

/* ---------------------------------------------------------------- answers */

static void on_registered(struct fleet *f, struct phone *p, uint32_t granted_s)
{
    const uint32_t span = f->conf->refresh_high - f->conf->refresh_low + 1;
    const uint64_t percent = f->conf->refresh_low + random_below(span);
    note_back(f, p);
    if (p->expires_ms == 0)
        f->report->registered++;
    p->expires_ms = now_ms(f) + granted_s * 1000ULL;
    p->state = STATE_IDLE;
    loop_timer_stop(f->loop, &p->timer);
    if (f->phase == RUNNING && !f->conf->is_closed)
        loop_timer_start(f->loop, &p->timer, granted_s * percent * 10);
}

static void on_removed(struct fleet *f, struct phone *p)
{
    if (p->expires_ms)
        f->report->registered--;
    p->expires_ms = 0;
    rest(f, p, 0);
}

static void act(struct fleet *f, struct phone *p, const struct phone_answer *answer)
{
    switch (answer->event) {
    case PHONE_PROVISIONAL:
        break;
    case PHONE_REGISTERED:
        on_registered(f, p, answer->granted_s);
        break;
    case PHONE_REMOVED:
        on_removed(f, p);
        break;
    case PHONE_AGAIN:
        if (f->phase == ENDING)
            rest(f, p, 0);
        else
            send_register(f, p);
        break;
    case PHONE_REFUSED:
        note_refusal(f, p);
        rest(f, p, answer->retry_after_s);
        break;
    case PHONE_WRONG:
        rest(f, p, answer->retry_after_s);
        break;
    }
}

static void on_answer(struct fleet *f, struct phone *p, const struct msg *m)
{
    const struct addr local = sources_addr(f->sources, p->number);
    const struct phone_answer answer = phone_take(p, f->style, &local, m);
    if (answer.event == PHONE_PROVISIONAL)
        return;
    f->n_waiting--;
    report_add_answer(f->report, m->status, sys_now_us() - p->sent_us);
    if (answer.event == PHONE_WRONG)
        report_add_fault(f->report, answer.fault);
    act(f, p, &answer);
}

static void on_message(struct fleet *f, const struct packet *packet, const struct msg *m)
{
    uint32_t number, cseq;
    if (m->is_request) {
        callee_on_request(f->callee, packet, m);
        return;
    }
    if (!phone_find(f->style, m->via.branch, &number, &cseq) || number >= f->conf->n_phones) {
        report_add_fault(f->report, FAULT_OTHER_DIALOG);
        return;
    }
    struct phone *p = &f->phones[number];
    if (!sources_is_for(f->sources, p->source, packet))
        report_add_fault(f->report, FAULT_OTHER_DIALOG);
    else if (p->state != STATE_WAITING || cseq != p->cseq)
        REPORT_COUNT(f->report, late);
    else
        on_answer(f, p, m);
}

static void on_packet(const struct packet *packet, void *arg)
{
    struct fleet *f = arg;
    struct msg *m;
    struct msg_fault fault;
    if (f->phase == OVER || f->is_cut ||
        str_trim(packet->bytes).n == 0) /* empty lines: a keepalive */
        return;
    if (msg_index(&f->arena, packet->bytes, &msg_limits_default, &m, &fault))
        report_add_fault(f->report, FAULT_MALFORMED);
    else
        on_message(f, packet, m);
    arena_reset(&f->arena, ARENA_KEEP);
}

/* ---------------------------------------------------------------- new and free */

static void start_clocks(struct fleet *f)
{
    f->beat_us = f->report->started_us = sys_now_us();
    f->report->phones = f->conf->n_phones;
    f->second_ms = now_ms(f) + SECOND_MS;
    wheel_timer_init(&f->second, on_second, f);
    wheel_timer_init(&f->phase_timer, on_phase_over, f);
    loop_timer_start(f->loop, &f->second, SECOND_MS);
    loop_timer_start(f->loop, &f->phase_timer, f->conf->duration_s * 1000ULL);
}

/* The hook before the sockets': what it sends goes out in the same turn. */
static int open_all(struct fleet *f)
{
    const struct sources_conf conf = {f->conf->target, f->conf->n_sources};
    int err = loop_hook_new(f->loop, on_turn, f, &f->hook);
    if (!err)
        err = sources_open(f->loop, &conf, on_packet, f, &f->sources);
    const struct callee_setup callee = {
        .loop = f->loop,
        .sources = f->sources,
        .conf = &f->conf->callee,
        .style = f->style,
        .n_phones = f->conf->n_phones,
        .report = f->report,
    };
    if (!err)
        err = callee_new(&callee, &f->callee);
    if (!err && f->conf->rate)
        err = ticker_new(f->loop, BEAT_US, on_beat, f, &f->ticker);
    return err;
}

int fleet_new(struct loop *l, const struct fleet_setup *setup, struct fleet **out)
{
    const uint32_t n = setup->conf->n_phones;
    struct fleet *f = calloc(1, sizeof *f + n * sizeof *f->phones);
    if (!f)
        return ERR_NOMEM;
    f->loop = l;
    f->setup = *setup;
    f->conf = setup->conf;
    f->style = setup->style;
    f->report = setup->report;
    list_init(&f->ready);
    arena_init(&f->arena, ARENA_LIMIT);
    for (uint32_t i = 0; i < n; i++) {
        phone_init(&f->phones[i], f->style, i);
        wheel_timer_init(&f->phones[i].timer, on_timer, &f->phones[i]);
    }
    start_clocks(f);
    int err = open_all(f);
    if (err) {
        fleet_free(f);
        return err;
    }
    *out = f;
    return 0;
}

void fleet_free(struct fleet *f)
{
    if (!f)
        return;
    ticker_free(f->ticker);
    callee_free(f->callee);
    sources_close(f->sources);
    loop_hook_free(f->hook);
    loop_timer_stop(f->loop, &f->second);
    loop_timer_stop(f->loop, &f->phase_timer);
    for (uint32_t i = 0; i < f->conf->n_phones; i++) {
        loop_timer_stop(f->loop, &f->phones[i].timer);
        phone_fini(&f->phones[i]);
    }
    arena_fini(&f->arena);
    free(f);
}
