#include "sim/caller.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/hmap.h"
#include "base/sys.h"
#include "net/loop.h"
#include "sim/callmsg.h"

/* RFC 3261 17.1.1.2 and table 4 */
enum { T1_MS = 500, T2_MS = 4000, TIMEOUT_MS = 64 * T1_MS };

enum {
    BEAT_MS = 16,
    STATUS_MAX = 700,
    CALLS_MAX = 100000,
    LEGS_MAX = 32, /* answers of one call */
    MESSAGE_MAX = 16384,
    TEXT_MAX = 4096,
    CSEQ_INVITE = 1,
    CSEQ_BYE = 2
};

enum call_state {
    CALL_INVITING,   /* timers A and B run */
    CALL_RINGING,    /* a provisional has come; the timer ends the patience */
    CALL_CANCELLING, /* the CANCEL is sent again by timer E, until the INVITE has its answer */
    CALL_OVER        /* it had its final answer, or never will; kept for repeats of it */
};

enum leg_state { LEG_TALKING, LEG_ENDING, LEG_OVER };

struct caller {
    struct caller_setup setup;
    struct hmap calls; /* by Call-ID */
    struct list all;
    struct wheel_timer beat;
    uint64_t run;       /* random: tells this run's calls from others */
    uint64_t credit;    /* calls that the rate allows now, in thousandths */
    uint64_t n_placed;  /* with those that could not be sent */
    uint64_t n_ringing; /* calls that rang */
    uint64_t n_answered, n_refused, n_cancelled, n_timeouts, n_unreachable;
    uint64_t n_more_answers; /* further answers of the same call */
    uint64_t n_wrong;        /* answers that belong to no call of ours, or that cannot be used */
    uint64_t n_ended;        /* calls, and further answers, ended by a BYE that was taken */
    uint64_t n_under_way;
    uint64_t statuses[STATUS_MAX]; /* final, to INVITE */
};

/* One dialog: an answer of a call. */
struct leg {
    struct list node;
    struct wheel_timer timer; /* the call's duration, then timers E and F of the BYE */
    struct call *call;
    struct addr next_hop;
    enum leg_state state;
    unsigned n_sent;                    /* BYEs */
    uint64_t started_ms;                /* when the first BYE was sent */
    struct str to, to_tag, uri, routes; /* behind the struct */
};

struct call {
    struct hmap_node node;
    struct list item;
    struct list legs;
    size_t n_legs;
    struct caller *caller;
    struct wheel_timer timer;
    struct addr next_hop;
    enum call_state state;
    bool has_rung, has_answer, is_counted; /* is_counted: in n_under_way */
    unsigned n_sent;                       /* INVITEs or CANCELs */
    uint64_t started_ms;                   /* when the first of them was sent */
    uint64_t serial;
    struct str to, uri, routes, call_id; /* behind the struct */
};

/* ---------------------------------------------------------------- sending */

static uint64_t now_ms(const struct caller *c)
{
    return loop_now_ms(c->setup.loop);
}

static uint64_t doubled_ms(unsigned n_sent, uint64_t most_ms)
{
    const uint64_t ms = (uint64_t)T1_MS << (n_sent < 8 ? n_sent - 1U : 7U);
    return ms < most_ms ? ms : most_ms;
}

static void send_request(const struct call *call, struct callmsg *m, const struct addr *next_hop)
{
    const struct caller *c = call->caller;
    char text[MESSAGE_MAX], branch_text[80], tag_text[24];
    struct buf out = buf_over(text, sizeof text);
    struct buf branch = buf_over(branch_text, sizeof branch_text);
    struct buf tag = buf_over(tag_text, sizeof tag_text);
    /* A CANCEL and the ACK of a refusal have the INVITE's branch; a BYE one of its own for each
     * dialog. */
    buf_addf(&branch, "z9hG4bK%.*s", STR_FMT(call->call_id));
    buf_add(&branch, m->branch);
    buf_addf(&tag, "c%llx", (unsigned long long)call->serial);
    m->branch = buf_str(&branch);
    m->from_tag = buf_str(&tag);
    m->call_id = call->call_id;
    m->local = udp_addr(c->setup.udp);
    callmsg_print(m, &out);
    const struct flow_ref to = udp_flow_to(c->setup.udp, next_hop);
    /* What the system does not take is lost like a datagram on the way. */
    if (!out.has_overflown)
        (void)flow_send(c->setup.flows, &to, buf_str(&out));
}

/* INVITE, CANCEL, or the ACK of a refusal. */
static void send_in_call(const struct call *call, struct str method, struct str to)
{
    struct callmsg m = {
        .method = method,
        .cseq = CSEQ_INVITE,
        .uri = call->uri,
        .branch = STR(""),
        .routes = call->routes,
        .to = to,
        .is_offer = str_eq(method, STR("INVITE")),
    };
    send_request(call, &m, &call->next_hop);
}

/* The ACK of a 2xx, or a BYE. */
static void send_in_dialog(const struct leg *leg, struct str method, uint32_t cseq)
{
    char text[80];
    struct buf branch = buf_over(text, sizeof text);
    const uint64_t mark = hash_str(&leg->call->caller->calls.key, leg->to_tag);
    buf_add(&branch, method);
    buf_add_hex(&branch, &mark, sizeof mark);
    struct callmsg m = {
        .method = method,
        .cseq = cseq,
        .uri = leg->uri,
        .branch = buf_str(&branch),
        .routes = leg->routes,
        .to = leg->to,
    };
    send_request(leg->call, &m, &leg->next_hop);
}

/* ---------------------------------------------------------------- the end of a call */

static void free_leg(struct leg *leg)
{
    loop_timer_stop(leg->call->caller->setup.loop, &leg->timer);
    list_del(&leg->node);
    free(leg);
}

static void free_call(struct call *call)
{
    struct caller *c = call->caller;
    list_each_safe (it, &call->legs)
        free_leg(container_of(it, struct leg, node));
    loop_timer_stop(c->setup.loop, &call->timer);
    hmap_del(&c->calls, &call->node);
    list_del(&call->item);
    free(call);
}

/* A call is under way until its INVITE has its answer and each of its dialogs is over. */
static void count_if_over(struct call *call)
{
    if (!call->is_counted || call->state != CALL_OVER)
        return;
    list_each (it, &call->legs)
        if (container_of(it, struct leg, node)->state != LEG_OVER)
            return;
    call->is_counted = false;
    call->caller->n_under_way--;
}

static void end_call(struct call *call)
{
    call->state = CALL_OVER;
    loop_timer_start(call->caller->setup.loop, &call->timer, TIMEOUT_MS);
    count_if_over(call);
}

static void end_leg(struct leg *leg)
{
    leg->state = LEG_OVER;
    loop_timer_stop(leg->call->caller->setup.loop, &leg->timer);
    count_if_over(leg->call);
}

static void send_bye(struct leg *leg)
{
    if (leg->n_sent++ == 0)
        leg->started_ms = now_ms(leg->call->caller);
    leg->state = LEG_ENDING;
    send_in_dialog(leg, STR("BYE"), CSEQ_BYE);
    loop_timer_start(leg->call->caller->setup.loop, &leg->timer, doubled_ms(leg->n_sent, T2_MS));
}

static void on_leg_timer(void *arg)
{
    struct leg *leg = arg;
    struct caller *c = leg->call->caller;
    if (leg->state == LEG_ENDING && now_ms(c) - leg->started_ms >= TIMEOUT_MS) {
        c->n_timeouts++;
        end_leg(leg);
    } else {
        send_bye(leg);
    }
}

/* ---------------------------------------------------------------- the INVITE's timers */

static void repeat(struct call *call)
{
    const bool is_invite = call->state == CALL_INVITING;
    struct loop *l = call->caller->setup.loop;
    if (call->n_sent++ == 0)
        call->started_ms = loop_now_ms(l);
    send_in_call(call, is_invite ? STR("INVITE") : STR("CANCEL"), call->to);
    loop_timer_start(l, &call->timer, doubled_ms(call->n_sent, is_invite ? TIMEOUT_MS : T2_MS));
}

static void cancel(struct call *call)
{
    call->state = CALL_CANCELLING;
    call->n_sent = 0;
    repeat(call);
}

static void on_call_timer(void *arg)
{
    struct call *call = arg;
    struct caller *c = call->caller;
    if (call->state == CALL_RINGING) {
        cancel(call);
    } else if (call->state == CALL_OVER && call->is_counted) {
        loop_timer_start(c->setup.loop, &call->timer, TIMEOUT_MS);
    } else if (call->state == CALL_OVER) {
        free_call(call);
    } else if (now_ms(c) - call->started_ms >= TIMEOUT_MS) {
        c->n_timeouts++;
        end_call(call);
    } else {
        repeat(call);
    }
}

/* ---------------------------------------------------------------- answers */

static struct str keep(struct buf *room, struct str s)
{
    const struct str copy = {room->p + room->len, s.n};
    buf_add(room, s);
    return copy;
}

static struct leg *find_leg(const struct call *call, struct str to_tag)
{
    list_each (it, &call->legs) {
        struct leg *leg = container_of(it, struct leg, node);
        if (str_eq(leg->to_tag, to_tag))
            return leg;
    }
    return NULL;
}

/* The dialog that a 2xx makes (12.1.2); NULL: it cannot be used. */
static struct leg *add_leg(struct call *call, const struct msg *m)
{
    char text[TEXT_MAX];
    struct buf routes = buf_over(text, sizeof text);
    struct nameaddr contact;
    struct addr next_hop;
    const struct str to = msg_value(m, HDR_TO);
    if (m->to_tag.n == 0 || call->n_legs == LEGS_MAX || callmsg_print_routes(m, &routes) ||
        routes.has_overflown || nameaddr_parse(msg_value(m, HDR_CONTACT), &contact) ||
        callmsg_next_hop(buf_str(&routes), contact.uri, &next_hop))
        return NULL;
    const size_t n = to.n + m->to_tag.n + contact.uri.n + routes.len;
    struct leg *leg = calloc(1, sizeof *leg + n);
    if (!leg)
        return NULL;
    struct buf room = buf_over((char *)(leg + 1), n);
    leg->call = call;
    leg->next_hop = next_hop;
    leg->to = keep(&room, to);
    leg->to_tag = keep(&room, m->to_tag);
    leg->uri = keep(&room, contact.uri);
    leg->routes = keep(&room, buf_str(&routes));
    wheel_timer_init(&leg->timer, on_leg_timer, leg);
    list_add(&call->legs, &leg->node);
    call->n_legs++;
    return leg;
}

/* The first answer is the call; the phones behind further ones are sent away (13.2.2.4). */
static void on_new_leg(struct call *call, struct leg *leg)
{
    struct caller *c = call->caller;
    if (!call->is_counted) {
        call->is_counted = true; /* it was over */
        c->n_under_way++;
    }
    send_in_dialog(leg, STR("ACK"), CSEQ_INVITE);
    if (call->has_answer) {
        c->n_more_answers++;
        send_bye(leg);
    } else {
        call->has_answer = true;
        c->n_answered++;
        loop_timer_start(c->setup.loop, &leg->timer, c->setup.conf->duration_ms);
    }
    if (call->state != CALL_OVER)
        end_call(call);
}

static void on_answered(struct call *call, const struct msg *m)
{
    struct leg *leg = find_leg(call, m->to_tag);
    if (leg) {
        send_in_dialog(leg, STR("ACK"), CSEQ_INVITE);
        return;
    }
    call->caller->statuses[m->status]++;
    leg = add_leg(call, m);
    if (leg)
        on_new_leg(call, leg);
    else
        call->caller->n_wrong++;
}

static void on_refused(struct call *call, const struct msg *m)
{
    struct caller *c = call->caller;
    send_in_call(call, STR("ACK"), msg_value(m, HDR_TO));
    if (call->state == CALL_OVER)
        return;
    c->statuses[m->status]++;
    if (call->state == CALL_CANCELLING && m->status == 487)
        c->n_cancelled++;
    else
        c->n_refused++;
    end_call(call);
}

static void on_provisional(struct call *call, unsigned status)
{
    struct caller *c = call->caller;
    if (status > 100 && !call->has_rung) {
        call->has_rung = true;
        c->n_ringing++;
    }
    if (call->state != CALL_INVITING)
        return;
    call->state = CALL_RINGING;
    loop_timer_start(c->setup.loop, &call->timer, c->setup.conf->ring_ms);
}

static void on_invite_answer(struct call *call, const struct msg *m)
{
    if (m->status < 200)
        on_provisional(call, m->status);
    else if (m->status < 300)
        on_answered(call, m);
    else
        on_refused(call, m);
}

/* Whatever the other side says to it, the dialog is over (15.1.1). */
static void on_bye_answer(const struct call *call, const struct msg *m)
{
    struct leg *leg = find_leg(call, m->to_tag);
    if (m->status < 200 || (leg && leg->state == LEG_OVER))
        return;
    if (leg && m->status < 300)
        call->caller->n_ended++;
    else
        call->caller->n_wrong++;
    if (leg)
        end_leg(leg);
}

static struct call *find_call(const struct caller *c, struct str call_id)
{
    const uint64_t hash = hmap_hash(&c->calls, call_id);
    for (struct hmap_node *n = hmap_first(&c->calls, hash); n; n = hmap_next(n)) {
        struct call *call = container_of(n, struct call, node);
        if (str_eq(call->call_id, call_id))
            return call;
    }
    return NULL;
}

void caller_on_response(struct caller *c, const struct msg *m)
{
    struct call *call = find_call(c, m->call_id);
    if (!call || m->status >= STATUS_MAX)
        c->n_wrong++;
    else if (m->method == METHOD_INVITE)
        on_invite_answer(call, m);
    else if (m->method == METHOD_BYE)
        on_bye_answer(call, m);
    else if (m->method == METHOD_CANCEL && m->status >= 200 && call->state == CALL_CANCELLING)
        loop_timer_start(c->setup.loop, &call->timer, TIMEOUT_MS); /* 9.1: the INVITE's 487 */
}

/* ---------------------------------------------------------------- placing calls */

static struct call *new_call(struct caller *c, const struct location_target *t)
{
    char id_text[48];
    struct buf id = buf_over(id_text, sizeof id_text);
    buf_addf(&id, "call%016llx-%llx", (unsigned long long)c->run, (unsigned long long)c->n_placed);
    const size_t n = id.len + t->aor.n + t->uri.n + t->path.n + 8;
    struct call *call = calloc(1, sizeof *call + n);
    if (!call)
        return NULL;
    struct buf room = buf_over((char *)(call + 1), n);
    call->caller = c;
    call->serial = c->n_placed;
    call->call_id = keep(&room, buf_str(&id));
    call->uri = keep(&room, t->uri);
    call->routes = keep(&room, t->path);
    call->to.p = room.p + room.len;
    buf_add(&room, STR("<sip:"));
    buf_add(&room, t->aor);
    buf_add_char(&room, '>');
    call->to.n = (size_t)(room.p + room.len - call->to.p);
    list_init(&call->legs);
    list_init(&call->item);
    wheel_timer_init(&call->timer, on_call_timer, call);
    call->node.hash = hmap_hash(&c->calls, call->call_id);
    if (hmap_add(&c->calls, &call->node)) {
        free(call);
        return NULL;
    }
    list_add(&c->all, &call->item);
    return call;
}

static void place_call(struct caller *c)
{
    struct location_target target;
    struct addr next_hop;
    if (c->calls.n >= CALLS_MAX || !location_next(c->setup.location, &target))
        return;
    c->n_placed++;
    struct call *call = NULL;
    if (callmsg_next_hop(target.path, target.uri, &next_hop) == 0)
        call = new_call(c, &target);
    if (!call) {
        c->n_unreachable++;
        return;
    }
    call->next_hop = next_hop;
    call->is_counted = true;
    c->n_under_way++;
    repeat(call);
}

static void on_beat(void *arg)
{
    struct caller *c = arg;
    const struct caller_conf *conf = c->setup.conf;
    c->credit += (uint64_t)conf->per_second * BEAT_MS;
    while (c->credit >= 1000) {
        c->credit -= 1000;
        if (conf->n_calls == 0 || c->n_placed < conf->n_calls)
            place_call(c);
    }
    loop_timer_start(c->setup.loop, &c->beat, BEAT_MS);
}

int caller_new(const struct caller_setup *setup, struct caller **out)
{
    struct caller *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    c->setup = *setup;
    hmap_init(&c->calls);
    list_init(&c->all);
    sys_random(&c->run, sizeof c->run);
    wheel_timer_init(&c->beat, on_beat, c);
    loop_timer_start(setup->loop, &c->beat, BEAT_MS);
    *out = c;
    return 0;
}

void caller_free(struct caller *c)
{
    if (!c)
        return;
    list_each_safe (it, &c->all)
        free_call(container_of(it, struct call, item));
    loop_timer_stop(c->setup.loop, &c->beat);
    hmap_fini(&c->calls);
    free(c);
}

void caller_print(const struct caller *c, struct json *j)
{
    json_open(j, "calls", '{');
    json_add_u64(j, "placed", c->n_placed);
    json_add_u64(j, "under_way", c->n_under_way);
    json_add_u64(j, "rang", c->n_ringing);
    json_add_u64(j, "answered", c->n_answered);
    json_add_u64(j, "more_answers", c->n_more_answers);
    json_add_u64(j, "ended", c->n_ended);
    json_add_u64(j, "cancelled", c->n_cancelled);
    json_add_u64(j, "refused", c->n_refused);
    json_add_u64(j, "unreachable", c->n_unreachable);
    json_add_u64(j, "timeouts", c->n_timeouts);
    json_add_u64(j, "wrong", c->n_wrong);
    json_open(j, "statuses", '{');
    for (unsigned i = 0; i < STATUS_MAX; i++) {
        char name[8];
        (void)snprintf(name, sizeof name, "%u", i);
        if (c->statuses[i])
            json_add_u64(j, name, c->statuses[i]);
    }
    json_close(j, '}');
    json_close(j, '}');
}
