#include "storm.h"

#include "base/buf.h"
#include "contacts.h"
#include "keys.h"
#include "run.h"
#include "text.h"

enum { PHONES_MAX = 2000, BRANCHES_MAX = 512, MESSAGE_MAX = 1024, EXPIRES_S = 60 };

struct storm_plan {
    uint32_t n_phones;
    uint32_t rate, burst; /* that upstream is promised */
    bool is_challenging;
};

struct caller {
    struct run *run;
    struct peer *peer;
    unsigned index;
    uint32_t cseq;
    uint64_t nonce;  /* that it answers; 0: it was never challenged */
    uint64_t issued; /* the registrar's: the last one, good for one REGISTER; 0: it is used up */
    bool is_registered, is_waiting, is_proven;
    struct wheel_timer next;
};

struct storm {
    struct storm_plan plan;
    struct caller *callers;
    bool is_silent, is_over;
    int64_t room_us; /* what the pace has left: microseconds of its rate */
    uint64_t room_at_ms;
    struct str branches[BRANCHES_MAX]; /* of REGISTERs that have come, a ring */
    unsigned n_branches;
    uint64_t n_nonces;
    uint64_t n_from_phones, n_to_upstream; /* since "storm count" */
    uint64_t second, n_in_second, peak;    /* of the phones, likewise */
};

static void start_timer(struct caller *p, uint64_t ms)
{
    wheel_start(&p->run->world.wheel, &p->next, p->run->world.now_ms + ms);
}

/* ---------------------------------------------------------------- phones */

static void count_second(struct run *r)
{
    struct storm *s = r->storm;
    if (s->second != r->world.now_ms / 1000)
        s->n_in_second = 0;
    s->second = r->world.now_ms / 1000;
    s->n_in_second++;
    s->peak = s->n_in_second > s->peak ? s->n_in_second : s->peak;
}

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
    buf_addf(&b, "Authorization: Digest nonce=\"%llu\", response=\"good\"\r\n",
             (unsigned long long)p->nonce);
    buf_addf(&b, "Content-Length: 0\r\n\r\n");
    p->is_waiting = true;
    r->storm->n_from_phones++;
    count_second(r);
    run_send(r, p->peer, buf_str(&b), -1);
}

static void on_next(void *arg)
{
    struct caller *p = arg;
    p->is_proven = false;
    if (!p->run->storm->is_over)
        send_register(p);
}

static uint64_t nonce_of(struct str message, struct str header)
{
    struct str value = text_header(message, header, 0);
    uint64_t nonce = 0;
    for (size_t i = 0; i + 7 < value.n; i++) {
        struct str at = str_skip(value, i);
        const struct str name = STR("nonce=\"");
        const char *end = str_has_prefix(at, name) ? str_find(str_skip(at, name.n), '"') : NULL;
        if (end && str_to_u64(str_span(at.p + name.n, end), UINT64_MAX, &nonce) == 0)
            return nonce;
    }
    return 0;
}

/* Once in each attempt. */
static bool answer_challenge(struct caller *p, struct str response)
{
    p->nonce = nonce_of(response, STR("WWW-Authenticate"));
    if (p->is_proven || p->nonce == 0)
        return false;
    p->is_proven = true;
    send_register(p);
    return true;
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
    if (status < 200 || (status == 401 && answer_challenge(p, response)))
        return;
    if (status != 200)
        run_fail(p->run, "phone %u hears %u:\n%.*s", p->index, status, STR_FMT(response));
    uint64_t granted = granted_ms(response);
    if (granted == 0)
        run_fail(p->run, "phone %u is not registered:\n%.*s", p->index, STR_FMT(response));
    p->is_waiting = false;
    p->is_registered = true;
    start_timer(p, granted ? granted * 5 / 6 : EXPIRES_S * 1000);
}

/* ---------------------------------------------------------------- the registrar */

/* A second opinion on the pace: room for a burst, which fills again at the rate. Turns are given
 * out by the wheel's clock, so one that is on time may follow one that was a step of it late; but
 * what was taken early is owed. */
static void judge_pace(struct run *r)
{
    struct storm *s = r->storm;
    int64_t step_us = 1000000 / s->plan.rate, most_us = s->plan.burst * step_us;
    s->room_us += (int64_t)(r->world.now_ms - s->room_at_ms) * 1000;
    s->room_us = s->room_us < most_us ? s->room_us : most_us;
    s->room_at_ms = r->world.now_ms;
    s->room_us -= step_us;
    if (s->room_us + (WHEEL_TICK_MS + 1) * 1000 < 0)
        run_fail(r, "a REGISTER beyond the pace of %u a second", s->plan.rate);
}

static void build_response(struct buf *b, struct str request, const char *first_line)
{
    struct str rest = request, line, value;
    (void)text_next_line(&rest, &line);
    buf_addf(b, "SIP/2.0 %s\r\n", first_line);
    while (text_next_line(&rest, &line)) {
        if (text_is_header(line, STR("To"), &value))
            buf_addf(b, "%.*s;tag=reg\r\n", STR_FMT(line));
        else if (text_is_header(line, STR("Via"), &value) ||
                 text_is_header(line, STR("From"), &value) ||
                 text_is_header(line, STR("Call-ID"), &value) ||
                 text_is_header(line, STR("CSeq"), &value))
            buf_addf(b, "%.*s\r\n", STR_FMT(line));
    }
}

static void answer(struct run *r, const struct peer *registrar, struct str request)
{
    struct buf b = buf_in(&r->arena, request.n + 512);
    build_response(&b, request, "200 OK");
    if (str_eq(text_method(request), STR("REGISTER")))
        contacts_build(&(struct contacts_list){.words = STR("ours"), .request = request}, &b);
    buf_addf(&b, "Content-Length: 0\r\n\r\n");
    run_send(r, registrar, buf_str(&b), -1);
}

/* By the user in To, "s" and its number. */
static struct caller *caller_of(const struct run *r, struct str request)
{
    struct str to = text_header(request, STR("To"), 0);
    const char *colon = str_find(to, ':'), *at = str_find(to, '@');
    uint32_t i = 0;
    if (!colon || !at || colon + 2 > at || str_to_u32(str_span(colon + 2, at), UINT32_MAX, &i))
        return NULL;
    return i < r->storm->plan.n_phones ? &r->storm->callers[i] : NULL;
}

/* Each nonce is good once. True: the REGISTER was challenged. */
static bool challenge(struct run *r, const struct peer *registrar, struct str request)
{
    struct caller *p = caller_of(r, request);
    uint64_t nonce = nonce_of(request, STR("Authorization"));
    if (!r->storm->plan.is_challenging || !p)
        return false;
    if (p->issued && nonce == p->issued) {
        p->issued = 0;
        return false;
    }
    p->issued = ++r->storm->n_nonces;
    struct buf b = buf_in(&r->arena, request.n + 512);
    build_response(&b, request, "401 Unauthorized");
    buf_addf(&b, "WWW-Authenticate: Digest realm=\"example.com\", nonce=\"%llu\"\r\n",
             (unsigned long long)p->issued);
    buf_addf(&b, "Content-Length: 0\r\n\r\n");
    run_send(r, registrar, buf_str(&b), -1);
    return true;
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
    bool is_register = str_eq(text_method(m->bytes), STR("REGISTER"));
    s->n_to_upstream += is_register;
    if (is_register && !is_repeat(s, text_branch(m->bytes)))
        judge_pace(r);
    if (!s->is_silent && !(is_register && challenge(r, peer, m->bytes)))
        answer(r, peer, m->bytes);
    return true;
}

/* ---------------------------------------------------------------- life */

static void start(struct run *r, const struct storm_plan *plan)
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

static void flap(struct run *r, uint64_t within_ms)
{
    for (unsigned i = 0; r->storm && i < r->storm->plan.n_phones; i++)
        start_timer(&r->storm->callers[i], dice_below(&r->world.dice, (uint32_t)within_ms));
}

static void end_it(struct run *r)
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

/* "storm share N": at least one must have been sent, or nothing was proven. */
static void judge_share(struct run *r, const struct storm *s)
{
    uint32_t share;
    if (str_to_u32(script_word(r->step, 2), UINT32_MAX, &share) || share == 0)
        run_fail(r, "storm share NUMBER");
    else if (s->n_from_phones == 0 || s->n_to_upstream * share > s->n_from_phones)
        run_fail(r, "%llu REGISTERs to upstream for %llu of the phones",
                 (unsigned long long)s->n_to_upstream, (unsigned long long)s->n_from_phones);
}

/* "storm reached N": so many have gone upstream since they are counted. */
static void judge_reached(struct run *r, const struct storm *s)
{
    uint32_t n;
    if (str_to_u32(script_word(r->step, 2), UINT32_MAX, &n))
        run_fail(r, "storm reached NUMBER");
    else if (s->n_to_upstream < n)
        run_fail(r, "only %llu REGISTERs to upstream", (unsigned long long)s->n_to_upstream);
}

/* "storm peak N": in no second more of the phones' than that since they are counted. */
static void judge_peak(struct run *r, const struct storm *s)
{
    uint32_t n;
    if (str_to_u32(script_word(r->step, 2), UINT32_MAX, &n) || s->peak == 0)
        run_fail(r, "storm peak NUMBER, and something must have come");
    else if (s->peak > n)
        run_fail(r, "%llu REGISTERs of the phones in a second", (unsigned long long)s->peak);
}

static void begin(struct run *r)
{
    struct storm_plan plan = {.n_phones = 100,
                              .rate = 10,
                              .burst = 10,
                              .is_challenging =
                                  str_eq(script_value(r->step, STR("challenge")), STR("yes"))};
    if (keys_take_number(r, STR("phones"), &plan.n_phones) &&
        keys_take_number(r, STR("rate"), &plan.rate) &&
        keys_take_number(r, STR("burst"), &plan.burst))
        start(r, &plan);
}

void storm_step(struct run *r)
{
    struct str what = script_word(r->step, 1);
    struct storm *s = r->storm;
    uint64_t ms;
    if (str_eq(what, STR("begin")))
        begin(r);
    else if (!s)
        run_fail(r, "storm begin has not been said");
    else if (str_eq(what, STR("flap")) && keys_parse_time(r, script_word(r->step, 2), &ms))
        flap(r, ms);
    else if (str_eq(what, STR("silent")) || str_eq(what, STR("back")))
        s->is_silent = str_eq(what, STR("silent"));
    else if (str_eq(what, STR("count")))
        s->n_from_phones = s->n_to_upstream = s->n_in_second = s->peak = 0;
    else if (str_eq(what, STR("share")))
        judge_share(r, s);
    else if (str_eq(what, STR("reached")))
        judge_reached(r, s);
    else if (str_eq(what, STR("peak")))
        judge_peak(r, s);
    else if (str_eq(what, STR("end")))
        end_it(r);
    else if (!r->has_failed)
        run_fail(r, "storm begin, flap, silent, back, count, share, reached, peak or end");
}
