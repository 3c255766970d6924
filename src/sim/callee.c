#include "sim/callee.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hmap.h"
#include "net/loop.h"
#include "sim/callmsg.h"
#include "sim/sources.h"
#include "sip/build.h"

/* RFC 3261 table 4 */
enum { T1_MS = 500, T2_MS = 4000, TIMEOUT_MS = 64 * T1_MS };

enum {
    RING_AFTER_MS = 50,
    RING_MOST_MS = 240000, /* longer than timer C of any proxy before us */
    CALLS_MAX = 100000,
    ARENA_LIMIT = 1 << 20,
    ARENA_KEEP = 64 << 10,
    HEADERS_MAX = 8192,
    KEY_MAX = 600,
    CONTACT_MAX = 512
};

const char *const callee_answer_words[] = {"first", "all", "none", "busy", NULL};

enum call_state {
    CALL_NEW,     /* the timer is the time until 180 */
    CALL_RINGING, /* until the answer, or of patience */
    CALL_FINAL,   /* a final answer is repeated until its ACK: 2xx, and timer G */
    CALL_TALKING, /* no timer: the caller ends it */
    CALL_OVER     /* kept for repeats */
};

struct callee {
    struct callee_setup setup;
    struct hmap calls; /* by Call-ID and phone */
    struct list all;
    struct arena arena; /* of what timers send */
};

struct call {
    struct hmap_node node;
    struct list item;
    struct callee *callee;
    struct wheel_timer timer;
    struct flow_ref flow; /* where the INVITE came from */
    uint32_t number;      /* of the phone */
    enum call_state state;
    unsigned status; /* of the last response */
    unsigned n_sent; /* final responses */
    uint64_t final_ms;
    size_t n;
    struct str branch; /* behind the INVITE */
    char bytes[];      /* the INVITE */
};

/* ---------------------------------------------------------------- answering */

static void send_response(struct callee *c, const struct packet *p, const struct msg *m,
                          const struct build_reply *reply)
{
    struct str bytes;
    /* What cannot be sent is lost like a datagram on the way. */
    if (build_response(m->arena, m, &p->flow.peer, reply, &bytes) == 0)
        (void)sources_answer(c->setup.sources, &p->flow, bytes);
}

static void answer(struct callee *c, const struct packet *p, const struct msg *m, unsigned status)
{
    const struct build_reply reply = {
        .status = status,
        .to_tag = STR("callee"),
        .headers = STR("Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, MESSAGE\r\n"),
    };
    send_response(c, p, m, &reply);
}

static struct str tag_of(const struct call *call, char text[20])
{
    struct buf out = buf_over(text, 20);
    buf_add_hex(&out, &call->node.hash, sizeof call->node.hash);
    return buf_str(&out);
}

/* What makes a dialog (12.1.1): the Record-Route as it came, and where the phone is. */
static struct str print_headers(const struct call *call, const struct msg *m)
{
    const struct callee_setup *s = &call->callee->setup;
    const struct addr local = sources_addr(s->sources, call->number);
    struct buf out = buf_in(m->arena, m->bytes.n + HEADERS_MAX);
    for (const struct msg_line *l = msg_first(m, HDR_RECORD_ROUTE); l; l = msg_next(m, l)) {
        buf_add(&out, STR("Record-Route: "));
        buf_add(&out, l->value);
        buf_add(&out, STR("\r\n"));
    }
    buf_add(&out, STR("Contact: <"));
    phone_print_contact(s->style, call->number, &local, &out);
    buf_add(&out, STR(">\r\n"));
    if (call->status == 200)
        buf_add(&out, STR("Content-Type: application/sdp\r\n"));
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

static void send_status(const struct call *call, const struct packet *p, const struct msg *m)
{
    struct callee *c = call->callee;
    char sdp_text[512], tag_text[20];
    struct buf sdp = buf_over(sdp_text, sizeof sdp_text);
    const struct addr local = sources_addr(c->setup.sources, call->number);
    if (call->status == 200)
        callmsg_print_sdp(&local, &sdp);
    const struct build_reply reply = {
        .status = call->status,
        .to_tag = tag_of(call, tag_text),
        .headers = call->status < 300 ? print_headers(call, m) : STR_NONE,
        .body = buf_str(&sdp),
    };
    send_response(c, p, m, &reply);
}

/* The INVITE's present response, made anew: the same bytes each time. */
static void respond(const struct call *call)
{
    struct arena *a = &call->callee->arena;
    struct msg *m;
    struct msg_fault fault;
    const struct packet p = {.bytes = {call->bytes, call->n}, .flow = call->flow};
    if (msg_index(a, p.bytes, &msg_limits_default, &m, &fault) == 0)
        send_status(call, &p, m);
    arena_reset(a, ARENA_KEEP);
}

/* ---------------------------------------------------------------- a call's life */

static void free_call(struct call *call)
{
    struct callee *c = call->callee;
    loop_timer_stop(c->setup.loop, &call->timer);
    hmap_del(&c->calls, &call->node);
    list_del(&call->item);
    free(call);
}

static void set_state(struct call *call, enum call_state state, uint64_t timer_ms)
{
    call->state = state;
    loop_timer_start(call->callee->setup.loop, &call->timer, timer_ms);
}

/* What it says when it has rung for -answer-after; 0: nothing, it goes on ringing. */
static unsigned answer_of(const struct call *call)
{
    const struct callee_setup *s = &call->callee->setup;
    const bool is_first = call->number % s->style->devices_per_line == 0;
    const unsigned answers[] = {
        [ANSWER_FIRST] = is_first ? 200 : 0,
        [ANSWER_ALL] = 200,
        [ANSWER_NONE] = 0,
        [ANSWER_BUSY] = 486,
    };
    return answers[s->conf->answer];
}

static void ring(struct call *call)
{
    const uint64_t after_ms = call->callee->setup.conf->answer_after_ms;
    call->callee->setup.report->calls.rung++;
    call->status = 180;
    respond(call);
    set_state(call, CALL_RINGING, answer_of(call) ? after_ms : RING_MOST_MS);
}

static void end_ringing(struct call *call, unsigned status)
{
    call->status = status;
    call->n_sent = 1;
    call->final_ms = loop_now_ms(call->callee->setup.loop);
    respond(call);
    set_state(call, CALL_FINAL, T1_MS);
}

static void on_patience_over(struct call *call)
{
    struct report_calls *counts = &call->callee->setup.report->calls;
    const unsigned status = answer_of(call);
    if (status == 200)
        counts->answered++;
    else
        counts->refused++;
    end_ringing(call, status ? status : 480);
}

static void on_no_ack(struct call *call)
{
    if (loop_now_ms(call->callee->setup.loop) - call->final_ms >= TIMEOUT_MS) {
        report_add_fault(call->callee->setup.report, FAULT_NO_ACK);
        set_state(call, CALL_OVER, TIMEOUT_MS);
        return;
    }
    const uint64_t wait_ms = (uint64_t)T1_MS << (call->n_sent < 3 ? call->n_sent : 3);
    call->n_sent++;
    respond(call);
    set_state(call, CALL_FINAL, wait_ms < T2_MS ? wait_ms : T2_MS);
}

static void on_timer(void *arg)
{
    struct call *call = arg;
    if (call->state == CALL_NEW)
        ring(call);
    else if (call->state == CALL_RINGING)
        on_patience_over(call);
    else if (call->state == CALL_FINAL)
        on_no_ack(call);
    else
        free_call(call);
}

/* ---------------------------------------------------------------- finding */

static struct str print_key(struct buf *out, const struct msg *m, uint32_t number)
{
    buf_addf(out, "%x ", number);
    buf_add(out, m->call_id);
    return buf_str(out);
}

static struct call *find_call(const struct callee *c, const struct msg *m, uint32_t number)
{
    char text[KEY_MAX];
    struct buf key = buf_over(text, sizeof text);
    /* 64 bits with a random key: a collision is not to be expected in a test's life. */
    struct hmap_node *n = hmap_first(&c->calls, hmap_hash(&c->calls, print_key(&key, m, number)));
    return n ? container_of(n, struct call, node) : NULL;
}

static bool is_branch_of(const struct call *call, const struct msg *m)
{
    return m->via.branch.n && str_eq(call->branch, m->via.branch);
}

static bool is_dialog_of(const struct call *call, const struct msg *m)
{
    char text[20];
    return str_eq(m->to_tag, tag_of(call, text));
}

static struct call *new_call(struct callee *c, const struct packet *p, const struct msg *m,
                             uint32_t number)
{
    char text[KEY_MAX];
    struct buf key = buf_over(text, sizeof text);
    struct call *call = NULL;
    if (c->calls.n < CALLS_MAX)
        call = calloc(1, sizeof *call + m->bytes.n + m->via.branch.n);
    if (!call)
        return NULL;
    call->callee = c;
    call->flow = p->flow;
    call->number = number;
    call->n = m->bytes.n;
    memcpy(call->bytes, m->bytes.p, m->bytes.n);
    call->branch = (struct str){call->bytes + call->n, m->via.branch.n};
    if (m->via.branch.n)
        memcpy(call->bytes + call->n, m->via.branch.p, m->via.branch.n);
    list_init(&call->item);
    wheel_timer_init(&call->timer, on_timer, call);
    call->node.hash = hmap_hash(&c->calls, print_key(&key, m, number));
    if (hmap_add(&c->calls, &call->node)) {
        free(call);
        return NULL;
    }
    list_add(&c->all, &call->item);
    return call;
}

/* ---------------------------------------------------------------- requests */

static void on_invite(struct callee *c, const struct packet *p, const struct msg *m,
                      uint32_t number)
{
    struct call *call = find_call(c, m, number);
    if (call && is_branch_of(call, m)) {
        if (call->status && call->state != CALL_TALKING)
            respond(call);
        return;
    }
    if (call) {
        report_add_fault(c->setup.report, FAULT_CALLED_TWICE);
        answer(c, p, m, 482);
        return;
    }
    call = new_call(c, p, m, number);
    if (!call) {
        c->setup.report->calls.refused++;
        answer(c, p, m, 486);
        return;
    }
    c->setup.report->calls.invited++;
    set_state(call, CALL_NEW, RING_AFTER_MS);
}

static void on_ack(struct callee *c, const struct msg *m, struct call *call)
{
    if (!call || !is_dialog_of(call, m)) {
        report_add_fault(c->setup.report, FAULT_NO_CALL);
        return;
    }
    if (call->state != CALL_FINAL) /* repeated */
        return;
    if (call->status >= 300) {
        set_state(call, CALL_OVER, TIMEOUT_MS);
        return;
    }
    c->setup.report->calls.confirmed++;
    call->state = CALL_TALKING;
    loop_timer_stop(c->setup.loop, &call->timer);
}

static void on_cancel(struct callee *c, const struct packet *p, const struct msg *m,
                      struct call *call)
{
    if (!call || !is_branch_of(call, m)) {
        report_add_fault(c->setup.report, FAULT_NO_CALL);
        answer(c, p, m, 481);
        return;
    }
    answer(c, p, m, 200);
    if (call->state != CALL_NEW && call->state != CALL_RINGING) /* it crossed the answer */
        return;
    c->setup.report->calls.cancelled++;
    end_ringing(call, 487);
}

static void on_bye(struct callee *c, const struct packet *p, const struct msg *m, struct call *call)
{
    if (!call || !is_dialog_of(call, m) || call->status != 200) {
        report_add_fault(c->setup.report, FAULT_NO_CALL);
        answer(c, p, m, 481);
        return;
    }
    answer(c, p, m, 200);
    if (call->state == CALL_OVER) /* repeated */
        return;
    c->setup.report->calls.ended++;
    set_state(call, CALL_OVER, TIMEOUT_MS);
}

/* The phone whose contact is asked for, and nobody else, must get it. */
static bool find_called(const struct callee *c, const struct packet *p, const struct msg *m,
                        uint32_t *number)
{
    const struct callee_setup *s = &c->setup;
    char text[CONTACT_MAX];
    struct buf contact = buf_over(text, sizeof text);
    if (!phone_find_called(s->style, m->uri, number) || *number >= s->n_phones ||
        !sources_is_for(s->sources, *number, p))
        return false;
    const struct addr local = sources_addr(s->sources, *number);
    phone_print_contact(s->style, *number, &local, &contact);
    return str_eq(buf_str(&contact), m->uri);
}

void callee_on_request(struct callee *c, const struct packet *p, const struct msg *m)
{
    uint32_t number = 0;
    if (!find_called(c, p, m, &number)) {
        report_add_fault(c->setup.report, FAULT_MISDIRECTED);
        if (m->method != METHOD_ACK)
            answer(c, p, m, 404);
        return;
    }
    switch (m->method) {
    case METHOD_INVITE:
        on_invite(c, p, m, number);
        break;
    case METHOD_ACK:
        on_ack(c, m, find_call(c, m, number));
        break;
    case METHOD_CANCEL:
        on_cancel(c, p, m, find_call(c, m, number));
        break;
    case METHOD_BYE:
        on_bye(c, p, m, find_call(c, m, number));
        break;
    default:
        c->setup.report->calls.other++;
        answer(c, p, m, 200);
        break;
    }
}

/* ---------------------------------------------------------------- new and free */

int callee_new(const struct callee_setup *setup, struct callee **out)
{
    struct callee *c = calloc(1, sizeof *c);
    if (!c)
        return ERR_NOMEM;
    c->setup = *setup;
    hmap_init(&c->calls);
    list_init(&c->all);
    arena_init(&c->arena, ARENA_LIMIT);
    *out = c;
    return 0;
}

void callee_free(struct callee *c)
{
    if (!c)
        return;
    list_each_safe (it, &c->all)
        free_call(container_of(it, struct call, item));
    hmap_fini(&c->calls);
    arena_fini(&c->arena);
    free(c);
}
