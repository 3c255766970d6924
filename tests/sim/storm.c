#include "storm.h"

#include "base/buf.h"
#include "contacts.h"
#include "run.h"
#include "text.h"

enum { PHONES_MAX = 2000, BRANCHES_MAX = 512, MESSAGE_MAX = 1024, EXPIRES_S = 60 };

struct caller {
    struct run *run;
    struct peer *peer;
    unsigned index;
    uint32_t cseq;
    bool is_registered, is_waiting;
    struct wheel_timer next;
};

struct storm {
    struct storm_plan plan;
    struct caller *callers;
    bool is_silent, is_over;
    uint64_t room_us, room_at_ms;      /* what the pace has left: microseconds of its rate */
    struct str branches[BRANCHES_MAX]; /* of REGISTERs that have come, a ring */
    unsigned n_branches;
};

static void start_timer(struct caller *p, uint64_t ms)
{
    wheel_start(&p->run->world.wheel, &p->next, p->run->world.now_ms + ms);
}

/* ---------------------------------------------------------------- phones */

static void send_register(struct caller *p)
{
    struct run *r = p->run;
    struct buf b = buf_in(&r->arena, MESSAGE_MAX);
    char addr[ADDR_TEXT];
    (void)addr_text(&p->peer->addr, addr);
    buf_addf(&b, "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKs%llu\r\n",
             addr, (unsigned long long)++r->serial);
    buf_addf(&b, "Max-Forwards: 70\r\nFrom: <sip:s%u@example.com>;tag=1\r\n", p->index);
    buf_addf(&b, "To: <sip:s%u@example.com>\r\nCall-ID: storm-%u\r\nCSeq: %u REGISTER\r\n",
             p->index, p->index, ++p->cseq);
    buf_addf(&b, "Contact: <sip:s@%s>;expires=%d\r\n", addr, EXPIRES_S);
    buf_addf(&b, "Authorization: Digest response=\"good\"\r\nContent-Length: 0\r\n\r\n");
    p->is_waiting = true;
    run_send(r, p->peer, buf_str(&b), -1);
}

static void on_next(void *arg)
{
    struct caller *p = arg;
    if (!p->run->storm->is_over)
        send_register(p);
}

static uint64_t granted_ms(struct str response)
{
    struct contacts_item c;
    uint32_t s = 0;
    return contacts_nth(response, 0, &c) && contacts_expires(&c, &s) ? s * 1000ULL : 0;
}

static void on_response(struct caller *p, struct str response)
{
    unsigned status = text_status(response);
    if (status < 200)
        return;
    if (status != 200)
        run_fail(p->run, "phone %u hears %u:\n%.*s", p->index, status, STR_FMT(response));
    p->is_waiting = false;
    p->is_registered = true;
    start_timer(p, granted_ms(response) * 5 / 6);
}

/* ---------------------------------------------------------------- the registrar */

/* A second opinion on the pace: room for a burst, which fills again at the rate. A token may come a
 * few microseconds early, for a step of the pace is a whole number of them. */
static void judge_pace(struct run *r)
{
    struct storm *s = r->storm;
    uint64_t step_us = 1000000 / s->plan.rate, most_us = s->plan.burst * step_us;
    s->room_us += (r->world.now_ms - s->room_at_ms) * 1000;
    s->room_us = s->room_us < most_us ? s->room_us : most_us;
    s->room_at_ms = r->world.now_ms;
    if (s->room_us + 1000 < step_us)
        run_fail(r, "a REGISTER beyond the pace of %u a second", s->plan.rate);
    s->room_us -= s->room_us < step_us ? s->room_us : step_us;
}

static void answer(struct run *r, const struct peer *registrar, struct str request)
{
    struct buf b = buf_in(&r->arena, request.n + 512);
    struct str rest = request, line, value;
    (void)text_next_line(&rest, &line);
    buf_addf(&b, "SIP/2.0 200 OK\r\n");
    while (text_next_line(&rest, &line)) {
        if (text_is_header(line, STR("To"), &value))
            buf_addf(&b, "%.*s;tag=reg\r\n", STR_FMT(line));
        else if (text_is_header(line, STR("Via"), &value) ||
                 text_is_header(line, STR("From"), &value) ||
                 text_is_header(line, STR("Call-ID"), &value) ||
                 text_is_header(line, STR("CSeq"), &value))
            buf_addf(&b, "%.*s\r\n", STR_FMT(line));
    }
    if (str_eq(text_method(request), STR("REGISTER")))
        contacts_build(&(struct contacts_list){.words = STR("ours"), .request = request}, &b);
    buf_addf(&b, "Content-Length: 0\r\n\r\n");
    run_send(r, registrar, buf_str(&b), -1);
}

static bool is_repeat(struct storm *s, struct str branch)
{
    for (unsigned i = 0; i < s->n_branches && i < BRANCHES_MAX; i++)
        if (str_eq(s->branches[i], branch))
            return true;
    s->branches[s->n_branches++ % BRANCHES_MAX] = branch;
    return false;
}

static struct caller *find(const struct run *r, const struct peer *peer)
{
    const uint8_t *ip = peer->addr.ip;
    unsigned i = ip[2] * 256U + ip[3];
    bool is_ours = ip[0] == 10 && ip[1] == 9 && i < r->storm->plan.n_phones;
    return is_ours ? &r->storm->callers[i] : NULL;
}

bool storm_receive(struct run *r, const struct peer *peer, const struct mail *m)
{
    struct storm *s = r->storm;
    struct caller *p = s ? find(r, peer) : NULL;
    if (p)
        on_response(p, m->bytes);
    if (p || !s || !str_eq(peer->name, STR("upstream")) || !text_is_request(m->bytes))
        return p != NULL;
    if (str_eq(text_method(m->bytes), STR("REGISTER")) && !is_repeat(s, text_branch(m->bytes)))
        judge_pace(r);
    if (!s->is_silent)
        answer(r, peer, m->bytes);
    return true;
}

/* ---------------------------------------------------------------- life */

void storm_start(struct run *r, const struct storm_plan *plan)
{
    struct storm *s = r->storm = arena_calloc(&r->arena, 1, sizeof *s);
    if (!s || plan->n_phones > PHONES_MAX || plan->rate == 0) {
        run_fail(r, "at most %d phones, and a rate", PHONES_MAX);
        return;
    }
    s->plan = *plan;
    s->room_us = UINT32_MAX;
    s->callers = arena_calloc(&r->arena, plan->n_phones + 1, sizeof *s->callers);
    for (unsigned i = 0; s->callers && i < plan->n_phones; i++) {
        const struct addr addr = {
            .ip = {10, 9, (uint8_t)(i / 256), (uint8_t)i}, .port = 5060, .family = 4};
        struct caller *p = &s->callers[i];
        *p = (struct caller){.run = r, .peer = run_peer_at(r, &addr), .index = i};
        wheel_timer_init(&p->next, on_next, p);
        start_timer(p, i * 2000ULL / plan->rate);
    }
}

void storm_flap(struct run *r, uint64_t within_ms)
{
    for (unsigned i = 0; r->storm && i < r->storm->plan.n_phones; i++)
        start_timer(&r->storm->callers[i], dice_below(&r->world.dice, (uint32_t)within_ms));
}

void storm_silence(struct run *r, bool is_silent)
{
    if (r->storm)
        r->storm->is_silent = is_silent;
}

void storm_end(struct run *r)
{
    struct storm *s = r->storm;
    if (!s)
        return;
    s->is_over = true;
    for (unsigned i = 0; i < s->plan.n_phones; i++) {
        const struct caller *p = &s->callers[i];
        if (p->is_waiting || !p->is_registered)
            run_fail(r, "phone %u has had no answer", i);
        wheel_stop(&r->world.wheel, &s->callers[i].next);
    }
}
