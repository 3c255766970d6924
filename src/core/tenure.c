#include "core/tenure.h"

enum { BEATS = 30, GAP_BEATS = 3, MINUTE_MS = 60000 };

struct tenure_conf tenure_conf_of(uint64_t fence_ms, unsigned n_shards, unsigned moves_a_minute)
{
    uint64_t beat_ms = fence_ms / BEATS;
    return (struct tenure_conf){.beat_ms = beat_ms,
                                .gap_ms = beat_ms * GAP_BEATS,
                                .act_ms = fence_ms / 5 * 4,
                                .fence_ms = fence_ms,
                                .n_shards = n_shards,
                                .moves_a_minute = moves_a_minute};
}

void tenure_init(struct tenure *t, const struct tenure_conf *conf, int me)
{
    *t = (struct tenure){.conf = *conf, .me = me};
}

/* ---------------------------------------------------------------- choosing */

/* splitmix64: every node comes to the same number. */
static uint64_t score(unsigned shard, int node)
{
    uint64_t z = ((uint64_t)shard << 32 | (uint32_t)node) + UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Heard of late, and with everything that it would need. */
static bool is_able(const struct tenure_conf *conf, const struct tenure_node *n)
{
    return n->is_member && n->is_current && n->silent_ms <= conf->fence_ms / 2;
}

static int choice_but(const struct tenure_conf *conf, const struct tenure_view *v, unsigned shard,
                      int but)
{
    int best = TENURE_NOBODY;
    uint64_t most = 0;
    for (size_t i = 0; i < v->n_nodes; i++) {
        const struct tenure_node *n = &v->nodes[i];
        uint64_t s = score(shard, n->number);
        if (n->number == but || !is_able(conf, n) || (best != TENURE_NOBODY && s <= most))
            continue;
        best = n->number;
        most = s;
    }
    return best;
}

int tenure_choice(const struct tenure_conf *conf, const struct tenure_view *view, unsigned shard)
{
    return choice_but(conf, view, shard, TENURE_NOBODY);
}

/* ---------------------------------------------------------------- what is ours */

static void lose(struct tenure *t)
{
    t->is_member = false;
    t->acked_ms = t->since_ms = 0;
    t->generation = 0;
    for (unsigned i = 0; i < t->conf.n_shards; i++)
        t->shards[i] = (struct tenure_shard){.hold = TENURE_NONE};
}

static void on_claim(struct tenure *t, unsigned at, const struct tenure_claim *c, uint64_t now_ms)
{
    struct tenure_shard *s = &t->shards[at];
    if (c->node != t->me)
        *s = (struct tenure_shard){.hold = TENURE_NONE};
    else if (s->hold == TENURE_NONE || s->epoch != c->epoch)
        *s =
            (struct tenure_shard){.hold = TENURE_ADOPTING, .epoch = c->epoch, .learned_ms = now_ms};
}

static void on_read(struct tenure *t, uint64_t began_ms)
{
    for (unsigned i = 0; i < t->conf.n_shards; i++) {
        struct tenure_shard *s = &t->shards[i];
        if (s->hold == TENURE_ADOPTING && s->learned_ms < began_ms)
            s->hold = t->is_going ? TENURE_LEAVING : TENURE_HELD;
    }
}

static void on_going(struct tenure *t)
{
    t->is_going = true;
    for (unsigned i = 0; i < t->conf.n_shards; i++)
        if (t->shards[i].hold == TENURE_HELD)
            t->shards[i].hold = TENURE_LEAVING;
}

/* ---------------------------------------------------------------- wishes */

static bool is_owner(const struct tenure *t, const struct tenure_view *v, int node)
{
    for (unsigned i = 0; i < t->conf.n_shards; i++)
        if (v->claims[i].node == node)
            return true;
    return false;
}

/* An owner that is no member is as good as silent: it left, or never came after a restore. */
static void wish_fence(const struct tenure *t, const struct tenure_view *v, struct tenure_wish *out)
{
    if (t->is_going || t->acked_ms - t->since_ms < t->conf.fence_ms)
        return;
    for (size_t i = 0; i < v->n_nodes && out->fence == TENURE_NOBODY; i++) {
        const struct tenure_node *n = &v->nodes[i];
        if (n->number == t->me || n->silent_ms <= t->conf.fence_ms ||
            !(n->is_member || is_owner(t, v, n->number)))
            continue;
        out->fence = n->number;
        out->fence_epoch = n->epoch;
    }
}

static void wish_takes(const struct tenure *t, const struct tenure_view *v, struct tenure_wish *out)
{
    if (t->is_going || !v->is_settled)
        return;
    for (unsigned i = 0; i < t->conf.n_shards; i++)
        if (v->claims[i].node == TENURE_NOBODY && tenure_choice(&t->conf, v, i) == t->me)
            out->takes[out->n_takes++] = (uint16_t)i;
}

/* A node that has come gets its share little by little. */
static void begin_moves(struct tenure *t, const struct tenure_view *v, uint64_t now_ms)
{
    if (now_ms - t->moved_ms >= MINUTE_MS) {
        t->moved_ms = now_ms;
        t->n_moved = 0;
    }
    for (unsigned i = 0; i < t->conf.n_shards && t->n_moved < t->conf.moves_a_minute; i++) {
        if (t->shards[i].hold != TENURE_HELD)
            continue;
        int to = tenure_choice(&t->conf, v, i);
        if (to == TENURE_NOBODY || to == t->me)
            continue;
        t->shards[i].hold = TENURE_LEAVING;
        t->n_moved++;
    }
}

static void wish_hands(const struct tenure *t, const struct tenure_view *v, struct tenure_wish *out)
{
    for (unsigned i = 0; i < t->conf.n_shards; i++) {
        if (t->shards[i].hold != TENURE_LEAVING || !t->shards[i].is_quiet)
            continue;
        out->hands[out->n_hands].shard = (uint16_t)i;
        out->hands[out->n_hands++].to =
            choice_but(&t->conf, v, i, t->is_going ? t->me : TENURE_NOBODY);
    }
}

/* ---------------------------------------------------------------- events */

static void on_joined(struct tenure *t, const struct tenure_event *e)
{
    lose(t);
    t->is_member = true;
    t->epoch = e->epoch;
    t->acked_ms = t->since_ms = e->sent_ms;
}

/* The epoch is of the transaction, so it is the one that the view was taken in. */
static void on_heard(struct tenure *t, const struct tenure_event *e, struct tenure_wish *out)
{
    const struct tenure_view *v = e->view;
    if (!t->is_member || e->epoch != t->epoch || e->sent_ms < t->acked_ms)
        return;
    if (t->generation && t->generation != v->generation) {
        lose(t);
        out->join = true;
        return;
    }
    t->generation = v->generation;
    if (e->sent_ms - t->acked_ms > t->conf.gap_ms)
        t->since_ms = e->sent_ms;
    t->acked_ms = e->sent_ms;
    for (unsigned i = 0; i < t->conf.n_shards; i++)
        on_claim(t, i, &v->claims[i], e->now_ms);
    begin_moves(t, v, e->now_ms);
    wish_fence(t, v, out);
    wish_takes(t, v, out);
    wish_hands(t, v, out);
}

static void on_tick(struct tenure *t, uint64_t now_ms, struct tenure_wish *out)
{
    if (t->sent_ms && now_ms - t->sent_ms < t->conf.beat_ms)
        return;
    t->sent_ms = now_ms;
    out->join = !t->is_member;
    out->beat = t->is_member;
}

static void on_quiet(struct tenure *t, unsigned shard)
{
    if (shard < t->conf.n_shards && t->shards[shard].hold == TENURE_LEAVING)
        t->shards[shard].is_quiet = true;
}

void tenure_step(struct tenure *t, const struct tenure_event *e, struct tenure_wish *out)
{
    out->join = out->beat = false;
    out->fence = TENURE_NOBODY;
    out->n_takes = out->n_hands = 0;
    switch (e->what) {
    case TENURE_TICK:
        on_tick(t, e->now_ms, out);
        break;
    case TENURE_JOINED:
        on_joined(t, e);
        break;
    case TENURE_HEARD:
        on_heard(t, e, out);
        break;
    case TENURE_LOST:
        lose(t);
        break;
    case TENURE_READ:
        on_read(t, e->sent_ms);
        break;
    case TENURE_QUIET:
        on_quiet(t, e->shard);
        break;
    case TENURE_GOING:
        on_going(t);
        break;
    }
}

/* ---------------------------------------------------------------- acting */

uint64_t tenure_acts_until_ms(const struct tenure *t, unsigned shard)
{
    bool is_held = t->is_member && t->shards[shard].hold == TENURE_HELD;
    return is_held ? t->acked_ms + t->conf.act_ms : 0;
}

bool tenure_can_act(const struct tenure *t, unsigned shard, uint64_t now_ms)
{
    return now_ms < tenure_acts_until_ms(t, shard);
}
