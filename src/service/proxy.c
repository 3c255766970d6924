#include "service/proxy.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "core/txnfsm.h"
#include "net/loop.h"
#include "service/forward.h"
#include "service/reply.h"
#include "service/txn.h"

/* Longer than three minutes (RFC 3261 16.6 step 11). */
enum { TIMER_C_MS = 185 * 1000 };

/* One request on its way: the transaction it came by and the one it left by. Freed when both have
 * ended. */
struct pass {
    struct list link;
    struct context *context;
    struct txn *server, *client;
    struct wheel_timer timer_c;
    bool is_invite;
    bool has_provisional; /* only then may a CANCEL go out (9.1) */
    bool is_cancelled;
    bool has_sent_cancel;
};

static void free_if_done(struct pass *s)
{
    if (s->server || s->client)
        return;
    loop_timer_stop(s->context->loop, &s->timer_c);
    list_del(&s->link);
    free(s);
}

/* May end the pass where it has no client. */
static void answer(struct pass *s, unsigned status)
{
    if (s->server && txn_server_is_open(s->server))
        txn_server_reply(s->server, &(struct build_reply){.status = status});
}

/* A client that heard nothing is told so only for an INVITE (RFC 4320 4.2). */
static void answer_timeout(struct pass *s)
{
    if (s->is_invite)
        answer(s, s->is_cancelled ? 487 : 408);
    else if (s->server)
        txn_server_drop(s->server);
}

static void arm_timer_c(struct pass *s, uint64_t ms)
{
    if (s->is_invite)
        loop_timer_start(s->context->loop, &s->timer_c, ms);
}

/* CANCEL goes out once, and not before a provisional has come in. */
static void cancel_client(struct pass *s)
{
    if (!s->client || !s->has_provisional || s->has_sent_cancel)
        return;
    s->has_sent_cancel = true;
    (void)txn_client_cancel(s->client, STR_NONE); /* failing that, the timer ends the call */
    arm_timer_c(s, TXN_TIMEOUT_MS);               /* 9.1: 64*T1 later it counts as cancelled */
}

/* Nobody will answer any more: a caller without a final response by now gets none (no memory). */
static void on_client_end(struct pass *s)
{
    struct txn *server = s->server;
    loop_timer_stop(s->context->loop, &s->timer_c);
    s->client = NULL;
    if (server && txn_server_is_open(server))
        txn_server_drop(server);
    else
        free_if_done(s);
}

/* Runs only while there is a client. */
static void on_timer_c(void *arg)
{
    struct pass *s = arg;
    if (!s->has_sent_cancel) {
        stats_inc(STAT_TIMER_C);
        cancel_client(s);
        return;
    }
    answer(s, s->is_cancelled ? 487 : 408);
    txn_client_drop(s->client);
    on_client_end(s);
}

/* 16.7: what of a response goes back. */
static void on_response(struct pass *s, const struct msg *m)
{
    if (m->status == 408 && !s->is_invite) {
        answer_timeout(s); /* RFC 4320 4.2: no 408 to a non-INVITE, whoever says so */
        return;
    }
    if (m->status < 200) {
        s->has_provisional = true;
        if (s->is_cancelled)
            cancel_client(s);
        else if (m->status > 100 && !s->has_sent_cancel)
            arm_timer_c(s, TIMER_C_MS);
        if (m->status == 100 || !s->is_invite)
            return; /* a 100 is for one hop; RFC 4320 4.1 wants no other for a non-INVITE */
    } else {
        loop_timer_stop(s->context->loop, &s->timer_c);
    }
    if (!s->server)
        return;
    struct str bytes;
    if (m->status == 503) {
        answer(s, 500); /* 16.7 step 6: the caller must not think that it is us */
        return;
    }
    int err = forward_response(s->context, m, &bytes);
    if (err == 0)
        txn_server_send(s->server, m->status, bytes);
    else if (m->status >= 200)
        answer(s, err == ERR_PARSE ? 502 : 500);
}

static void on_client(struct txn *t, enum txn_note what, const struct msg *m, void *arg)
{
    struct pass *s = arg;
    (void)t;
    switch (what) {
    case TXN_NOTE_MESSAGE:
        on_response(s, m);
        break;
    case TXN_NOTE_TIMEOUT:
        answer_timeout(s);
        break;
    case TXN_NOTE_ERROR:
        answer(s, 500); /* 16.9: as if 503 had come */
        break;
    case TXN_NOTE_END:
        on_client_end(s);
        break;
    default:
        break;
    }
}

static void on_server(struct txn *t, enum txn_note what, const struct msg *m, void *arg)
{
    struct pass *s = arg;
    (void)m;
    switch (what) {
    case TXN_NOTE_CANCEL:
        if (txn_server_is_open(t) && !s->is_cancelled) {
            stats_inc(STAT_CANCELLED);
            s->is_cancelled = true;
            cancel_client(s);
        }
        break;
    case TXN_NOTE_LATE:
        answer(s, 100);
        break;
    case TXN_NOTE_END:
        s->server = NULL;
        free_if_done(s);
        break;
    default:
        break;
    }
}

static int pass_new(struct context *c, const struct packet *p, const struct msg *m,
                    struct pass **out)
{
    struct pass *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    s->context = c;
    s->is_invite = m->method == METHOD_INVITE;
    wheel_timer_init(&s->timer_c, on_timer_c, s);
    struct flow_ref reply_to = reply_flow(&m->via, &p->flow);
    int err = txn_server_new(c->txns, m, &reply_to, &(struct txn_user){on_server, s}, &s->server);
    if (err) {
        free(s);
        return err;
    }
    list_add(&c->passes, &s->link);
    *out = s;
    return 0;
}

/* Retry-After is spread, so that those refused together do not come back together. */
static void refuse_overload(struct context *c, const struct packet *p, const struct msg *m)
{
    struct buf line = buf_in(&c->scratch, 40);
    buf_add(&line, STR("Retry-After: "));
    buf_add_u64(&line, 1 + hash_str(&c->loop_key, m->call_id) % 10);
    buf_add(&line, STR("\r\n"));
    stats_inc(STAT_REFUSED_FULL);
    reply_send(c, p, m, &(struct build_reply){.status = 503, .headers = buf_str(&line)});
}

static void start_client(struct pass *s, const struct msg *m, const struct forward *f)
{
    const struct txn_request request = {.flow = f->flow,
                                        .bytes = f->bytes,
                                        .branch = f->branch,
                                        .is_invite = s->is_invite,
                                        .method = m->method_name};
    if (s->is_invite)
        answer(s, 100);
    int err =
        txn_client_new(s->context->txns, &request, &(struct txn_user){on_client, s}, &s->client);
    if (err) {
        log_debug("forward failed: %s", err_text(err));
        answer(s, 500);
        return;
    }
    stats_inc(STAT_FORWARDED);
    arm_timer_c(s, TIMER_C_MS);
}

void proxy_request(struct context *c, const struct packet *p, const struct msg *m)
{
    struct forward f;
    enum forward_refusal why = forward_build(c, p, m, &f);
    if (why != FORWARD_OK) {
        struct build_reply reply = forward_reply(c, m, why);
        reply_send(c, p, m, &reply);
        return;
    }
    struct pass *s;
    if (pass_new(c, p, m, &s))
        refuse_overload(c, p, m);
    else
        start_client(s, m, &f);
}

/* The ACK to an answer that we gave without state carries the tag that we made up for it. */
static bool is_ack_to_us(const struct context *c, const struct msg *m)
{
    char tag[MARK_TAG_LEN];
    return str_eq(m->to_tag, mark_tag(&c->marks, m, tag));
}

void proxy_ack(struct context *c, const struct packet *p, const struct msg *m)
{
    struct forward f;
    if (is_ack_to_us(c, m))
        return;
    if (forward_build(c, p, m, &f) != FORWARD_OK || flow_send(c->flows, &f.flow, f.bytes))
        stats_inc(STAT_STRAY_ACK);
    else
        stats_inc(STAT_FORWARDED);
}

static void give_up(struct pass *s)
{
    if (!s->server || !txn_server_is_open(s->server))
        return;
    if (s->is_invite)
        cancel_client(s); /* it would ring on for nobody */
    answer(s, 503);
}

void proxy_give_up(struct context *c)
{
    list_each_safe (it, &c->passes)
        give_up(container_of(it, struct pass, link));
}
