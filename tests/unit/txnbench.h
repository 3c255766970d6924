/* A transaction table on the simulation's loop and clock, with a flow that keeps what is sent and
 * users that act from inside what they are told. */
#ifndef BW_TESTS_TXNBENCH_H
#define BW_TESTS_TXNBENCH_H

#include "unit.h"

#include <stdlib.h>

#include "../sim/fake.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/stats.h"
#include "base/sys.h"
#include "core/txnfsm.h"
#include "net/loop.h"
#include "service/mark.h"
#include "service/txn.h"

enum { SENT_MAX = 70000, NOTES = TXN_NOTE_END + 1 };

/* What a user of a transaction does when it is told something. */
enum deed { NOTHING, REPLY, DROP, CANCEL_IT, DROP_OTHER };

struct bench;

struct user {
    struct bench *bench;
    struct txn *txn;
    struct user *other; /* of DROP_OTHER */
    enum txn_note on;   /* when the deed is done */
    enum deed deed;
    unsigned status; /* of REPLY */
    int n[NOTES];
    unsigned last_status; /* of the last message */
};

struct bench {
    struct loop *loop;
    struct flow_table *flows;
    struct loop_wake *wake;
    struct mark_maker marks;
    struct txn_table *table;
    struct arena arena; /* of what the test says */
    struct flow_ref flow;
    const _Atomic uint64_t *until_ms; /* of requests; NULL: no limit */
    int send_error;
    int n_sent;
    char sent[SENT_MAX];
    size_t sent_len;
};

/* ---------------------------------------------------------------- the bench */

static int on_send(void *self, const struct flow_ref *to, struct str bytes)
{
    struct bench *b = self;
    (void)to;
    if (b->send_error)
        return b->send_error;
    assert_true(bytes.n < sizeof b->sent);
    memcpy(b->sent, bytes.p, bytes.n);
    b->sent_len = bytes.n;
    b->n_sent++;
    return 0;
}

static void on_wake(void *arg)
{
    (void)arg;
}

static struct txn_conf conf_of(struct bench *b, uint32_t max)
{
    return (struct txn_conf){.loop = b->loop, .flows = b->flows, .marks = &b->marks, .max = max};
}

static void bench_init(struct bench *b, uint32_t max)
{
    *b = (struct bench){.n_sent = 0};
    fake_sys_start(1);
    arena_init(&b->arena, 1 << 24);
    mark_init(&b->marks, 0);
    assert_int_equal(loop_new(&b->loop), 0);
    assert_int_equal(loop_wake_new(b->loop, on_wake, b, &b->wake), 0);
    assert_int_equal(flow_table_new(0, &b->flows), 0);
    assert_int_equal(flow_add(b->flows, on_send, b, &b->flow), 0);
    assert_int_equal(addr_parse(STR("192.0.2.7:5060"), 0, &b->flow.peer), 0);
    struct txn_conf conf = conf_of(b, max);
    assert_int_equal(txn_table_new(&conf, &b->table), 0);
}

static void bench_fini(struct bench *b)
{
    txn_table_free(b->table);
    flow_del(b->flows, &b->flow);
    flow_table_free(b->flows);
    loop_wake_free(b->wake);
    loop_free(b->loop);
    arena_fini(&b->arena);
}

/* Lets one turn end, so that the dead are reaped. */
static void turn(struct bench *b)
{
    loop_wake_send(b->wake);
    while (fake_loop_turn_all())
        ;
}

static void pass(struct bench *b, uint64_t ms)
{
    uint64_t until = sys_now_ms() + ms;
    turn(b);
    while (fake_loop_next_ms() <= until) {
        fake_sys_set_ms(fake_loop_next_ms());
        while (fake_loop_turn_all())
            ;
    }
    fake_sys_set_ms(until);
    turn(b);
}

static bool has_sent(const struct bench *b, const char *text)
{
    return memmem(b->sent, b->sent_len, text, strlen(text)) != NULL;
}

static int64_t gauge(void)
{
    return stats_sum(STAT_TXN_SERVER) + stats_sum(STAT_TXN_CLIENT);
}

/* ---------------------------------------------------------------- messages */

/* What a message says, where it is not the usual; NULL: as usual. */
struct words {
    const char *start;  /* of a response: its status line */
    const char *method; /* of a request's start line, and of CSeq */
    const char *via;    /* of the Via, from behind "SIP/2.0/UDP " */
    const char *uri, *from_tag, *to_tag, *call_id, *cseq;
    const char *more; /* further lines */
};

static const char *or_usual(const char *word, const char *usual)
{
    return word ? word : usual;
}

static struct str text_of(struct bench *b, const struct words *w)
{
    const char *method = or_usual(w->method, "INVITE");
    struct buf out = buf_in(&b->arena, 4096 + (w->more ? strlen(w->more) : 0));
    if (w->start)
        buf_addf(&out, "%s\r\n", w->start);
    else
        buf_addf(&out, "%s %s SIP/2.0\r\n", method, or_usual(w->uri, "sip:bob@example.com"));
    buf_addf(&out, "Via: SIP/2.0/UDP %s\r\n", or_usual(w->via, "192.0.2.7;branch=z9hG4bKa"));
    buf_addf(&out, "From: <sip:alice@example.com>;tag=%s\r\n", or_usual(w->from_tag, "f"));
    buf_addf(&out, "To: <sip:bob@example.com>%s%s\r\n", w->to_tag ? ";tag=" : "",
             or_usual(w->to_tag, ""));
    buf_addf(&out, "Call-ID: %s\r\n", or_usual(w->call_id, "c"));
    buf_addf(&out, "CSeq: %s %s\r\n", or_usual(w->cseq, "1"), method);
    buf_add(&out, str_of(w->more));
    buf_add(&out, STR("\r\n"));
    assert_false(out.has_overflown);
    return buf_str(&out);
}

static const struct msg *message(struct bench *b, const struct words *w)
{
    struct msg *m;
    struct msg_fault fault;
    assert_int_equal(msg_index(&b->arena, text_of(b, w), &msg_limits_none, &m, &fault), 0);
    return m;
}

#define MESSAGE(b, ...) message(b, &(struct words){__VA_ARGS__})

/* ---------------------------------------------------------------- users */

static void act(struct user *u, struct txn *t)
{
    switch (u->deed) {
    case REPLY:
        txn_server_reply(t, &(struct build_reply){.status = u->status});
        break;
    case DROP:
        if (txn_server_request(t) && txn_server_is_open(t))
            txn_server_drop(t);
        else
            txn_client_drop(t);
        break;
    case CANCEL_IT:
        assert_int_equal(txn_client_cancel(t, STR_NONE), 0);
        break;
    case DROP_OTHER:
        txn_client_drop(u->other->txn);
        break;
    default:
        break;
    }
}

static void on_note(struct txn *t, enum txn_note what, const struct msg *m, void *arg)
{
    struct user *u = arg;
    assert_int_equal(u->n[TXN_NOTE_END], 0); /* nothing comes behind the end */
    assert_true(!u->txn || u->txn == t);
    assert_int_equal(m != NULL, what == TXN_NOTE_MESSAGE || what == TXN_NOTE_CANCEL);
    u->n[what]++;
    if (m)
        u->last_status = m->status;
    if (u->deed != NOTHING && what == u->on)
        act(u, t);
}

static struct txn *serve(struct bench *b, struct user *u, const struct msg *request)
{
    const struct txn_user user = {on_note, u};
    u->bench = b;
    assert_int_equal(txn_server_new(b->table, request, &b->flow, &user, &u->txn), 0);
    return u->txn;
}

static bool receive(struct bench *b, const struct msg *m)
{
    return txn_server_receive(b->table, m, &b->flow.peer);
}

static struct txn *find_cancelled(struct bench *b, const struct msg *cancel)
{
    return txn_server_of_cancel(b->table, cancel, &b->flow.peer);
}

static int try_ask(struct bench *b, struct user *u, const struct words *w, const char *branch)
{
    const char *method = or_usual(w->method, "INVITE");
    const struct txn_request request = {.flow = b->flow,
                                        .bytes = text_of(b, w),
                                        .branch = str_of(branch),
                                        .is_invite = strcmp(method, "INVITE") == 0,
                                        .method = str_of(method),
                                        .until_ms = b->until_ms};
    const struct txn_user user = {on_note, u};
    u->bench = b;
    return txn_client_new(b->table, &request, &user, &u->txn);
}

static struct txn *ask(struct bench *b, struct user *u, const char *method)
{
    assert_int_equal(try_ask(b, u, &(struct words){.method = method}, "z9hG4bKa"), 0);
    return u->txn;
}

static bool answer(struct bench *b, const char *start, const char *method)
{
    return txn_client_receive(b->table,
                              MESSAGE(b, .start = start, .method = method, .to_tag = "t"));
}

static void reply(struct user *u, unsigned status)
{
    txn_server_reply(u->txn, &(struct build_reply){.status = status});
}

#endif
