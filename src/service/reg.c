#include "service/reg.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "net/loop.h"
#include "service/keepalive.h"
#include "service/location.h"
#include "service/noise.h"
#include "service/reach.h"
#include "service/regreply.h"
#include "service/reply.h"
#include "service/trailnote.h"
#include "service/txn.h"
#include "store/store.h"

enum { ARENA_LIMIT = 512 * 1024 };

static void on_server(struct txn *t, enum txn_note what, const struct msg *m, void *arg)
{
    struct reg *r = arg;
    (void)m;
    if (what == TXN_NOTE_LATE)
        txn_server_reply(t, &(struct build_reply){.status = 100});
    if (what != TXN_NOTE_END)
        return;
    r->server = NULL;
    reg_free_if_done(r);
}

static struct reg *allocate(struct context *c)
{
    struct reg *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->context = c;
    r->conf = conf_ref(c->conf);
    arena_init(&r->arena, ARENA_LIMIT);
    list_add(&c->regs, &r->link);
    stats_inc(STAT_REGS);
    return r;
}

int reg_new(struct context *c, const struct packet *p, const struct msg *m, const struct regview *v,
            struct reg **out)
{
    struct reg *r = allocate(c);
    if (!r)
        return ERR_NOMEM;
    const struct register_view *view = regview_copy(&r->arena, &v->view);
    struct flow_ref reply_to = reply_flow(&m->via, &p->flow);
    int err =
        view ? txn_server_new(c->txns, m, &reply_to, &(struct txn_user){on_server, r}, &r->server)
             : ERR_NOMEM;
    if (err) {
        reg_free_if_done(r);
        return err;
    }
    r->flow = p->flow;
    r->came_ms = loop_now_ms(c->loop);
    r->v = (struct regview){.domain = v->domain, .view = *view, .is_path_asked = v->is_path_asked};
    r->v.view.methods = msg_methods(m, HDR_ALLOW);
    *out = r;
    return 0;
}

int reg_new_own(struct context *c, const struct conf_domain *domain, struct str aor,
                struct reg **out)
{
    struct reg *r = allocate(c);
    if (!r)
        return ERR_NOMEM;
    r->is_own = true;
    r->v.domain = domain;
    r->v.view.aor = str_dup(&r->arena, aor);
    if (r->arena.has_failed) {
        reg_free_if_done(r);
        return ERR_NOMEM;
    }
    *out = r;
    return 0;
}

static void free_reg(struct reg *r)
{
    loop_timer_stop(r->context->loop, &r->patience);
    list_del(&r->link);
    arena_fini(&r->arena);
    conf_unref(r->conf);
    stats_dec(STAT_REGS);
    free(r);
}

static bool is_done(const struct reg *r)
{
    return !r->server && !r->client && !r->n_storing && !r->leg && !r->queue;
}

void reg_free_if_done(struct reg *r)
{
    if (!is_done(r))
        return;
    list_del(&r->link);
    list_add(&r->context->done_regs, &r->link);
}

/* One that somebody has taken up again since is not done. */
void reg_reap(struct context *c)
{
    for (struct list *l = list_pop(&c->done_regs); l; l = list_pop(&c->done_regs)) {
        struct reg *r = container_of(l, struct reg, link);
        if (is_done(r))
            free_reg(r);
        else
            list_add(&c->regs, &r->link);
    }
}

void reg_free_all(struct context *c)
{
    reg_reap(c);
    for (struct list *l = list_pop(&c->regs); l; l = list_pop(&c->regs))
        free_reg(container_of(l, struct reg, link));
}

const struct msg *reg_request(const struct reg *r)
{
    return r->server ? txn_server_request(r->server) : NULL;
}

bool reg_is_answered(const struct reg *r)
{
    return !r->server || !txn_server_is_open(r->server);
}

static void note_time(const struct reg *r)
{
    struct context *c = r->context;
    uint64_t now_ms = loop_now_ms(c->loop), ms = now_ms > r->came_ms ? now_ms - r->came_ms : 0;
    stats_add_time(STAT_RELAY_TIME, ms);
    noise_on_answer(c->noise, &r->flow.peer, ms, now_ms);
}

void reg_answer(struct reg *r, const struct build_reply *reply)
{
    if (reg_is_answered(r))
        return;
    note_time(r);
    txn_server_reply(r->server, reply);
}

void reg_answer_bytes(struct reg *r, unsigned status, struct str bytes)
{
    if (reg_is_answered(r))
        return;
    note_time(r);
    txn_server_send(r->server, status, bytes);
}

void reg_refuse(struct reg *r, enum reason why, unsigned status)
{
    const struct verdict v = {.what = VERDICT_REJECT, .reason = why, .status = (uint16_t)status};
    if (reg_is_answered(r))
        return;
    struct build_reply reply = regreply_refusal(r->context, reg_request(r), r->v.domain, &v);
    reg_answer(r, &reply);
}

void reg_pass_answer(struct reg *r, const struct msg *m)
{
    struct context *c = r->context;
    struct build b;
    struct str bytes;
    if (reg_is_answered(r))
        return;
    build_init(&b, &c->scratch, m);
    upreq_restore(&b, reg_request(r), &r->up);
    if (build_finish(&b, &bytes))
        reg_refuse(r, REASON_NO_MEMORY, 503);
    else
        reg_answer_bytes(r, m->status, bytes);
}

static void answer_from(struct reg *r, const struct regreply_input *in)
{
    struct context *c = r->context;
    struct str bytes;
    if (!r->answer) {
        struct str lines = regreply_lines(c, in);
        if (str_is_none(lines))
            reg_refuse(r, REASON_NO_MEMORY, 503);
        else
            reg_answer(r, &(struct build_reply){.status = 200, .headers = lines});
        return;
    }
    struct build b;
    build_init(&b, &c->scratch, r->answer);
    upreq_restore(&b, reg_request(r), &r->up);
    regreply_edit(c, &b, in);
    if (build_finish(&b, &bytes))
        reg_refuse(r, REASON_NO_MEMORY, 503);
    else
        reg_answer_bytes(r, r->answer->status, bytes);
}

/* D13. A fetch is answered with our contacts only when upstream has judged it, and a 2xx that asked
 * for no proof says nothing of other devices: else a source that is not its sender's would be sent
 * the line's contacts for a few bytes. */
static bool is_unproven_query(const struct reg *r)
{
    return r->up.as == FORWARD_QUERY && !r->v.view.has_authorization &&
           r->v.domain->absorb.authentication == AUTH_RELAY;
}

/* What a commit means for the keepalives, whether or not the phone still waits. */
static void tell_keepalive(struct reg *r)
{
    const struct pulse device = {.domain = r->v.domain, .aor = r->v.view.aor, .peer = r->flow.peer};
    keepalive_note(r->context->keepalive, r->v.view.aor);
    pulse_on_accept(r->context, &device, &r->past);
    r->past = (struct pulse_past){0};
}

void reg_answer_ok(struct reg *r)
{
    struct context *c = r->context;
    const struct msg *m = reg_request(r);
    struct location now;
    if (!r->is_own)
        tell_keepalive(r);
    if (reg_is_answered(r))
        return;
    store_reader_reset(c->reader); /* it may be older than the commit */
    if (location_read(c, &c->scratch, r->v.view.aor, &now)) {
        reg_refuse(r, REASON_STORE, 503);
        return;
    }
    const struct regreply_input in = {.domain = r->v.domain,
                                      .record = now.record,
                                      .leases = now.leases,
                                      .view = &r->v.view,
                                      .base_len = (r->answer ? r->answer : m)->bytes.n,
                                      .is_path_asked = r->v.is_path_asked,
                                      .is_own_way_only = is_unproven_query(r),
                                      .most_s = regreply_most_s(c, r->v.domain),
                                      .now_s = sys_service_s()};
    if (regreply_is_complete(&in)) {
        reach_hold(c, r->v.domain, &r->flow);
        if (r->v.view.n_contacts && !register_is_removal(&r->v.view))
            reach_move(c, r->v.view.aor, &r->before, &r->flow);
        answer_from(r, &in);
        return;
    }
    reg_decided(r, REASON_OVERTAKEN, 500);
    reg_refuse(r, REASON_OVERTAKEN, 500);
}

int reg_store(struct reg *r, const struct regchange *change, inbox_fn *on_result)
{
    const struct store_request request = {.aor = r->v.view.aor,
                                          .reduce = regchange_reduce,
                                          .input = change,
                                          .copy = regchange_copy,
                                          .reply_to = r->context->inbox,
                                          .on_result = on_result,
                                          .cookie = (uint64_t)(uintptr_t)r,
                                          .is_background = r->is_own};
    int err = store_update(r->context->store, &request);
    r->n_storing += !err;
    return err;
}

void reg_count(const struct conf_domain *d, struct str aor, enum reason why)
{
    stats_inc((enum stats_id)(STAT_REASON_LICENSED_FLOW + (int)why));
    log_debug("register %.*s: %s", STR_FMT(LOG_NAME_OF(aor)), reason_word(why));
    (void)d;
}

void reg_decided(const struct reg *r, enum reason why, unsigned status)
{
    reg_count(r->v.domain, r->v.view.aor, why);
    trailnote_add(r->context, &(struct trailnote){.aor = r->v.view.aor,
                                                  .why = why,
                                                  .status = status,
                                                  .flow = r->is_own ? NULL : &r->flow});
}

uint32_t reg_left_alone_s(const struct reg *r)
{
    uint32_t most_s = r->v.domain->upstream->retry_after_cap_s;
    return r->retry_after_s < most_s ? r->retry_after_s : most_s;
}
