#include "service/intake.h"

#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "core/register.h"
#include "net/flow.h"
#include "net/inbox.h"
#include "net/loop.h"
#include "store/store.h"

/* As many as one commit takes: what phones bring waits for one of ours at most. */
enum { UNDER_WAY_MAX = 256 };

/* The queue is full: how often, and how long each time, that is waited for. */
enum { TRIES = 100, PAUSE_NS = 20 * 1000 * 1000 };

struct intake {
    struct intake_conf conf;
    struct loop *loop;
    struct inbox *inbox;
    size_t n_under_way;
    struct intake_counts counts;
};

/* What the reducer gets; a copy, with the record. */
struct intake_change {
    const struct aor_record *record;
    uint64_t exported_at_s;
    uint64_t form; /* absorb_conf.form */
    uint32_t grace_s, most_s;
    bool is_same_key;
    bool is_same; /* the reducer's: nothing of it is new */
};

/* ---------------------------------------------------------------- what stands here */

/* An ended registration is the memory of a line that has left; it is newer if it was still to run
 * when the export was made. */
static bool stands(const struct aor_record *now, uint64_t exported_at_s)
{
    for (size_t i = 0; i < now->n_upregs; i++)
        if (now->upregs[i].state != UPREG_ENDED || now->upregs[i].dead_at_s >= exported_at_s)
            return true;
    return now->n_bindings > 0;
}

static bool has_all(const struct aor_record *now, const struct aor_record *r)
{
    for (size_t i = 0; i < r->n_bindings; i++)
        if (!binding_find_id(now, r->bindings[i].id))
            return false;
    for (size_t i = 0; i < r->n_upregs; i++)
        if (!binding_upreg(now, r->upregs[i].id))
            return false;
    return true;
}

/* ---------------------------------------------------------------- taking it */

/* Neither a wrong file nor a clock that is ahead makes anything last longer than what is granted
 * here. */
static void cap(const struct intake_change *i, uint64_t now_s, uint32_t *granted_s, uint64_t *end_s)
{
    if (*granted_s > i->most_s)
        *granted_s = i->most_s;
    if (*end_s > now_s + i->most_s)
        *end_s = now_s + i->most_s;
}

/* Its connection is not here, or its time ran out while the record was on its way: it keeps its
 * grace and an interval of its device, as after a stop (D77). */
static void take_time(const struct intake_change *i, struct binding *b, uint64_t now_s)
{
    bool has_lost_flow = b->way.flow_id != 0;
    cap(i, now_s, &b->granted_s, &b->expires_at_s);
    uint32_t more_s = b->granted_s > i->grace_s ? b->granted_s - i->grace_s : 0;
    bool was_live = b->expires_at_s + i->grace_s >= i->exported_at_s;
    b->way.flow_id = 0;
    if (was_live && (has_lost_flow || b->expires_at_s <= now_s) && b->expires_at_s < now_s + more_s)
        b->expires_at_s = now_s + more_s;
    if (b->proof.at_s > now_s) /* a clock that is ahead prolongs no proof */
        b->proof.at_s = now_s;
    if (b->created_at_s > now_s)
        b->created_at_s = now_s;
}

static void add_bindings(const struct store_change *c, const struct intake_change *i)
{
    for (size_t k = 0; k < i->record->n_bindings; k++) {
        struct binding *b = &c->next->bindings[c->next->n_bindings++];
        *b = i->record->bindings[k];
        b->lease = (struct lease_ref){0, 0};
        b->is_changed = true;
        if (!i->is_same_key)
            b->proof = (struct proof){.kind = PROOF_NONE};
        take_time(i, b, c->now_s);
    }
}

/* The sequence goes on where either of the two has left it (D32). */
static uint32_t last_cseq(const struct aor_record *now, const struct upreg *u)
{
    uint32_t last = u->cseq;
    for (size_t i = 0; i < now->n_upregs; i++)
        if (str_eq(now->upregs[i].call_id, u->call_id) && now->upregs[i].cseq > last)
            last = now->upregs[i].cseq;
    return last;
}

/* Of another form, a registration moves with the next refresh of its devices. */
static void add_upregs(const struct store_change *c, const struct intake_change *i)
{
    enum { OTHER = FORM_MODE_MASK + 1 };
    for (size_t k = 0; k < i->record->n_upregs; k++) {
        struct upreg *u = &c->next->upregs[c->next->n_upregs++];
        *u = i->record->upregs[k];
        u->cseq = last_cseq(c->now_state, u);
        cap(i, c->now_s, &u->granted_s, &u->dead_at_s);
        if (!i->is_same_key)
            u->form = (u->form ? u->form : i->form) ^ OTHER;
    }
}

static int reduce(const struct store_change *c, void *input, bool *is_changed)
{
    struct intake_change *i = input;
    if (stands(c->now_state, i->exported_at_s)) {
        i->is_same = has_all(c->now_state, i->record);
        return 0;
    }
    c->next->n_bindings = c->next->n_upregs = 0;
    add_bindings(c, i);
    add_upregs(c, i);
    if (c->next->revision < i->record->revision)
        c->next->revision = i->record->revision;
    *is_changed = true;
    return 0;
}

static void *copy_change(struct arena *a, const void *input)
{
    struct intake_change *copy = arena_alloc(a, sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *(const struct intake_change *)input;
    copy->record = binding_record_copy(a, copy->record);
    return copy->record ? copy : NULL;
}

/* ---------------------------------------------------------------- the queue */

static void on_result(struct inbox_node *node, void *arg)
{
    struct intake *t = arg;
    struct store_result *r = container_of(node, struct store_result, node);
    const struct intake_change *i = r->input;
    switch (r->outcome) {
    case STORE_COMMITTED:
        t->counts.n_taken++;
        break;
    case STORE_UNCHANGED:
        t->counts.n_same += i->is_same;
        t->counts.n_kept += !i->is_same;
        break;
    case STORE_FAILED:
        t->counts.n_failed++;
        break;
    }
    store_result_free(r);
    if (--t->n_under_way == 0)
        loop_stop(t->loop);
}

/* The store answers each update, also when it stops. */
static void drain(struct intake *t)
{
    if (t->n_under_way)
        loop_run(t->loop);
}

int intake_new(const struct intake_conf *conf, struct intake **out)
{
    struct intake *t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    t->conf = *conf;
    int err = loop_new(&t->loop);
    if (!err)
        err = inbox_new(t->loop, 1, t, &t->inbox);
    if (err)
        intake_free(t);
    else
        *out = t;
    return err;
}

void intake_free(struct intake *t)
{
    if (!t)
        return;
    drain(t);
    inbox_free(t->inbox);
    loop_free(t->loop);
    free(t);
}

/* Upstream is asked for longer than any device. */
static uint32_t most_s(const struct absorb_conf *p)
{
    return p->upstream_expires_s > p->max_expires_s ? p->upstream_expires_s : p->max_expires_s;
}

int intake_add(struct intake *t, const struct intake_record *r)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    const struct intake_change change = {.record = r->record,
                                         .exported_at_s = t->conf.exported_at_s,
                                         .form = r->conf->form,
                                         .grace_s = r->conf->grace_s,
                                         .most_s = most_s(r->conf),
                                         .is_same_key = t->conf.is_same_key};
    const struct store_request request = {.aor = r->record->aor,
                                          .reduce = reduce,
                                          .input = &change,
                                          .copy = copy_change,
                                          .reply_to = t->inbox,
                                          .on_result = on_result,
                                          .is_background = true};
    if (t->n_under_way == UNDER_WAY_MAX)
        drain(t);
    int err = store_update(t->conf.store, &request);
    for (int i = 0; err == ERR_FULL && i < TRIES; i++) {
        drain(t);
        (void)nanosleep(&pause, NULL);
        err = store_update(t->conf.store, &request);
    }
    t->n_under_way += !err;
    return err;
}

void intake_wait(struct intake *t, struct intake_counts *out)
{
    drain(t);
    *out = t->counts;
}
