#include "service/dispatch.h"

#include "base/err.h"
#include "base/stats.h"
#include "service/dialog.h"
#include "service/forward.h"
#include "service/guard.h"
#include "service/mark.h"
#include "service/proxy.h"
#include "service/registrar.h"
#include "service/reply.h"
#include "service/silence.h"
#include "service/target.h"
#include "service/txn.h"

enum { SCRATCH_KEEP = 128 * 1024 };

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

bool dispatch_absorb(struct context *c, const struct packet *p, const struct peek *peek)
{
    struct msg *m;
    struct msg_fault fault;
    bool is_done = false;
    if (!peek->is_request || peek->method != METHOD_REGISTER)
        return false;
    if (msg_index(&c->scratch, p->bytes, &c->limits, &m, &fault) == 0)
        is_done = registrar_absorb(c, p, m);
    arena_reset(&c->scratch, SCRATCH_KEEP);
    return is_done;
}

/* What we answer ourselves, to anybody; a device that is registered is not limited. */
static bool is_welcome(struct context *c, const struct packet *p, const struct msg *m)
{
    return target_is_registered(c, p, m) || guard_let_in(c, p, m);
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
    if (c->scratch.has_failed)
        stats_inc(STAT_NO_MEMORY);
    arena_reset(&c->scratch, SCRATCH_KEEP);
}
