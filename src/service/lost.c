#include "service/lost.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/stats.h"
#include "core/commit.h"
#include "net/loop.h"
#include "store/store.h"

enum { RETRY_MS = 500 };

struct lost {
    struct context *context;
    struct list waiting;
    struct wheel_timer timer;
};

struct notice {
    struct list node;
    uint64_t stream;
    struct str aor;
    char text[];
};

/* The code is the number of bindings. */
static int reduce(const struct store_change *c, void *input, bool *is_changed)
{
    const uint64_t *stream = input;
    size_t n = commit_lose(c->next, *stream, c->now_s);
    *is_changed = n > 0;
    return (int)n;
}

static void *copy(struct arena *a, const void *input)
{
    uint64_t *out = arena_alloc(a, sizeof *out);
    if (out)
        *out = *(const uint64_t *)input;
    return out;
}

/* Those that have registered by another connection meanwhile, or have gone, are nobody's loss. */
static void on_stored(struct inbox_node *node, void *arg)
{
    struct store_result *result = container_of(node, struct store_result, node);
    (void)arg;
    if (result->outcome == STORE_COMMITTED) {
        stats_add(STAT_REASON_FLOW_LOST, result->code);
        log_info("flow lost aor=%.*s bindings=%d", STR_FMT(LOG_NAME_OF(result->aor)), result->code);
    }
    store_result_free(result);
}

static int submit(const struct lost *l, uint64_t stream, struct str aor)
{
    const struct store_request request = {.aor = aor,
                                          .reduce = reduce,
                                          .input = &stream,
                                          .copy = copy,
                                          .reply_to = l->context->inbox,
                                          .on_result = on_stored,
                                          .is_background = true};
    return store_update(l->context->store, &request);
}

static void on_timer(void *arg)
{
    struct lost *l = arg;
    for (struct list *i = list_pop(&l->waiting); i; i = list_pop(&l->waiting)) {
        struct notice *n = container_of(i, struct notice, node);
        if (submit(l, n->stream, n->aor)) {
            list_add(&l->waiting, &n->node);
            loop_timer_start(l->context->loop, &l->timer, RETRY_MS);
            return;
        }
        free(n);
    }
}

/* Without memory the binding stays until it expires; nobody is called by it anyhow. */
static void keep(struct lost *l, uint64_t stream, struct str aor)
{
    struct notice *n = malloc(sizeof *n + aor.n);
    if (!n)
        return;
    memcpy(n->text, aor.p, aor.n);
    n->stream = stream;
    n->aor = (struct str){n->text, aor.n};
    if (list_is_empty(&l->waiting))
        loop_timer_start(l->context->loop, &l->timer, RETRY_MS);
    list_add(&l->waiting, &n->node);
}

static void on_lost(uint64_t stream, struct str aor, void *arg)
{
    struct lost *l = arg;
    if (!list_is_empty(&l->waiting) || submit(l, stream, aor))
        keep(l, stream, aor);
}

int lost_new(struct context *c, struct lost **out)
{
    struct lost *l = calloc(1, sizeof *l);
    if (!l)
        return ERR_NOMEM;
    l->context = c;
    list_init(&l->waiting);
    wheel_timer_init(&l->timer, on_timer, l);
    flow_table_on_lost(c->flows, on_lost, l);
    *out = l;
    return 0;
}

void lost_free(struct lost *l)
{
    if (!l)
        return;
    flow_table_on_lost(l->context->flows, NULL, NULL);
    loop_timer_stop(l->context->loop, &l->timer);
    for (struct list *i = list_pop(&l->waiting); i; i = list_pop(&l->waiting))
        free(container_of(i, struct notice, node));
    free(l);
}
