#include "service/removal.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "core/commit.h"
#include "service/reg.h"
#include "service/regview.h"
#include "service/renew.h"
#include "service/trailnote.h"
#include "store/store.h"

enum { PATIENCE_S = 5 };

/* Held by who asks and by who does it, whoever is longer. */
struct ticket {
    struct inbox_node node;
    atomic_int refs;
    pthread_mutex_t lock; /* guards the three below */
    pthread_cond_t done;
    bool is_done;
    int err;
    struct removal result;
    struct context *context;
    struct str aor;
    char bytes[];
};

const char *removal_word(enum removal_upstream what)
{
    static const char *const words[] = {[REMOVAL_NOTHING] = "nothing",
                                        [REMOVAL_LEAVING] = "unregistering",
                                        [REMOVAL_RUNS_OUT] = "runs-out",
                                        [REMOVAL_FIXED_LINE] = "fixed-line"};
    return words[what];
}

/* ---------------------------------------------------------------- the ticket */

static int make_condition(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr))
        return ERR_NOMEM;
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    int err = pthread_cond_init(cond, &attr) ? ERR_NOMEM : 0;
    (void)pthread_condattr_destroy(&attr);
    return err;
}

static struct ticket *ticket_new(struct str aor)
{
    struct ticket *t = calloc(1, sizeof *t + aor.n);
    if (!t)
        return NULL;
    if (make_condition(&t->done) || pthread_mutex_init(&t->lock, NULL)) {
        free(t);
        return NULL;
    }
    atomic_init(&t->refs, 2);
    if (aor.n)
        memcpy(t->bytes, aor.p, aor.n);
    t->aor = (struct str){t->bytes, aor.n};
    return t;
}

static void let_go(struct ticket *t)
{
    if (atomic_fetch_sub(&t->refs, 1) > 1)
        return;
    (void)pthread_cond_destroy(&t->done);
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}

static void finish(struct ticket *t, int err, const struct removal *result)
{
    (void)pthread_mutex_lock(&t->lock);
    t->is_done = true;
    t->err = err;
    if (result)
        t->result = *result;
    (void)pthread_cond_signal(&t->done);
    (void)pthread_mutex_unlock(&t->lock);
    let_go(t);
}

static int await(struct ticket *t, struct removal *out)
{
    struct timespec until;
    int code = clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PATIENCE_S;
    (void)pthread_mutex_lock(&t->lock);
    while (!t->is_done && code != ETIMEDOUT)
        code = pthread_cond_timedwait(&t->done, &t->lock, &until);
    int err = t->is_done ? t->err : ERR_AGAIN;
    *out = t->result;
    (void)pthread_mutex_unlock(&t->lock);
    return err;
}

int removal_ask(struct inbox *owner, inbox_fn *fn, struct str aor, struct removal *out)
{
    struct ticket *t = ticket_new(aor);
    if (!t)
        return ERR_NOMEM;
    t->node.fn = fn;
    inbox_push(owner, &t->node);
    int err = await(t, out);
    let_go(t);
    return err;
}

/* ---------------------------------------------------------------- the change */

struct change {
    bool is_mirror;
    struct removal result;
};

static void *copy_change(struct arena *a, const void *input)
{
    struct change *copy = arena_alloc(a, sizeof *copy);
    if (copy)
        *copy = *(const struct change *)input;
    return copy;
}

/* The line is not even known any more. */
static void forget_ended(struct aor_record *next)
{
    for (size_t i = next->n_upregs; i-- > 0;)
        if (next->upregs[i].state == UPREG_ENDED)
            binding_upreg_del(next, &next->upregs[i]);
}

static enum removal_upstream fate(const struct change *change, const struct upreg *u)
{
    if (u->is_fixed)
        return REMOVAL_FIXED_LINE;
    if (u->state == UPREG_ENDED)
        return REMOVAL_NOTHING;
    return u->state == UPREG_ORPHAN || change->is_mirror ? REMOVAL_RUNS_OUT : REMOVAL_LEAVING;
}

/* Several registrations: what one has still to wait for. */
static enum removal_upstream fate_of_all(const struct change *change, const struct aor_record *r)
{
    enum removal_upstream worst = REMOVAL_NOTHING;
    for (size_t i = 0; i < r->n_upregs; i++) {
        enum removal_upstream one = fate(change, &r->upregs[i]);
        worst = one > worst ? one : worst;
    }
    return worst;
}

static int reduce(const struct store_change *c, void *input, bool *is_changed)
{
    struct change *change = input;
    if (c->now_state->n_bindings == 0 && c->now_state->n_upregs == 0)
        return ERR_ABSENT;
    change->result.n_bindings = (unsigned)c->next->n_bindings;
    commit_drop(c->next, UINT64_MAX);
    forget_ended(c->next);
    (void)commit_settle(c->next, c->now_s);
    change->result.upstream = fate_of_all(change, c->next);
    *is_changed = true;
    return 0;
}

/* ---------------------------------------------------------------- the owner */

static void on_result(struct inbox_node *node, void *arg)
{
    struct store_result *r = container_of(node, struct store_result, node);
    struct ticket *t = (struct ticket *)(uintptr_t)r->cookie;
    struct context *c = t->context;
    const struct change *change = r->input;
    (void)arg;
    int err = r->outcome == STORE_FAILED ? ERR_IO : r->code;
    if (!err) {
        reg_count(regview_domain(c->conf, r->aor), r->aor, REASON_OPERATOR);
        trailnote_add(c, &(struct trailnote){.aor = r->aor, .why = REASON_OPERATOR});
        store_reader_reset(c->reader); /* it may be older than the commit */
        renew_look(c, r->aor, true);
    }
    finish(t, err, &change->result);
    store_result_free(r);
}

void removal_start(struct context *c, struct inbox_node *node)
{
    struct ticket *t = container_of(node, struct ticket, node);
    const struct conf_domain *d = regview_domain(c->conf, t->aor);
    const struct change change = {.is_mirror = d && d->absorb.mode == MODE_MIRROR};
    const struct store_request request = {.aor = t->aor,
                                          .reduce = reduce,
                                          .input = &change,
                                          .copy = copy_change,
                                          .reply_to = c->inbox,
                                          .on_result = on_result,
                                          .cookie = (uint64_t)(uintptr_t)t,
                                          .is_background = true};
    t->context = c;
    int err = store_update(c->store, &request);
    if (err)
        finish(t, err, NULL);
}
