#include "agent.h"

#include "base/buf.h"
#include "core/txnfsm.h"
#include "craft.h"
#include "routes.h"
#include "run.h"
#include "text.h"

enum { RULE_PARTS = 8, BRANCH_MAX = 48 };

struct rule {
    struct list node;
    const struct peer *peer;
    struct str method;
    struct {
        unsigned status;
        uint64_t after_ms; /* of the part before */
    } parts[RULE_PARTS];
    unsigned n_parts;
};

/* One transaction of an agent, kept to the end of the run. */
struct job {
    struct list node;
    struct run *run;
    struct peer *peer;
    const struct rule *rule; /* called side only */
    struct str label;        /* caller only */
    struct str request, reply;
    struct str method, branch, call_id;
    bool is_invite, has_provisional, is_acked;
    bool must_cancel; /* as soon as a provisional has come */
    unsigned final;
    unsigned next_part;
    uint64_t interval_ms, give_up_ms;
    struct wheel_timer repeat, next;
};

void agent_init(struct agents *a)
{
    list_init(&a->rules);
    list_init(&a->jobs);
}

static uint64_t now_of(const struct job *j)
{
    return j->run->world.now_ms;
}

static void start_timer(struct job *j, struct wheel_timer *t, uint64_t ms)
{
    wheel_start(&j->run->world.wheel, t, now_of(j) + ms);
}

static void stop_timer(struct job *j, struct wheel_timer *t)
{
    wheel_stop(&j->run->world.wheel, t);
}

static struct job *new_job(struct run *r, struct peer *peer, struct str request)
{
    struct job *j = arena_calloc(&r->arena, 1, sizeof *j);
    if (!j)
        return NULL;
    j->run = r;
    j->peer = peer;
    j->request = request;
    j->method = text_method(request);
    j->branch = text_branch(request);
    j->call_id = text_header(request, STR("Call-ID"), 0);
    j->is_invite = str_eq(j->method, STR("INVITE"));
    list_add(&r->agents.jobs, &j->node);
    return j;
}

static struct job *find_job(const struct run *r, const struct peer *peer, struct str message,
                            struct str method)
{
    list_each (it, &r->agents.jobs) {
        struct job *j = container_of(it, struct job, node);
        if (j->peer == peer && str_eq(j->method, method) && str_eq(j->branch, text_branch(message)))
            return j;
    }
    return NULL;
}

/* ---------------------------------------------------------------- the called side */

static void next_interval(struct job *j)
{
    j->interval_ms = j->interval_ms ? 2 * j->interval_ms : TXN_T1_MS;
    if (j->interval_ms > TXN_T2_MS && (!j->is_invite || j->rule))
        j->interval_ms = TXN_T2_MS;
    if (now_of(j) + j->interval_ms < j->give_up_ms)
        start_timer(j, &j->repeat, j->interval_ms);
}

/* RFC 3261 13.3.1.4, 17.2.1: a final response to an INVITE until its ACK comes. */
static void repeat_reply(void *arg)
{
    struct job *j = arg;
    if (j->is_acked)
        return;
    run_send(j->run, j->peer, j->reply, -1);
    next_interval(j);
}

static void reply_with(struct job *j, unsigned status)
{
    j->reply = craft_response(&j->run->arena, j->request, status);
    run_send(j->run, j->peer, j->reply, -1);
    if (status < 200)
        return;
    j->final = status;
    stop_timer(j, &j->next);
    j->give_up_ms = now_of(j) + TXN_TIMEOUT_MS;
    if (j->is_invite)
        next_interval(j);
}

static void on_next_part(void *arg)
{
    struct job *j = arg;
    unsigned i = j->next_part++;
    reply_with(j, j->rule->parts[i].status);
    if (j->next_part < j->rule->n_parts && !j->final)
        start_timer(j, &j->next, j->rule->parts[j->next_part].after_ms);
}

/* The last one that was said. */
static const struct rule *find_rule(const struct run *r, const struct peer *peer, struct str method)
{
    const struct rule *found = NULL;
    list_each (it, &r->agents.rules) {
        const struct rule *rule = container_of(it, struct rule, node);
        if (rule->peer == peer && str_eq(rule->method, method))
            found = rule;
    }
    return found;
}

static void on_ack(struct run *r, const struct peer *peer, struct str ack)
{
    list_each (it, &r->agents.jobs) {
        struct job *j = container_of(it, struct job, node);
        if (j->peer == peer && j->is_invite &&
            str_eq(j->call_id, text_header(ack, STR("Call-ID"), 0)))
            j->is_acked = true;
    }
}

static void on_cancel(struct run *r, struct peer *peer, struct str cancel)
{
    struct job *invite = find_job(r, peer, cancel, STR("INVITE"));
    run_send(r, peer, craft_response(&r->arena, cancel, invite ? 200 : 481), -1);
    if (invite && !invite->final)
        reply_with(invite, 487);
}

static void on_new_request(struct run *r, struct peer *peer, const struct rule *rule,
                           struct str request)
{
    struct job *j = new_job(r, peer, request);
    if (!j)
        return;
    if (rule->n_parts == 0) /* it says nothing */
        return;
    j->rule = rule;
    wheel_timer_init(&j->repeat, repeat_reply, j);
    wheel_timer_init(&j->next, on_next_part, j);
    start_timer(j, &j->next, rule->parts[0].after_ms);
}

static bool receive_request(struct run *r, struct peer *peer, struct str request)
{
    struct str method = text_method(request);
    const struct rule *rule = find_rule(r, peer, method);
    const struct job *known = find_job(r, peer, request, method);
    bool is_hop = str_eq(method, STR("ACK")) || str_eq(method, STR("CANCEL"));
    if (is_hop && !find_rule(r, peer, STR("INVITE")))
        return false;
    if (!is_hop && !rule)
        return false;
    if (str_eq(method, STR("ACK")))
        on_ack(r, peer, request);
    else if (is_hop)
        on_cancel(r, peer, request);
    else if (!known)
        on_new_request(r, peer, rule, request);
    else if (known->reply.n && !known->is_acked)
        run_send(r, peer, known->reply, -1);
    return true;
}

/* "180@100ms". */
static bool add_part(struct rule *rule, struct str word)
{
    uint32_t status;
    uint64_t after_ms = 0;
    const char *at = str_find(word, '@');
    if (rule->n_parts == RULE_PARTS || str_to_u32(at ? str_span(word.p, at) : word, 699, &status))
        return false;
    if (at && !script_parse_ms(str_span(at + 1, str_end(word)), &after_ms))
        return false;
    rule->parts[rule->n_parts].status = status;
    rule->parts[rule->n_parts++].after_ms = after_ms;
    return true;
}

void agent_add_rule(struct run *r, struct peer *peer, size_t nth)
{
    struct rule *rule = arena_calloc(&r->arena, 1, sizeof *rule);
    if (!rule)
        return;
    rule->peer = peer;
    rule->method = script_word(r->step, nth++);
    for (struct str w = script_word(r->step, nth); w.p; w = script_word(r->step, ++nth))
        if (!add_part(rule, w))
            run_fail(r, "%.*s is no STATUS@DELAY", STR_FMT(w));
    list_add(&r->agents.rules, &rule->node);
}

/* ---------------------------------------------------------------- the caller */

/* RFC 3261 17.1.1.2, 17.1.2.2: timers A and E. */
static void repeat_request(void *arg)
{
    struct job *j = arg;
    if (j->final || (j->is_invite && j->has_provisional))
        return;
    run_send(j->run, j->peer, j->request, -1);
    next_interval(j);
}

static void send_cancel(struct job *j);

static void on_cancel_time(void *arg)
{
    struct job *j = arg;
    j->must_cancel = true;
    if (j->has_provisional)
        send_cancel(j);
}

static void start_caller(struct job *j)
{
    wheel_timer_init(&j->repeat, repeat_request, j);
    wheel_timer_init(&j->next, on_cancel_time, j);
    j->give_up_ms = now_of(j) + TXN_TIMEOUT_MS;
    run_send(j->run, j->peer, j->request, -1);
    next_interval(j);
}

static void send_cancel(struct job *j)
{
    const struct craft_hop hop = {
        .method = STR("CANCEL"), .invite = j->request, .to = text_header(j->request, STR("To"), 0)};
    j->must_cancel = false;
    if (j->final)
        return;
    struct job *cancel = new_job(j->run, j->peer, craft_hop(&j->run->arena, &hop));
    if (cancel)
        start_caller(cancel);
}

/* The ACK to a 2xx is a request of its own (13.2.2.4). */
static void send_ack(struct job *j, struct str response)
{
    struct buf branch = buf_in(&j->run->arena, BRANCH_MAX);
    struct routes routes;
    struct craft_hop hop = {
        .method = STR("ACK"), .invite = j->request, .to = text_header(response, STR("To"), 0)};
    if (text_status(response) < 300) {
        buf_addf(&branch, "z9hG4bKack%llu", (unsigned long long)++j->run->serial);
        hop.branch = buf_str(&branch);
        routes_of(response, &routes);
        hop.route = routes_join(&j->run->arena, &routes);
    }
    run_send(j->run, j->peer, craft_hop(&j->run->arena, &hop), -1);
}

static void on_final(struct job *j, struct str response, unsigned status)
{
    if (!j->final)
        j->final = status;
    stop_timer(j, &j->repeat);
    stop_timer(j, &j->next);
    if (j->is_invite)
        send_ack(j, response);
}

static bool receive_response(struct run *r, struct peer *peer, struct str response)
{
    unsigned status = text_status(response);
    struct job *j = find_job(r, peer, response, text_method(response));
    if (!j || j->rule)
        return false;
    if (status >= 200) {
        on_final(j, response, status);
        return true;
    }
    j->has_provisional = true;
    if (j->must_cancel)
        send_cancel(j);
    return true;
}

void agent_call(struct run *r, struct peer *peer, struct str request, struct str label,
                uint64_t cancel_ms)
{
    struct job *j = new_job(r, peer, request);
    if (!j)
        return;
    j->label = label;
    start_caller(j);
    if (cancel_ms != UINT64_MAX)
        start_timer(j, &j->next, cancel_ms);
}

int agent_outcome(const struct run *r, struct str label)
{
    list_each (it, &r->agents.jobs) {
        const struct job *j = container_of(it, struct job, node);
        if (str_eq(j->label, label))
            return (int)j->final;
    }
    return -1;
}

bool agent_receive(struct run *r, struct peer *peer, const struct mail *m)
{
    if (text_is_request(m->bytes))
        return receive_request(r, peer, m->bytes);
    return receive_response(r, peer, m->bytes);
}
