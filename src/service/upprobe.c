#include "service/upprobe.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/sys.h"
#include "net/loop.h"
#include "service/outage.h"
#include "service/ping.h"
#include "service/servers.h"
#include "service/shield.h"

/* One server has so long to answer. While the last word is not spoken the next round comes sooner.
 */
enum { FIRST_MS = 500, PATIENCE_MS = 5000, SOON_MS = 1000, URI_ROOM = 80 };

struct upprobe {
    struct upprobes *all;
    const struct conf_upstream *upstream; /* of the snapshot */
    struct server_tries tries;            /* of this round */
    struct flow_ref flow;                 /* to whom it is asked now */
    uint64_t sent_ms;
    uint32_t n_sent;
    struct txn *client;
    struct wheel_timer timer; /* the next round, or the end of patience */
};

struct upprobes {
    struct context *context;
    struct upprobe *list;
    size_t n;
};

int upprobe_new(struct context *c, struct upprobes **out)
{
    struct upprobes *p = calloc(1, sizeof *p);
    if (!p)
        return ERR_NOMEM;
    p->context = c;
    *out = p;
    return 0;
}

static void hang_up(struct upprobe *b)
{
    if (b->client)
        txn_client_drop(b->client);
    b->client = NULL;
}

static void stop(struct upprobes *p)
{
    for (size_t i = 0; i < p->n; i++) {
        loop_timer_stop(p->context->loop, &p->list[i].timer);
        hang_up(&p->list[i]);
    }
    free(p->list);
    p->list = NULL;
    p->n = 0;
}

void upprobe_free(struct upprobes *p)
{
    if (!p)
        return;
    stop(p);
    free(p);
}

/* ---------------------------------------------------------------- a round */

static void on_time(void *arg);
static void on_patience(void *arg);

static void rest(struct upprobe *b)
{
    uint64_t ms = b->upstream->probe_interval_s * 1000ULL;
    if (outage_is_open(b->upstream) && ms > SOON_MS)
        ms = SOON_MS;
    wheel_timer_init(&b->timer, on_time, b);
    loop_timer_start(b->all->context->loop, &b->timer, ms);
}

static void count_round(const struct upprobe *b, bool is_answered)
{
    struct shield *s = b->upstream->shield;
    uint64_t n_before =
        atomic_fetch_add(is_answered ? &s->n_probes_answered : &s->n_probes_failed, 1);
    if (!is_answered && n_before == 0 && atomic_load(&s->n_probes_answered) == 0)
        log_warn(
            "upstream \"%s\": no server has answered OPTIONS yet; until one does, only REGISTERs "
            "tell of an outage",
            b->upstream->name);
}

static void end_round(struct upprobe *b, bool is_answered)
{
    struct context *c = b->all->context;
    struct shield *s = b->upstream->shield;
    count_round(b, is_answered);
    if (is_answered)
        atomic_store(&s->probe_ms, (uint32_t)(loop_now_ms(c->loop) - b->sent_ms));
    outage_note(c, b->upstream, is_answered ? HEALTH_PROBE_ANSWERED : HEALTH_PROBE_FAILED);
    rest(b);
}

static void on_client(struct txn *t, enum txn_note what, const struct msg *m, void *arg);

/* ERR_…: as servers_pick, and as a transaction's. */
static int ask(struct upprobe *b)
{
    struct context *c = b->all->context;
    const struct server_want want = {.upstream = b->upstream};
    struct buf uri = buf_in(&c->scratch, URI_ROOM);
    char text[ADDR_TEXT];
    int err = servers_pick(c->servers, &want, &b->tries, &b->flow);
    if (err)
        return err;
    buf_addf(&uri, "sip:%s", addr_text(&b->flow.peer, text));
    const struct ping ping = {.flow = b->flow, .uri = buf_str(&uri), .cseq = ++b->n_sent};
    b->sent_ms = loop_now_ms(c->loop);
    return ping_send(c, &ping, &(struct txn_user){on_client, b}, &b->client);
}

/* Whoever could not be asked at all is as silent as one that does not answer. What is our own
 * trouble, memory and listeners, says nothing. */
static void ask_next(struct upprobe *b)
{
    struct context *c = b->all->context;
    int err = ask(b);
    for (size_t n = 1; (err == ERR_IO || err == ERR_GONE) && n < SERVERS_TRIES_MAX; n++)
        err = ask(b);
    if (!err) {
        wheel_timer_init(&b->timer, on_patience, b);
        loop_timer_start(c->loop, &b->timer, PATIENCE_MS);
    } else if (err == ERR_IO || err == ERR_GONE) {
        end_round(b, false);
    } else {
        rest(b);
    }
}

static void on_time(void *arg)
{
    struct upprobe *b = arg;
    b->tries.n = 0;
    ask_next(b);
}

static void on_failure(struct upprobe *b, bool is_silent)
{
    struct context *c = b->all->context;
    loop_timer_stop(c->loop, &b->timer);
    if (is_silent)
        servers_on_probe_silence(c->servers, &b->flow);
    else
        servers_on_failure(c->servers, &b->flow, 0);
    ask_next(b);
}

static void on_patience(void *arg)
{
    struct upprobe *b = arg;
    hang_up(b);
    on_failure(b, true);
}

static void on_answer(struct upprobe *b, unsigned status)
{
    struct context *c = b->all->context;
    if (status == 408 || status == 503) {
        on_failure(b, false);
        return;
    }
    loop_timer_stop(c->loop, &b->timer);
    servers_on_probe_answer(c->servers, &b->flow);
    end_round(b, true);
}

/* One that is given up says no more. */
static void on_client(struct txn *t, enum txn_note what, const struct msg *m, void *arg)
{
    struct upprobe *b = arg;
    bool is_final = what == TXN_NOTE_MESSAGE && m->status >= 200;
    bool is_lost = what == TXN_NOTE_TIMEOUT || what == TXN_NOTE_ERROR || what == TXN_NOTE_GONE;
    (void)t;
    if (!b->client)
        return;
    if (what == TXN_NOTE_END)
        b->client = NULL;
    if (!is_final && !is_lost)
        return;
    hang_up(b);
    if (is_final)
        on_answer(b, m->status);
    else
        on_failure(b, what == TXN_NOTE_TIMEOUT);
}

/* ---------------------------------------------------------------- configuration */

static void add(struct upprobes *p, const struct conf_upstream *u)
{
    struct upprobe *b = &p->list[p->n++];
    *b = (struct upprobe){.all = p, .upstream = u};
    wheel_timer_init(&b->timer, on_time, b);
    loop_timer_start(p->context->loop, &b->timer, FIRST_MS);
}

void upprobe_sync(struct upprobes *p)
{
    struct context *c = p->context;
    const struct conf *conf = c->conf;
    stop(p);
    p->list = calloc(conf->n_upstreams + 1, sizeof *p->list);
    if (!p->list)
        log_error("upstreams: out of memory; they are not probed");
    for (size_t i = c->worker; p->list && i < conf->n_upstreams; i += c->n_workers) {
        const struct conf_upstream *u = &conf->upstreams[i];
        if (u->shield && u->probe_interval_s)
            add(p, u);
        else if (u->shield)
            outage_forget(c, u);
    }
}
