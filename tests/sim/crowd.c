#include "crowd.h"

#include <stdio.h>

#include "base/buf.h"
#include "contacts.h"
#include "craft.h"
#include "digest.h"
#include "run.h"
#include "text.h"

enum {
    PHONES_MAX = 24,
    LINES_MAX = 12,
    PHONES_A_LINE = 3,
    FLIGHTS_MAX = 64,
    MESSAGE_MAX = 2048,
    NAME_MAX_LEN = 64,
    DOWN_MS = 10000, /* sooner no upstream is taken for down */
    RETURN_MS =
        5 * 60000,   /* by then all that was served in an outage is registered again, or over */
    SERVED_S = 120,  /* default-expires */
    BLOCK_MS = 5000, /* then a silent REGISTER does not hold up others */
    PATIENCE_MS = 32000,
    T1_MS = 500
};

/* A phone, or a stranger who would be one. */
struct phone {
    struct run *run;
    struct peer *peer;
    unsigned index, line;
    bool is_stranger, is_accepted; /* upstream once said yes to a REGISTER that came from it */
    bool has_proof;                /* sends an Authorization */
    bool is_leaving;
    uint32_t cseq, expires_s, boots;
    uint64_t began_ms;
    uint32_t n_sent;
    struct str request; /* none: nothing is on its way */
    struct wheel_timer next, repeat;
};

/* A REGISTER at the registrar. */
struct flight {
    struct run *run;
    struct str request, branch, contact, reply;
    uint64_t sent_ms;
    struct wheel_timer answer;
    bool has_come;
    bool is_answered;
    bool is_orphaned; /* whoever sent it has been restarted */
};

/* What the registrar holds for a line. */
struct line {
    uint64_t dead_ms;
};

struct crowd {
    struct crowd_plan plan;
    struct phone phones[2 * PHONES_MAX];
    unsigned n_phones; /* with the strangers, who are last */
    unsigned n_lines;
    struct line lines[LINES_MAX];
    struct flight *flights[FLIGHTS_MAX]; /* a ring */
    unsigned n_flights;
    uint32_t granted_s;
    uint64_t out_since_ms, out_until_ms, next_outage_ms;
    bool is_silent; /* what an outage looks like; else 503 */
    bool is_over;
};

static uint32_t below(struct run *r, uint32_t n)
{
    return dice_below(&r->world.dice, n);
}

static bool hits(struct run *r, uint32_t percent)
{
    return dice_hits(&r->world.dice, percent);
}

static void start_timer(struct run *r, struct wheel_timer *t, uint64_t ms)
{
    wheel_start(&r->world.wheel, t, r->world.now_ms + ms);
}

static struct str text(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static struct str text(struct run *r, const char *fmt, ...)
{
    char *bytes = arena_alloc(&r->arena, NAME_MAX_LEN);
    va_list ap;
    va_start(ap, fmt);
    int n = bytes ? vsnprintf(bytes, NAME_MAX_LEN, fmt, ap) : 0;
    va_end(ap);
    return bytes ? (struct str){bytes, (size_t)n} : STR_NONE;
}

/* ---------------------------------------------------------------- phones: sending */

static struct str contact_of(const struct phone *p)
{
    char addr[ADDR_TEXT];
    return text(p->run, "sip:p%u@%s", p->index, addr_text(&p->peer->addr, addr));
}

/* A stranger knows everything about its victim but the password. */
static const struct phone *self_of(const struct phone *p)
{
    const struct crowd *c = p->run->crowd;
    return p->is_stranger && hits(p->run, 50) ? &c->phones[below(p->run, c->plan.n_phones)] : p;
}

static void add_contact(struct buf *b, const struct phone *p)
{
    struct str uri = contact_of(self_of(p));
    bool is_alone = p->is_stranger && hits(p->run, 20);
    if (is_alone && hits(p->run, 50))
        buf_addf(b, "Contact: *\r\nExpires: 0\r\n");
    else if (!is_alone)
        buf_addf(b, "Contact: <%.*s>;expires=%u\r\n", STR_FMT(uri),
                 p->is_leaving ? 0 : p->expires_s);
}

static void add_answer(struct buf *b, const struct phone *p)
{
    const struct digest_ask ask = {.from = p->peer,
                                   .words = p->is_stranger ? STR("guess") : STR("secret"),
                                   .method = STR("REGISTER"),
                                   .uri = STR("sip:example.com"),
                                   .user = text(p->run, "line%u", p->line)};
    if (p->has_proof && p->peer->challenge)
        buf_addf(b, "Authorization: %.*s\r\n", STR_FMT(digest_respond(p->run, &ask)));
}

static void build(struct phone *p)
{
    struct run *r = p->run;
    struct buf b = buf_in(&r->arena, MESSAGE_MAX);
    const struct phone *self = self_of(p);
    char addr[ADDR_TEXT];
    buf_addf(&b, "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKc%llu\r\n",
             addr_text(&p->peer->addr, addr), (unsigned long long)++r->serial);
    buf_addf(&b, "Max-Forwards: 70\r\nFrom: <sip:line%u@example.com>;tag=%u\r\n", p->line,
             self->index);
    buf_addf(&b, "To: <sip:line%u@example.com>\r\nCall-ID: call-%u-%u\r\nCSeq: %u REGISTER\r\n",
             p->line, self->index, self->boots, ++p->cseq);
    add_contact(&b, p);
    if (r->crowd->plan.has_auth)
        add_answer(&b, p);
    else if (p->has_proof || (p->is_stranger && hits(r, 50)))
        buf_addf(&b, "Authorization: Digest response=\"%s\"\r\n", p->is_stranger ? "bad" : "good");
    buf_addf(&b, "Content-Length: 0\r\n\r\n");
    p->request = buf_str(&b);
}

static void send_now(struct phone *p)
{
    run_send(p->run, p->peer, p->request, -1);
    uint64_t wait_ms = (uint64_t)T1_MS << (p->n_sent < 3 ? p->n_sent : 3);
    p->n_sent++;
    start_timer(p->run, &p->repeat, wait_ms);
}

static void begin(struct phone *p)
{
    build(p);
    p->began_ms = p->run->world.now_ms;
    p->n_sent = 0;
    send_now(p);
}

static void rest(struct phone *p, uint64_t ms)
{
    p->request = STR_NONE;
    wheel_stop(&p->run->world.wheel, &p->repeat);
    if (!p->run->crowd->is_over)
        start_timer(p->run, &p->next, ms);
}

static void on_repeat(void *arg)
{
    struct phone *p = arg;
    if (p->run->world.now_ms - p->began_ms < PATIENCE_MS)
        send_now(p);
    else
        rest(p, 1000 + below(p->run, 20000));
}

static void on_next(void *arg)
{
    struct phone *p = arg;
    struct run *r = p->run;
    if (r->crowd->is_over)
        return;
    p->is_leaving = hits(r, 8);
    if (hits(r, 10)) { /* it restarts */
        p->boots++;
        p->cseq = 0;
    }
    if (hits(r, 15))
        p->expires_s = 40 + below(r, 260);
    p->has_proof = !p->is_stranger && hits(r, 30);
    if (p->is_stranger) {
        p->line = below(r, r->crowd->n_lines);
        p->cseq += below(r, 1000);
    }
    begin(p);
}

/* ---------------------------------------------------------------- phones: receiving */

static void on_ok(struct phone *p, struct str response)
{
    struct run *r = p->run;
    struct contacts_item c;
    uint32_t left_s = 60;
    if (p->is_stranger) {
        run_fail(r, "a stranger got a 2xx:\n%.*s", STR_FMT(response));
        return;
    }
    struct str own = contact_of(p);
    bool is_listed = false;
    for (unsigned i = 0; !is_listed && contacts_nth(response, i, &c); i++)
        is_listed = str_eq(c.uri, own) && contacts_expires(&c, &left_s);
    if (!is_listed && !p->is_leaving)
        run_fail(r, "a phone's contact is not in its 2xx:\n%.*s", STR_FMT(response));
    if (is_listed && p->is_leaving)
        run_fail(r, "a phone left and is listed:\n%.*s", STR_FMT(response));
    rest(p, (uint64_t)left_s * (500 + below(r, 450)));
}

static void on_response(struct phone *p, struct str response)
{
    unsigned status = text_status(response);
    bool has_auth = p->run->crowd->plan.has_auth;
    bool is_mine = p->request.p && str_eq(text_branch(response), text_branch(p->request));
    if (!is_mine || status < 200)
        return;
    if (status < 300)
        on_ok(p, response);
    else if (status == 401 && !p->has_proof && (!p->is_stranger || has_auth)) {
        p->has_proof = true;
        begin(p);
    } else {
        rest(p, 1000 + below(p->run, 30000));
    }
}

/* ---------------------------------------------------------------- the registrar */

static unsigned line_of(struct str message)
{
    struct str to = text_header(message, STR("To"), 0);
    uint32_t n = 0;
    const char *at = str_find(to, '@');
    struct str head = at ? str_span(to.p, at) : to;
    (void)str_to_u32(str_skip(head, 9), LINES_MAX - 1, &n); /* <sip:line */
    return n;
}

/* The phone whose Via stands below ours. */
static struct phone *sender_of(struct crowd *c, struct str request)
{
    struct str via = text_header(request, STR("Via"), 1);
    char addr[ADDR_TEXT];
    for (unsigned i = 0; i < c->n_phones; i++) {
        (void)addr_text(&c->phones[i].peer->addr, addr);
        if (via.p && memmem(via.p, via.n, addr, strlen(addr)))
            return &c->phones[i];
    }
    return NULL;
}

static bool is_out(const struct run *r)
{
    return r->world.now_ms < r->crowd->out_until_ms;
}

static bool is_removal(const struct flight *f)
{
    uint32_t n;
    struct contacts_item c;
    return contacts_nth(f->request, 0, &c) && contacts_expires(&c, &n) && n == 0;
}

static unsigned judge_request(struct run *r, const struct flight *f)
{
    struct str proof = text_header(f->request, STR("Authorization"), 0);
    const struct phone *p = sender_of(r->crowd, f->request);
    if (is_out(r))
        return 503;
    if (r->crowd->plan.has_auth) {
        if (proof.p || (p && p->is_stranger))
            run_fail(r, "this should not have got here:\n%.*s", STR_FMT(f->request));
        return hits(r, 3) ? 500 : 200;
    }
    if (!proof.p)
        return 401;
    if (!memmem(proof.p, proof.n, "good", 4))
        return 403;
    return hits(r, 3) ? 500 : 200;
}

static void take_in(struct run *r, const struct flight *f)
{
    struct crowd *c = r->crowd;
    struct phone *p = sender_of(c, f->request);
    struct contacts_item item;
    if (p)
        p->is_accepted = true;
    if (!contacts_nth(f->request, 0, &item))
        return;
    uint64_t more_ms = is_removal(f) ? 0 : (uint64_t)c->granted_s * 1000;
    c->lines[line_of(f->request)].dead_ms = r->world.now_ms + more_ms;
}

static struct str reply_of(struct run *r, const struct flight *f, unsigned status)
{
    struct buf b = buf_in(&r->arena, f->request.n + 512);
    struct str rest = f->request, line, value;
    char granted[16];
    (void)text_next_line(&rest, &line);
    buf_addf(&b, "SIP/2.0 %u Said\r\n", status);
    while (text_next_line(&rest, &line)) {
        bool is_to = text_is_header(line, STR("To"), &value);
        if (is_to)
            buf_addf(&b, "%.*s;tag=reg\r\n", STR_FMT(line));
        else if (text_is_header(line, STR("Via"), &value) ||
                 text_is_header(line, STR("From"), &value) ||
                 text_is_header(line, STR("Call-ID"), &value) ||
                 text_is_header(line, STR("CSeq"), &value))
            buf_addf(&b, "%.*s\r\n", STR_FMT(line));
    }
    (void)snprintf(granted, sizeof granted, "%u", r->crowd->granted_s);
    const struct contacts_list list = {STR("foreign,ours"), f->request, str_of(granted)};
    if (status == 200 && !is_removal(f))
        contacts_build(&list, &b);
    buf_addf(&b, "Content-Length: 0\r\n\r\n");
    return buf_str(&b);
}

static void on_answer(void *arg)
{
    struct flight *f = arg;
    struct run *r = f->run;
    if (is_out(r) && r->crowd->is_silent)
        return;
    unsigned status = judge_request(r, f);
    f->is_answered = true;
    f->reply = reply_of(r, f, status);
    if (status == 200)
        take_in(r, f);
    run_send(r, run_peer_at(r, &(struct addr){.ip = {198, 51, 100, 10}, .port = 5060, .family = 4}),
             f->reply, -1);
}

/* Another REGISTER for this contact came a moment ago, and has had no answer. */
static void judge_flight(struct run *r, const struct flight *f)
{
    const struct crowd *c = r->crowd;
    for (unsigned i = 0; i < c->n_flights && i < FLIGHTS_MAX; i++) {
        const struct flight *other = c->flights[i];
        uint64_t age_ms = r->world.now_ms - other->sent_ms;
        if (other != f && !other->is_answered && !other->is_orphaned &&
            str_eq(other->contact, f->contact) && f->contact.n && age_ms < BLOCK_MS)
            run_fail(r, "two REGISTERs in flight for %.*s", STR_FMT(f->contact));
    }
}

static struct flight *find_flight(const struct crowd *c, struct str request)
{
    for (unsigned i = 0; i < c->n_flights && i < FLIGHTS_MAX; i++)
        if (str_eq(c->flights[i]->branch, text_branch(request)))
            return c->flights[i];
    return NULL;
}

static struct flight *add_flight(struct run *r, struct str request)
{
    struct crowd *c = r->crowd;
    struct contacts_item item = {0};
    struct flight *f = arena_calloc(&r->arena, 1, sizeof *f);
    if (!f)
        return NULL;
    (void)contacts_nth(request, 0, &item);
    *f = (struct flight){.run = r,
                         .request = request,
                         .branch = text_branch(request),
                         .contact = item.uri,
                         .sent_ms = r->world.now_ms};
    wheel_timer_init(&f->answer, on_answer, f);
    if (c->n_flights >= FLIGHTS_MAX)
        wheel_stop(&r->world.wheel, &c->flights[c->n_flights % FLIGHTS_MAX]->answer);
    c->flights[c->n_flights++ % FLIGHTS_MAX] = f;
    return f;
}

/* The first copy starts the clock; a repeat may come when it has been answered, or the registrar
 * has woken up. */
static void on_register(struct run *r, struct peer *registrar, struct str request)
{
    struct flight *f = find_flight(r->crowd, request);
    if (!f)
        return;
    if (f->is_answered)
        run_send(r, registrar, f->reply, -1);
    else if (!f->has_come || !is_out(r))
        start_timer(r, &f->answer, hits(r, 10) ? below(r, 8000) : below(r, 300));
    f->has_come = true;
}

/* A REGISTER has left for upstream. */
static void on_flight(struct run *r, struct str request)
{
    if (find_flight(r->crowd, request))
        return;
    const struct flight *f = add_flight(r, str_dup(&r->arena, request));
    if (f)
        judge_flight(r, f);
}

/* ---------------------------------------------------------------- the judge */

static const struct phone *phone_of_contact(const struct crowd *c, struct str uri)
{
    for (unsigned i = 0; i < c->n_phones; i++)
        if (str_eq(uri, contact_of(&c->phones[i])))
            return &c->phones[i];
    return NULL;
}

static void judge_listed(struct run *r, const struct contacts_item *item, struct str response)
{
    const struct phone *p = phone_of_contact(r->crowd, item->uri);
    if (!p || p->is_stranger || !p->is_accepted)
        run_fail(r, "%.*s is listed, which upstream has never accepted:\n%.*s", STR_FMT(item->uri),
                 STR_FMT(response));
}

/* D56a: while upstream is down, and until it has taken back what became due meanwhile. */
static bool can_be_served(const struct run *r, uint32_t left_s)
{
    const struct crowd *c = r->crowd;
    return c->plan.has_long_outages && c->out_until_ms >= c->out_since_ms + DOWN_MS &&
           r->world.now_ms >= c->out_since_ms + DOWN_MS &&
           r->world.now_ms < c->out_until_ms + RETURN_MS && left_s <= SERVED_S;
}

/* What the phone is told of its own contact, upstream must hold for. */
static void judge_grant(struct run *r, const struct contacts_item *item, struct str response)
{
    uint32_t left_s = 0;
    uint64_t dead_ms = r->crowd->lines[line_of(response)].dead_ms;
    if (contacts_expires(item, &left_s) && r->world.now_ms + left_s * 1000ULL > dead_ms &&
        !can_be_served(r, left_s))
        run_fail(r, "granted %u s, but upstream holds for %lld ms:\n%.*s", left_s,
                 (long long)(dead_ms - r->world.now_ms), STR_FMT(response));
}

void crowd_on_sent(struct run *r, const struct world_packet *p)
{
    struct contacts_item item;
    if (!r->crowd || r->has_failed)
        return;
    if (text_is_request(p->bytes) && str_eq(text_method(p->bytes), STR("REGISTER")))
        on_flight(r, p->bytes);
    if (text_status(p->bytes) / 100 != 2)
        return;
    for (unsigned i = 0; contacts_nth(p->bytes, i, &item); i++) {
        judge_listed(r, &item, p->bytes);
        const struct phone *of = phone_of_contact(r->crowd, item.uri);
        bool is_own = of && addr_is_equal(&of->peer->addr, &p->to);
        if (is_own && !r->crowd->plan.has_auth) /* else we refresh upstream ourselves */
            judge_grant(r, &item, p->bytes);
    }
}

static void begin_outage(struct run *r)
{
    struct crowd *c = r->crowd;
    c->out_since_ms = r->world.now_ms;
    c->out_until_ms = r->world.now_ms + below(r, c->plan.has_long_outages ? 600000 : 40000);
    c->next_outage_ms = c->out_until_ms + 30000 + below(r, 400000);
    c->is_silent = hits(r, 50);
}

static void on_options(struct run *r, const struct peer *registrar, struct str request)
{
    if (!is_out(r))
        run_send(r, registrar, craft_response(&r->arena, request, 200), -1);
    else if (!r->crowd->is_silent)
        run_send(r, registrar, craft_response(&r->arena, request, 503), -1);
}

bool crowd_receive(struct run *r, const struct peer *peer, const struct mail *m)
{
    struct crowd *c = r->crowd;
    if (!c)
        return false;
    for (unsigned i = 0; i < c->n_phones; i++) {
        if (c->phones[i].peer != peer)
            continue;
        if (text_status(m->bytes) == 401)
            c->phones[i].peer->challenge = m;
        on_response(&c->phones[i], m->bytes);
        return true;
    }
    if (!str_eq(peer->name, STR("upstream")) || !text_is_request(m->bytes))
        return false;
    if (!is_out(r) && c->plan.has_outages && r->world.now_ms > c->next_outage_ms)
        begin_outage(r);
    if (str_eq(text_method(m->bytes), STR("OPTIONS")))
        on_options(r, run_peer_at(r, &peer->addr), m->bytes);
    else
        on_register(r, run_peer_at(r, &peer->addr), m->bytes);
    return true;
}

/* ---------------------------------------------------------------- life */

static void add_phone(struct run *r, bool is_stranger)
{
    struct crowd *c = r->crowd;
    unsigned i = c->n_phones++;
    struct phone *p = &c->phones[i];
    const struct addr addr = {
        .ip = {is_stranger ? 203 : 192, 0, is_stranger ? 113 : 2, (uint8_t)(100 + i)},
        .port = 5060,
        .family = 4};
    *p = (struct phone){.run = r,
                        .peer = run_peer_at(r, &addr),
                        .index = i,
                        .line = i / PHONES_A_LINE,
                        .is_stranger = is_stranger,
                        .expires_s = 40 + below(r, 260)};
    wheel_timer_init(&p->next, on_next, p);
    wheel_timer_init(&p->repeat, on_repeat, p);
    start_timer(r, &p->next, below(r, 20000));
}

void crowd_start(struct run *r, const struct crowd_plan *plan)
{
    if (plan->n_phones == 0 || plan->n_phones > PHONES_MAX || plan->n_strangers > PHONES_MAX) {
        run_fail(r, "1 to %d phones, %d strangers at the most", PHONES_MAX, PHONES_MAX);
        return;
    }
    struct crowd *c = r->crowd = arena_calloc(&r->arena, 1, sizeof *c);
    if (!c)
        return;
    c->plan = *plan;
    c->n_lines = (plan->n_phones + PHONES_A_LINE - 1) / PHONES_A_LINE;
    c->granted_s = 200 + below(r, 1000);
    c->next_outage_ms = r->world.now_ms + 20000 + below(r, 300000);
    for (uint32_t i = 0; i < plan->n_phones + plan->n_strangers; i++)
        add_phone(r, i >= plan->n_phones);
}

void crowd_on_restart(struct run *r)
{
    struct crowd *c = r->crowd;
    for (unsigned i = 0; c && i < c->n_flights && i < FLIGHTS_MAX; i++)
        c->flights[i]->is_orphaned = true;
}

void crowd_stop(struct run *r)
{
    struct crowd *c = r->crowd;
    c->is_over = true;
    c->plan.has_outages = false;
    c->out_until_ms = 0;
    for (unsigned i = 0; i < c->n_phones; i++)
        wheel_stop(&r->world.wheel, &c->phones[i].next);
}
