#include "unit.h"

#include "core/tenure.h"

/* Histories of several nodes before one database, all of them played by a seed: nodes that stop and
 * start, connections that break while something is on its way, a database that is away, whose clock
 * steps as another server takes over, or that is restored from a backup; and what must hold at
 * every REGISTER that goes upstream. Time is a number here. */

enum { NODES = 4, SHARDS = 6, REQUESTS_MAX = 256, FENCE_MS = 150000, HOURS_MS = 3 * 3600000 };
enum { BY_HAND = -1, BY_RESTORE = -2 };
enum { SKEW_MS = FENCE_MS / 15, CALM_MS = 4 * FENCE_MS };

enum kind { ASK_JOIN, ASK_BEAT, ASK_FENCE, ASK_TAKE, ASK_HAND, ASK_WRITE };

/* On its way to the database, whatever became of who sent it. */
struct request {
    enum kind kind;
    int from;
    unsigned life; /* of the process that has sent it */
    bool is_used, is_served, is_done;
    uint64_t epoch, sent_ms;
    uint64_t at_ms; /* it arrives; then: its answer does */
    bool is_answer_lost;
    int node; /* to be fenced, or given to */
    uint64_t node_epoch;
    unsigned shard;
    uint64_t shard_epoch, row;
    uint64_t base_epoch; /* of the answer, like views[] */
};

struct row {
    uint64_t version;
    int node;
};

struct base {
    struct tenure_node nodes[NODES];
    uint64_t seen_ms[NODES];
    bool is_known[NODES];
    struct tenure_claim claims[SHARDS];
    int taken_from[SHARDS]; /* the claim came by a fence of that node, not by a hand */
    struct row rows[SHARDS];
    uint64_t generation, since_ms;
};

struct player {
    bool is_up, is_cut, is_current;
    unsigned life;
    uint64_t base_ms; /* its clock */
    int drift;        /* of it, in 100,000 */
    struct tenure t;
    uint64_t known[SHARDS], count[SHARDS]; /* rows it has read; its own acts */
    uint64_t dirty[SHARDS];                /* what it must write yet; 0: nothing */
    uint64_t read_since_ms, read_until_ms; /* a reading; 0: none */
    uint64_t read[SHARDS];
};

static struct tenure_view views[REQUESTS_MAX]; /* in the answers */

struct act {
    int node;
    uint64_t at_ms, epoch;
};

struct world {
    uint64_t rng, now_ms;
    int64_t base_ahead_ms; /* the database's clock */
    bool is_away;
    struct base base, backup;
    struct player players[NODES];
    struct request requests[REQUESTS_MAX];
    struct act acts[SHARDS];
    uint64_t n_acts, n_takeovers, n_hands, n_refused;
};

static uint64_t draw(struct world *w)
{
    uint64_t z = w->rng += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static bool chance(struct world *w, unsigned one_in)
{
    return draw(w) % one_in == 0;
}

static uint64_t clock_of(const struct world *w, const struct player *p)
{
    return p->base_ms + w->now_ms + w->now_ms / 100000 * (uint64_t)p->drift;
}

static uint64_t base_clock(const struct world *w)
{
    return (uint64_t)((int64_t)w->now_ms + w->base_ahead_ms);
}

/* ---------------------------------------------------------------- the database */

static bool is_in_epoch(const struct world *w, const struct request *r)
{
    const struct tenure_node *n = &w->base.nodes[r->from];
    return n->is_member && n->epoch == r->epoch;
}

static void claim(struct world *w, unsigned shard, int node, int taken_from)
{
    w->base.claims[shard] =
        (struct tenure_claim){.node = node, .epoch = w->base.claims[shard].epoch + 1};
    w->base.taken_from[shard] = taken_from;
}

static void look(const struct world *w, struct tenure_view *v)
{
    v->generation = w->base.generation;
    v->is_settled = v->generation == 1 || base_clock(w) >= w->base.since_ms + FENCE_MS;
    v->n_nodes = 0;
    for (int i = 0; i < NODES; i++) {
        struct tenure_node n = w->base.nodes[i];
        uint64_t now_ms = base_clock(w);
        n.silent_ms = now_ms > w->base.seen_ms[i] ? now_ms - w->base.seen_ms[i] : 0;
        if (w->base.is_known[i])
            v->nodes[v->n_nodes++] = n;
    }
    memcpy(v->claims, w->base.claims, sizeof w->base.claims);
}

static void join(struct world *w, int node)
{
    struct tenure_node *n = &w->base.nodes[node];
    uint64_t floor = w->base.generation << 32;
    n->number = node;
    n->epoch = (n->epoch > floor ? n->epoch : floor) + 1;
    n->is_member = true;
    n->is_current = false;
    w->base.is_known[node] = true;
    w->base.seen_ms[node] = base_clock(w);
}

static bool is_owner(const struct world *w, int node)
{
    for (unsigned i = 0; i < SHARDS; i++)
        if (w->base.claims[i].node == node)
            return true;
    return false;
}

static void fence(struct world *w, const struct request *r)
{
    struct tenure_node *n = &w->base.nodes[r->node];
    if (!(n->is_member || is_owner(w, r->node)) || n->epoch != r->node_epoch ||
        base_clock(w) <= w->base.seen_ms[r->node] + FENCE_MS)
        return;
    n->is_member = false;
    n->epoch++;
    static struct tenure_view v;
    look(w, &v);
    for (unsigned i = 0; i < SHARDS; i++)
        if (w->base.claims[i].node == r->node)
            claim(w, i, tenure_choice(&w->players[r->from].t.conf, &v, i), r->node);
}

static void write_row(struct world *w, const struct request *r)
{
    struct row *row = &w->base.rows[r->shard];
    if (row->version < r->row)
        *row = (struct row){r->row, r->from};
}

/* False: nothing was done. */
static bool serve(struct world *w, const struct request *r)
{
    if (r->kind == ASK_JOIN) {
        join(w, r->from);
        return true;
    }
    if (!is_in_epoch(w, r)) {
        w->n_refused++;
        return false;
    }
    const struct tenure_claim *c = &w->base.claims[r->shard];
    if (r->kind == ASK_BEAT) {
        w->base.seen_ms[r->from] = base_clock(w);
        w->base.nodes[r->from].is_current = w->players[r->from].is_current;
    } else if (r->kind == ASK_FENCE) {
        fence(w, r);
    } else if (r->kind == ASK_TAKE && c->node == TENURE_NOBODY) {
        claim(w, r->shard, r->from, w->base.taken_from[r->shard]);
    } else if (r->kind == ASK_HAND && c->node == r->from && c->epoch == r->shard_epoch) {
        claim(w, r->shard, r->node, BY_HAND);
        w->n_hands++;
    } else if (r->kind == ASK_WRITE && c->node == r->from && c->epoch == r->shard_epoch) {
        write_row(w, r);
    }
    return true;
}

/* ---------------------------------------------------------------- nodes */

static struct request *free_request(struct world *w)
{
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        if (!w->requests[i].is_used)
            return &w->requests[i];
    return NULL;
}

/* Now and then held up in the network, or in a commit that waits for its standby. */
static uint64_t way_ms(struct world *w)
{
    return draw(w) % 150 + (chance(w, 200) ? draw(w) % 60000 : 0);
}

static void ask(struct world *w, struct request r)
{
    const struct player *p = &w->players[r.from];
    struct request *slot = free_request(w);
    if (p->is_cut || w->is_away || !slot)
        return;
    r.is_used = true;
    r.life = p->life;
    r.epoch = p->t.epoch;
    r.sent_ms = clock_of(w, p);
    r.at_ms = w->now_ms + way_ms(w);
    r.is_answer_lost = chance(w, 30);
    *slot = r;
}

static void step(struct world *w, int node, struct tenure_event e)
{
    static struct tenure_wish wish;
    struct player *p = &w->players[node];
    e.now_ms = clock_of(w, p);
    tenure_step(&p->t, &e, &wish);
    if (wish.join)
        ask(w, (struct request){.kind = ASK_JOIN, .from = node});
    if (wish.beat)
        ask(w, (struct request){.kind = ASK_BEAT, .from = node});
    if (wish.fence != TENURE_NOBODY)
        ask(w, (struct request){.kind = ASK_FENCE,
                                .from = node,
                                .node = wish.fence,
                                .node_epoch = wish.fence_epoch});
    for (size_t i = 0; i < wish.n_takes; i++)
        ask(w, (struct request){.kind = ASK_TAKE, .from = node, .shard = wish.takes[i]});
    for (size_t i = 0; i < wish.n_hands; i++)
        ask(w, (struct request){.kind = ASK_HAND,
                                .from = node,
                                .node = wish.hands[i].to,
                                .shard = wish.hands[i].shard,
                                .shard_epoch = p->t.shards[wish.hands[i].shard].epoch});
}

static void note_written(struct player *p, const struct request *r)
{
    if (p->dirty[r->shard] <= r->row)
        p->dirty[r->shard] = 0;
}

static void answer(struct world *w, const struct request *r, const struct tenure_view *view)
{
    struct player *p = &w->players[r->from];
    if (!p->is_up || p->is_cut || p->life != r->life || r->is_answer_lost || w->is_away)
        return;
    struct tenure_event e = {.what = TENURE_LOST, .sent_ms = r->sent_ms};
    if (r->is_done && r->kind == ASK_JOIN)
        e.what = TENURE_JOINED;
    else if (r->is_done && r->kind == ASK_BEAT)
        e.what = TENURE_HEARD;
    else if (r->is_done && r->kind == ASK_WRITE)
        note_written(p, r);
    if ((r->is_done && e.what == TENURE_LOST) || (!r->is_done && r->epoch != p->t.epoch))
        return;
    e.epoch = r->base_epoch;
    e.view = view;
    step(w, r->from, e);
}

static void serve_one(struct world *w, struct request *r)
{
    if (r->is_served) {
        struct request done = *r;
        r->is_used = false;
        answer(w, &done, &views[r - w->requests]);
    } else if (w->is_away) {
        r->is_used = false;
    } else {
        r->is_served = true;
        r->is_done = serve(w, r);
        r->base_epoch = w->base.nodes[r->from].epoch;
        r->at_ms = w->now_ms + way_ms(w);
        look(w, &views[r - w->requests]);
    }
}

static void serve_due(struct world *w)
{
    for (size_t i = 0; i < REQUESTS_MAX; i++)
        if (w->requests[i].is_used && w->requests[i].at_ms <= w->now_ms)
            serve_one(w, &w->requests[i]);
}

/* What was there when it began, and not more. */
static void read_rows(struct world *w, int node)
{
    struct player *p = &w->players[node];
    uint64_t now_ms = clock_of(w, p);
    if (p->is_cut || w->is_away) {
        p->read_since_ms = 0;
    } else if (!p->read_since_ms) {
        p->read_since_ms = now_ms;
        p->read_until_ms = w->now_ms + draw(w) % 2000;
        for (int i = 0; i < SHARDS; i++)
            p->read[i] = w->base.rows[i].version;
    } else if (w->now_ms >= p->read_until_ms) {
        for (int i = 0; i < SHARDS; i++)
            p->known[i] = p->known[i] > p->read[i] ? p->known[i] : p->read[i];
        p->is_current = true;
        step(w, node, (struct tenure_event){.what = TENURE_READ, .sent_ms = p->read_since_ms});
        p->read_since_ms = 0;
    }
}

/* ---------------------------------------------------------------- what must hold */

static void check_act(struct world *w, int node, unsigned shard)
{
    const struct act *last = &w->acts[shard];
    const struct player *p = &w->players[node];
    uint64_t epoch = p->t.shards[shard].epoch;
    /* I1: an epoch has one owner, and epochs rise */
    assert_true(epoch > last->epoch || (epoch == last->epoch && node == last->node));
    /* I2: nobody else acts, and nobody else has for a while if that was not by agreement */
    for (int i = 0; i < NODES; i++)
        if (i != node && w->players[i].is_up)
            assert_false(tenure_can_act(&w->players[i].t, shard, clock_of(w, &w->players[i])));
    int from = w->base.claims[shard].epoch == epoch ? w->base.taken_from[shard] : BY_HAND;
    if (last->epoch && last->node != node && (from == last->node || from == BY_RESTORE)) {
        w->n_takeovers++;
        assert_true(w->now_ms >= last->at_ms + FENCE_MS / 5 - SKEW_MS - 3000);
    }
    /* I3: the predecessor's last word was read */
    const struct row *row = &w->base.rows[shard];
    assert_true(row->node == node || p->known[shard] >= row->version);
}

static void flush(struct world *w, int node, unsigned shard)
{
    const struct player *p = &w->players[node];
    ask(w, (struct request){.kind = ASK_WRITE,
                            .from = node,
                            .shard = shard,
                            .shard_epoch = p->t.shards[shard].epoch,
                            .row = p->dirty[shard]});
}

/* Of a shard that is leaving: what it has done is written before it is given away. */
static void quieten(struct world *w, int node, unsigned shard)
{
    if (w->players[node].dirty[shard])
        flush(w, node, shard);
    else
        step(w, node, (struct tenure_event){.what = TENURE_QUIET, .shard = shard});
}

static void act(struct world *w, int node, unsigned shard)
{
    struct player *p = &w->players[node];
    if (!tenure_can_act(&p->t, shard, clock_of(w, p)))
        return;
    check_act(w, node, shard);
    uint64_t epoch = p->t.shards[shard].epoch;
    w->acts[shard] = (struct act){node, w->now_ms, epoch};
    w->n_acts++;
    p->dirty[shard] = epoch << 20 | ++p->count[shard];
    flush(w, node, shard);
}

/* ---------------------------------------------------------------- fate */

static void start(struct world *w, int node, unsigned moves)
{
    struct player *p = &w->players[node];
    struct tenure_conf conf = tenure_conf_of(FENCE_MS, SHARDS, moves);
    p->is_up = true;
    p->is_current = false;
    p->life++;
    p->read_since_ms = 0;
    tenure_init(&p->t, &conf, node);
}

static void restore(struct world *w)
{
    uint64_t generation = w->base.generation + 1;
    w->base = w->backup;
    w->base.generation = generation;
    w->base.since_ms = base_clock(w);
    for (int i = 0; i < NODES; i++)
        w->base.nodes[i].is_member = false;
    for (int i = 0; i < SHARDS; i++) {
        w->base.claims[i] = (struct tenure_claim){TENURE_NOBODY, generation << 32};
        w->base.taken_from[i] = BY_RESTORE;
    }
}

static void meet_fate(struct world *w, unsigned moves)
{
    struct player *p = &w->players[draw(w) % NODES];
    int node = (int)(p - w->players);
    switch (draw(w) % 12) {
    case 0:
    case 1:
        p->is_cut = !p->is_cut;
        break;
    case 2:
        p->is_up = false;
        break;
    case 3:
    case 4:
    case 5:
        start(w, node, moves); /* anew, whether it ran or not */
        break;
    case 6:
        w->is_away = !w->is_away;
        break;
    case 7:
        w->is_away = false;
        break;
    case 8:
        w->base_ahead_ms = (int64_t)(draw(w) % SKEW_MS) - SKEW_MS / 2;
        break;
    case 9:
        if (p->is_up)
            step(w, node, (struct tenure_event){.what = TENURE_GOING});
        break;
    case 10:
        w->backup = w->base;
        break;
    default:
        if (chance(w, 4))
            restore(w);
    }
}

static void pass(struct world *w)
{
    w->now_ms += draw(w) % 400;
    serve_due(w);
    for (int i = 0; i < NODES; i++) {
        if (!w->players[i].is_up)
            continue;
        step(w, i, (struct tenure_event){.what = TENURE_TICK});
        read_rows(w, i);
        unsigned shard = (unsigned)(draw(w) % SHARDS);
        if (chance(w, 4))
            act(w, i, shard);
        if (chance(w, 8))
            quieten(w, i, shard);
    }
}

/* All is well again: each shard is acted for. */
static void calm_down(struct world *w, unsigned moves)
{
    w->is_away = false;
    for (int i = 0; i < NODES; i++) {
        w->players[i].is_cut = false;
        if (!w->players[i].is_up || w->players[i].t.is_going)
            start(w, i, moves);
    }
    for (uint64_t end_ms = w->now_ms + CALM_MS; w->now_ms < end_ms;)
        pass(w);
    for (unsigned s = 0; s < SHARDS; s++) {
        int n = 0;
        for (int i = 0; i < NODES; i++)
            n += tenure_can_act(&w->players[i].t, s, clock_of(w, &w->players[i]));
        assert_int_equal(n, 1);
    }
}

static void begin(struct world *w, uint64_t seed, unsigned moves)
{
    *w = (struct world){.rng = seed};
    w->base.generation = 1;
    for (int i = 0; i < SHARDS; i++)
        w->base.claims[i] = (struct tenure_claim){TENURE_NOBODY, UINT64_C(1) << 32};
    w->backup = w->base;
    for (int i = 0; i < NODES; i++) {
        w->players[i].base_ms = 1 + draw(w) % 1000000000;
        w->players[i].drift = (int)(draw(w) % 20);
        start(w, i, moves);
    }
}

static void play(struct world *w, uint64_t seed, unsigned moves)
{
    begin(w, seed, moves);
    unsigned trouble = 50U << draw(w) % 8;
    while (w->now_ms < HOURS_MS) {
        pass(w);
        if (chance(w, trouble))
            meet_fate(w, moves);
    }
    calm_down(w, moves);
}

static void never_two_act_upstream(void **state)
{
    static struct world w;
    uint64_t n_acts = 0, n_takeovers = 0, n_hands = 0, n_refused = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        play(&w, seed, seed % 3 == 0 ? 0 : 16);
        n_acts += w.n_acts;
        n_takeovers += w.n_takeovers;
        n_hands += w.n_hands;
        n_refused += w.n_refused;
    }
    print_message("%llu acts, %llu takeovers, %llu hands, %llu refused\n",
                  (unsigned long long)n_acts, (unsigned long long)n_takeovers,
                  (unsigned long long)n_hands, (unsigned long long)n_refused);
    assert_true(n_acts > 100000 && n_takeovers > 50 && n_hands > 50 && n_refused > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_two_act_upstream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
