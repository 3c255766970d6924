#include "service/dispatch.h"

#include "base/err.h"
#include "base/stats.h"
#include "base/sys.h"
#include "net/loop.h"
#include "service/dialog.h"
#include "service/forward.h"
#include "service/guard.h"
#include "service/mandate.h"
#include "service/mark.h"
#include "service/memo.h"
#include "service/noise.h"
#include "service/proxy.h"
#include "service/registrar.h"
#include "service/reply.h"
#include "service/silence.h"
#include "service/txn.h"

/* How long answering takes is measured of one packet in TIMED. */
enum { SCRATCH_KEEP = 128 * 1024, TIMED = 64 };

void dispatch_note(struct context *c, const struct packet *p)
{
    c->in_hand_us = c->n_packets++ % TIMED == 0 ? sys_now_us() : 0;
    if (!str_has_prefix(p->bytes, STR("SIP/2.0 ")))
        noise_on_packet(c->noise, &p->flow.peer, loop_now_ms(c->loop));
}

bool dispatch_owner(struct context *c, const struct peek *peek, unsigned *owner)
{
    uint64_t mark;
    struct str key = peek->call_id;
    if (!peek->is_request)
        return mark_branch_parse(peek->branch, owner, &mark) && *owner < c->n_workers;
    if (peek->method == METHOD_REGISTER)
        (void)regview_aor(&c->scratch, c->conf, peek->to, &key);
    *owner = context_owner(c, key);
    arena_reset(&c->scratch, SCRATCH_KEEP);
    return true;
}

/* What we answer ourselves, to anybody; a device that is registered is not limited. */
static bool is_welcome(struct context *c, const struct packet *p, const struct msg *m)
{
    return mandate_is_registered(c, p, m) || guard_let_in(c, p, m);
}

/* RFC 3261 16.10, 9.2: the CANCEL has an answer of its own; the INVITE's user hears of it. */
static void on_cancel(struct context *c, const struct packet *p, const struct msg *m)
{
    struct txn *invite = txn_server_of_cancel(c->txns, m, &p->flow.peer);
    if (!invite && !is_welcome(c, p, m))
        return;
    if (!invite)
        stats_inc(STAT_REFUSED_CANCEL);
    reply_send(c, p, m, &(struct build_reply){.status = invite ? 200 : 481});
    if (invite)
        txn_server_cancelled(invite, m);
}

static void on_drain(struct context *c, const struct packet *p, const struct msg *m)
{
    stats_inc(STAT_REFUSED_DRAIN);
    const struct build_reply reply = {.status = 503, .headers = STR("Retry-After: 5\r\n")};
    reply_send(c, p, m, &reply);
}

/* RFC 3261 11.2: we carry no calls of our own, so there is little to tell. */
static void on_options(struct context *c, const struct packet *p, const struct msg *m)
{
    if (!is_welcome(c, p, m))
        return;
    if (msg_first(m, HDR_REQUIRE)) {
        const struct build_reply refusal = forward_reply(c, m, FORWARD_REQUIRED);
        reply_send(c, p, m, &refusal);
        return;
    }
    stats_inc(STAT_OPTIONS);
    const struct build_reply reply = {
        .status = 200,
        .headers = STR("Accept: */*\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, PRACK, "
                       "SUBSCRIBE, NOTIFY, PUBLISH, INFO, REFER, MESSAGE, UPDATE\r\n")};
    reply_send(c, p, m, &reply);
}

/* What is inside a dialog lets the call go on, or end. */
static bool is_late(const struct context *c, const struct msg *m)
{
    bool is_ended = c->is_draining || (c->is_departing && m->method != METHOD_REGISTER);
    return is_ended && m->to_tag.n == 0;
}

static void on_request(struct context *c, const struct packet *p, const struct msg *m)
{
    if (!m || txn_server_receive(c->txns, m, &p->flow.peer))
        return;
    if (m->method == METHOD_ACK)
        proxy_ack(c, p, m);
    else if (m->method == METHOD_CANCEL)
        on_cancel(c, p, m);
    else if (is_late(c, m))
        on_drain(c, p, m);
    else if (m->method == METHOD_OPTIONS && forward_is_us(c, p, m))
        on_options(c, p, m);
    else if (m->method == METHOD_REGISTER)
        registrar_request(c, p, m);
    else
        proxy_request(c, p, m);
}

static void on_response(struct context *c, const struct packet *p, const struct msg *m)
{
    if (txn_client_receive(c->txns, m))
        silence_on_response(c, &p->flow);
    else
        stats_inc(STAT_STRAY_RESPONSE); /* RFC 6026 8.8: not forwarded */
}

static void on_malformed(struct context *c, const struct packet *p, const struct peek *peek,
                         const struct msg_fault *fault)
{
    if (!peek->is_request) {
        stats_inc(STAT_BAD_RESPONSE);
        return;
    }
    if (!guard_let_in(c, p, NULL))
        return;
    stats_inc(STAT_REFUSED_MALFORMED);
    const struct build_reply reply = {.status = fault->status, .reason = str_of(fault->text)};
    reply_refuse(c, p, peek, &reply);
}

static void end_turn(struct context *c)
{
    if (c->scratch.has_failed)
        stats_inc(STAT_NO_MEMORY);
    arena_reset(&c->scratch, SCRATCH_KEEP);
}

static unsigned register_owner(struct context *c, const struct msg *m)
{
    struct str key = m->call_id;
    if (c->n_workers == 1)
        return c->worker;
    (void)regview_register_aor(c, &c->scratch, m, &key);
    return context_owner(c, key);
}

static enum dispatch_register try_register(struct context *c, const struct packet *p,
                                           unsigned *owner)
{
    struct msg *m;
    struct msg_fault fault;
    if (msg_index(&c->scratch, p->bytes, &c->limits, &m, &fault))
        return DISPATCH_UNSEEN;
    *owner = register_owner(c, m);
    if (*owner != c->worker)
        return registrar_absorb(c, p, m) ? DISPATCH_DONE : DISPATCH_OTHERS;
    on_request(c, p, dialog_loosen(c, p, m));
    return DISPATCH_DONE;
}

enum dispatch_register dispatch_register(struct context *c, const struct packet *p, unsigned *owner)
{
    if (!str_has_prefix(p->bytes, STR("REGISTER ")))
        return DISPATCH_UNSEEN;
    enum dispatch_register how = memo_answer(c, p) ? DISPATCH_DONE : try_register(c, p, owner);
    if (how == DISPATCH_DONE)
        end_turn(c);
    else
        arena_reset(&c->scratch, SCRATCH_KEEP);
    return how;
}

void dispatch_packet(struct context *c, const struct packet *p, const struct peek *peek)
{
    struct msg *m;
    struct msg_fault fault;
    int err = msg_index(&c->scratch, p->bytes, &c->limits, &m, &fault);
    if (err == 0 && m->is_request)
        on_request(c, p, dialog_loosen(c, p, m));
    else if (err == 0)
        on_response(c, p, m);
    else if (err != ERR_NOMEM)
        on_malformed(c, p, peek, &fault);
    end_turn(c);
}
