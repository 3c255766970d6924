#include "service/keeper.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "core/commit.h"
#include "core/upkeep.h"
#include "core/upreg.h"
#include "net/loop.h"
#include "service/board.h"
#include "service/location.h"
#include "service/upreq.h"
#include "store/store.h"

/* Between two first attempts, of all workers. What could not be done now is tried again. */
enum { PACE_MS = 200, AGAIN_MS = 5000, SCRATCH_KEEP = 128 * 1024 };

struct keeper {
    struct context *context;
    void (*look)(struct context *c, struct str aor);
    struct hmap map; /* by AoR */
    struct list all;
    uint64_t n_given; /* turns, in one round */
};

struct kept {
    struct hmap_node node;
    struct list link;
    struct keeper *keeper;
    const struct conf_line *line; /* of the context's conf; NULL: it is being released */
    struct wheel_timer timer;
    uint64_t next_ms; /* not before, of the loop's clock */
    uint64_t dead_at_s, since_s;
    enum board_state state;
    struct keeper_failure failure;
    uint64_t unregistered_s; /* since when the alarm stands; 0: it does not */
    unsigned n_failed;       /* in a row */
    bool is_wanted;          /* whatever upstream is said to hold */
    bool is_releasing;
    bool is_counted;
    uint16_t aor_len;
    char aor[];
};

static struct str aor_of(const struct kept *l)
{
    return (struct str){l->aor, l->aor_len};
}

static uint64_t now_ms(const struct kept *l)
{
    return loop_now_ms(l->keeper->context->loop);
}

/* ---------------------------------------------------------------- state */

static const enum stats_id gauges[BOARD_STATES] = {
    [BOARD_REGISTERING] = STAT_LINES_REGISTERING,
    [BOARD_REGISTERED] = STAT_LINES_REGISTERED,
    [BOARD_FAILING] = STAT_LINES_FAILING,
};

static void publish(const struct kept *l)
{
    uint64_t now_s = sys_service_s(), at_ms = now_ms(l);
    const struct conf_line *line = l->line;
    if (!line)
        return;
    const struct board_line row = {
        .name = line->name,
        .domain = line->domain->name,
        .places = line->places,
        .n_places = line->n_places,
        .state = l->state,
        .since_s = l->since_s,
        .dead_at_s = l->dead_at_s,
        .error = l->n_failed ? reason_word(l->failure.why) : NULL,
        .status = l->failure.status,
        .next_at_s = l->next_ms > at_ms ? now_s + (l->next_ms - at_ms + 999) / 1000 : 0,
        .unregistered_s = l->unregistered_s,
    };
    board_put(l->keeper->context->board, aor_of(l), &row);
}

static void set_counted(struct kept *l, bool is_counted)
{
    if (l->is_counted != is_counted)
        stats_add(gauges[l->state], is_counted ? 1 : -1);
    l->is_counted = is_counted;
}

static void set_state(struct kept *l, enum board_state state)
{
    bool is_counted = l->is_counted;
    if (l->state == state)
        return;
    log_debug("line %.*s: %s -> %s", STR_FMT(LOG_NAME_OF(aor_of(l))), board_state_word(l->state),
              board_state_word(state));
    set_counted(l, false);
    l->state = state;
    set_counted(l, is_counted);
    l->since_s = sys_service_s();
}

/* Upstream holds nothing, and the last attempt failed. */
static void judge_alarm(struct kept *l)
{
    uint64_t now_s = sys_service_s();
    bool is_gone = l->state == BOARD_FAILING && l->dead_at_s <= now_s;
    if ((l->unregistered_s != 0) == is_gone)
        return;
    l->unregistered_s = is_gone ? now_s : 0;
    if (!is_gone) {
        log_info("line %.*s is registered upstream", STR_FMT(LOG_NAME_OF(aor_of(l))));
        return;
    }
    stats_inc(STAT_ALARM_UNREGISTERED);
    log_warn("alarm line-unregistered: upstream \"%s\" does not hold line %.*s: %s, status %u",
             l->line->domain->upstream->name, STR_FMT(LOG_NAME_OF(aor_of(l))),
             reason_word(l->failure.why), l->failure.status);
}

/* ---------------------------------------------------------------- time */

static void on_turn(void *arg)
{
    struct kept *l = arg;
    struct context *c = l->keeper->context;
    struct str aor = str_dup(&c->scratch, aor_of(l));
    if (l->line && l->state == BOARD_FAILING)
        judge_alarm(l);
    if (!str_is_none(aor)) /* it may end */
        l->keeper->look(c, aor);
}

/* The next look: at the next REGISTER, or at the end of what upstream holds. */
static void arm(struct kept *l)
{
    uint64_t at_ms = now_ms(l), now_s = sys_service_s();
    uint64_t wait_ms = l->next_ms > at_ms ? l->next_ms - at_ms : 0;
    uint64_t left_ms = l->dead_at_s > now_s ? (l->dead_at_s - now_s) * 1000 : 0;
    bool is_failing = l->state == BOARD_FAILING && left_ms && left_ms < wait_ms;
    loop_timer_start(l->keeper->context->loop, &l->timer, is_failing ? left_ms : wait_ms);
}

static void give_turn(struct kept *l)
{
    struct keeper *k = l->keeper;
    const struct context *c = k->context;
    l->next_ms = now_ms(l) + (k->n_given++ * c->n_workers + c->worker) * PACE_MS;
    arm(l);
    publish(l);
}

static uint64_t draw_of(const struct kept *l, uint64_t what)
{
    const struct hash_key *key = &l->keeper->context->loop_key;
    const uint64_t parts[] = {hash_str(key, aor_of(l)), what};
    return hash_bytes(key, parts, sizeof parts);
}

/* ---------------------------------------------------------------- lines */

static struct kept *find(const struct keeper *k, struct str aor)
{
    struct hmap_node *n = hmap_first(&k->map, hmap_hash(&k->map, aor));
    for (; n; n = hmap_next(n)) {
        struct kept *l = container_of(n, struct kept, node);
        if (str_eq(aor_of(l), aor))
            return l;
    }
    return NULL;
}

static struct kept *add(struct keeper *k, struct str aor)
{
    struct kept *l = calloc(1, sizeof *l + aor.n);
    if (!l)
        return NULL;
    l->keeper = k;
    l->aor_len = (uint16_t)aor.n;
    memcpy(l->aor, aor.p, aor.n);
    l->since_s = sys_service_s();
    wheel_timer_init(&l->timer, on_turn, l);
    l->node.hash = hmap_hash(&k->map, aor);
    if (hmap_add(&k->map, &l->node)) {
        free(l);
        return NULL;
    }
    list_add(&k->all, &l->link);
    return l;
}

static void del(struct kept *l)
{
    loop_timer_stop(l->keeper->context->loop, &l->timer);
    set_counted(l, false);
    hmap_del(&l->keeper->map, &l->node);
    list_del(&l->link);
    free(l);
}

int keeper_new(struct context *c, void (*look)(struct context *c, struct str aor),
               struct keeper **out)
{
    struct keeper *k = calloc(1, sizeof *k);
    if (!k)
        return ERR_NOMEM;
    k->context = c;
    k->look = look;
    hmap_init(&k->map);
    list_init(&k->all);
    *out = k;
    return 0;
}

void keeper_free(struct keeper *k)
{
    if (!k)
        return;
    list_each_safe (it, &k->all)
        del(container_of(it, struct kept, link));
    hmap_fini(&k->map);
    free(k);
}

/* ---------------------------------------------------------------- release */

/* Nothing is fixed any more; what nobody needs is then LEAVING. */
static int unfix(const struct store_change *c, void *input, bool *is_changed)
{
    (void)input;
    for (size_t i = 0; i < c->next->n_upregs; i++)
        *is_changed |= c->next->upregs[i].is_fixed;
    commit_fix(c->next, 0);
    commit_settle(c->next, c->now_s);
    return 0;
}

static void *no_input(struct arena *a, const void *input)
{
    (void)input;
    return arena_alloc(a, 1);
}

static void try_again(struct kept *l)
{
    l->next_ms = now_ms(l) + AGAIN_MS;
    arm(l);
}

static void on_released(struct inbox_node *node, void *arg)
{
    struct store_result *result = container_of(node, struct store_result, node);
    struct kept *l = (struct kept *)(uintptr_t)result->cookie;
    struct context *c = l->keeper->context;
    struct str aor = str_dup(&c->scratch, aor_of(l));
    void (*look)(struct context *, struct str) = l->keeper->look;
    (void)arg;
    l->is_releasing = false;
    if (l->line) { /* it has come back */
        l->is_wanted = true;
        give_turn(l);
    } else if (result->outcome == STORE_FAILED || str_is_none(aor)) {
        try_again(l);
    } else {
        del(l);
        store_reader_reset(c->reader);
        look(c, aor);
    }
    store_result_free(result);
}

static void release(struct kept *l)
{
    const struct context *c = l->keeper->context;
    const struct store_request request = {.aor = aor_of(l),
                                          .reduce = unfix,
                                          .copy = no_input,
                                          .reply_to = c->inbox,
                                          .on_result = on_released,
                                          .cookie = (uint64_t)(uintptr_t)l,
                                          .is_background = true};
    if (l->is_releasing)
        return;
    l->is_releasing = store_update(c->store, &request) == 0;
    if (!l->is_releasing)
        try_again(l);
}

/* ---------------------------------------------------------------- review */

/* The names of the line's registration, and what is known of it. */
static bool name(struct context *c, const struct conf_domain *d, const struct absorb_input *in,
                 struct upreg *out)
{
    struct upreq u = {.domain = d};
    const struct register_view view = {.aor = in->now_state->aor, .is_line = true};
    struct absorb_input named = *in;
    named.view = &view;
    if (upreq_name(c, &c->scratch, d, &named, &u))
        return false;
    const struct upreg *known = binding_upreg(in->now_state, u.upreg_id);
    *out = known ? *known : (struct upreg){.id = u.upreg_id};
    out->call_id = u.call_id;
    return true;
}

bool keeper_is_ours(struct context *c, const struct conf_domain *domain,
                    const struct absorb_input *in, const struct upreg *u)
{
    struct upreg own;
    return name(c, domain, in, &own) && own.id == u->id;
}

static bool has_fixed(const struct aor_record *r)
{
    for (size_t i = 0; i < r->n_upregs; i++)
        if (r->upregs[i].is_fixed)
            return true;
    return false;
}

/* Upstream holds it, and holds it as the configuration asks for. */
static bool is_standing(const struct conf_domain *d, const struct absorb_input *in,
                        const struct upreg *u)
{
    return u->is_fixed && u->state == UPREG_LIVE && u->dead_at_s > in->now_s &&
           !upreg_is_moved(&d->absorb, u);
}

static void note_standing(struct kept *l, const struct upreg *u, uint64_t now_s)
{
    uint64_t granted_at_s = u->dead_at_s - u->granted_s;
    uint64_t at_s = granted_at_s + upkeep_refresh_in_s(u->granted_s, draw_of(l, u->dead_at_s));
    if (l->dead_at_s == u->dead_at_s && l->n_failed) /* what failed was its refresh */
        return;
    l->dead_at_s = u->dead_at_s;
    l->n_failed = 0;
    l->next_ms = now_ms(l) + (at_s > now_s ? (at_s - now_s) * 1000 : 0);
    set_state(l, BOARD_REGISTERED);
    judge_alarm(l);
}

/* Upstream may hold it yet in another form. */
static void note_fallen(struct kept *l, const struct upreg *u)
{
    l->dead_at_s = u->is_fixed ? u->dead_at_s : 0;
    judge_alarm(l);
}

bool keeper_review(struct keeper *k, const struct conf_domain *domain,
                   const struct absorb_input *in, struct upreg *out)
{
    struct kept *l = find(k, in->now_state->aor);
    if (!l && has_fixed(in->now_state))
        l = add(k, in->now_state->aor);
    if (l && !l->line)
        release(l);
    if (!l || !l->line || l->is_releasing || !name(k->context, domain, in, out))
        return false;
    if (!is_standing(domain, in, out))
        note_fallen(l, out);
    else if (!l->is_wanted)
        note_standing(l, out, in->now_s);
    if (l->next_ms > now_ms(l)) {
        arm(l);
        publish(l);
        return false;
    }
    loop_timer_start(k->context->loop, &l->timer, AGAIN_MS); /* should it not be sent after all */
    out->is_fixed = 1;
    return true;
}

void keeper_on_attempt(struct keeper *k, struct str aor)
{
    struct kept *l = find(k, aor);
    if (!l || !l->line)
        return;
    l->is_wanted = false;
    loop_timer_stop(k->context->loop, &l->timer);
    if (l->state != BOARD_FAILING && l->dead_at_s <= sys_service_s())
        set_state(l, BOARD_REGISTERING);
    publish(l);
}

/* How upstream failed it decides how soon it is asked again. */
static uint32_t wait_s(const struct kept *l)
{
    const struct keeper_failure *f = &l->failure;
    bool is_refused = f->why == REASON_REFUSED || f->why == REASON_CREDENTIALS;
    uint32_t s =
        upkeep_wait_s(is_refused ? UPKEEP_REFUSED : UPKEEP_TROUBLE, l->n_failed, f->retry_after_s);
    if (f->why == REASON_CREDENTIALS && f->left_alone_s)
        s = (uint32_t)f->left_alone_s;
    return s + (uint32_t)(draw_of(l, l->n_failed) % (s / 10 + 1));
}

void keeper_on_failure(struct keeper *k, struct str aor, const struct keeper_failure *what)
{
    struct kept *l = find(k, aor);
    if (!l || !l->line)
        return;
    l->failure = *what;
    l->next_ms = now_ms(l) + wait_s(l) * 1000ULL;
    l->n_failed++;
    set_state(l, BOARD_FAILING);
    judge_alarm(l);
    arm(l);
    publish(l);
}

/* ---------------------------------------------------------------- configuration */

/* What upstream holds by the record; nothing can be said without memory. */
static bool is_registered(struct keeper *k, const struct conf_line *line)
{
    struct context *c = k->context;
    struct location now;
    struct upreg u;
    if (location_read(c, &c->scratch, line->aor, &now))
        return false;
    const struct register_view view = {.aor = line->aor};
    const struct absorb_input in = {.conf = &line->domain->absorb,
                                    .view = &view,
                                    .now_state = now.record,
                                    .leases = now.leases,
                                    .now_s = sys_service_s()};
    return name(c, line->domain, &in, &u) && is_standing(line->domain, &in, &u);
}

/* One that stands as it should is only looked at; what fails is tried with the new configuration.
 */
static void take_up(struct keeper *k, struct kept *l, const struct conf_line *line)
{
    bool is_well = l->n_failed == 0 && is_registered(k, line);
    l->line = line;
    l->n_failed = 0;
    l->is_wanted = l->is_wanted || !is_well;
    set_counted(l, true);
    if (is_well && l->next_ms <= now_ms(l))
        k->look(k->context, aor_of(l));
    else if (is_well)
        publish(l);
    else
        give_turn(l);
}

static void take_line(struct keeper *k, const struct conf_line *line)
{
    struct kept *l = find(k, line->aor);
    if (!l)
        l = add(k, line->aor);
    if (l)
        take_up(k, l, line);
    else
        log_error("line %.*s: out of memory; it is not kept registered",
                  STR_FMT(LOG_NAME_OF(line->aor)));
}

void keeper_sync(struct keeper *k)
{
    struct context *c = k->context;
    const struct conf *conf = c->conf;
    list_each (it, &k->all)
        container_of(it, struct kept, link)->line = NULL;
    k->n_given = 0;
    for (size_t i = 0; i < conf->n_lines; i++)
        if (context_owner(c, conf->lines[i].aor) == c->worker) {
            take_line(k, &conf->lines[i]);
            arena_reset(&c->scratch, SCRATCH_KEEP);
        }
    list_each_safe (it, &k->all) {
        struct kept *l = container_of(it, struct kept, link);
        if (l->line)
            continue;
        set_counted(l, false);
        board_del(c->board, aor_of(l));
        release(l);
    }
    store_reader_reset(c->reader);
}

void keeper_resync(struct keeper *k, struct str upstream)
{
    k->n_given = 0;
    list_each (it, &k->all) {
        struct kept *l = container_of(it, struct kept, link);
        if (!l->line || !str_eq(str_of(l->line->domain->upstream->name), upstream))
            continue;
        l->is_wanted = true;
        give_turn(l);
    }
}

void keeper_retry(struct keeper *k, struct str upstream)
{
    k->n_given = 0;
    list_each (it, &k->all) {
        struct kept *l = container_of(it, struct kept, link);
        bool is_failing = l->n_failed || l->state == BOARD_FAILING;
        if (!l->line || !is_failing || !str_eq(str_of(l->line->domain->upstream->name), upstream))
            continue;
        l->is_wanted = true;
        l->n_failed = 0;
        give_turn(l);
    }
}
