#include "unit.h"

#include "core/merge.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

enum { DAY_MS = 86400000 };

static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static unsigned below(uint64_t *state, unsigned n)
{
    return (unsigned)(draw(state) % n);
}

/* ---------------------------------------------------------------- versions */

static void bytes_compare_like_versions(void **state)
{
    (void)state;
    static const struct merge_version rows[] = {
        {0, 0}, {0, 1}, {0, 256}, {1, 0}, {255, UINT64_MAX}, {256, 0}, {UINT64_MAX, UINT64_MAX}};
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t k = 0; k < COUNT(rows); k++) {
            uint8_t a[MERGE_BYTES], b[MERGE_BYTES];
            int want = i < k ? -1 : i > k;
            merge_encode(rows[i], a);
            merge_encode(rows[k], b);
            int bytes = memcmp(a, b, MERGE_BYTES);
            assert_int_equal(merge_compare(rows[i], rows[k]), want);
            assert_int_equal(bytes < 0 ? -1 : bytes > 0, want);
        }
}

static void bytes_are_read_back(void **state)
{
    (void)state;
    struct merge_version v = {UINT64_C(0x0123456789abcdef), UINT64_C(0xfedcba9876543210)}, got;
    uint8_t bytes[MERGE_BYTES + 1] = {0};
    merge_encode(v, bytes);
    assert_int_equal(merge_decode((struct str){(const char *)bytes, MERGE_BYTES}, &got), 0);
    assert_int_equal(merge_compare(v, got), 0);
    assert_true(merge_decode((struct str){(const char *)bytes, MERGE_BYTES - 1}, &got) != 0);
    assert_true(merge_decode((struct str){(const char *)bytes, MERGE_BYTES + 1}, &got) != 0);
    assert_true(merge_decode(STR_NONE, &got) != 0);
}

/* Whatever the clock does. */
static void stamps_rise(void **state)
{
    (void)state;
    static const uint64_t walls_ms[] = {1000, 1000, 999, 0, 5000, 4000, 6000, 0, UINT64_MAX >> 16,
                                        1};
    struct merge_clock c = {0};
    struct merge_version last = {0, 0};
    for (size_t i = 0; i < COUNT(walls_ms); i++) {
        struct merge_version v = merge_stamp(&c, walls_ms[i], 7, NULL);
        assert_true(merge_compare(v, last) > 0);
        assert_int_equal(v.low, 7);
        last = v;
    }
}

static void a_stamp_is_above_what_it_replaces(void **state)
{
    (void)state;
    struct merge_clock c = {0};
    struct merge_version ahead = {UINT64_C(20000) << 16 | 0xffff, 9};
    struct merge_version v = merge_stamp(&c, 10000, 1, &ahead);
    assert_true(merge_compare(v, ahead) > 0);
    assert_true(merge_compare(merge_stamp(&c, 10000, 1, NULL), v) > 0);
    struct merge_version old = {UINT64_C(5) << 16, 9};
    assert_int_equal(merge_stamp(&c, 30000, 1, &old).high, UINT64_C(30000) << 16);
    struct merge_version end = {UINT64_MAX, 0};
    assert_int_equal(merge_stamp(&c, 30000, 1, &end).high, UINT64_MAX); /* and does not wrap */
}

static void a_wrong_clock_is_noticed(void **state)
{
    (void)state;
    static const struct {
        uint64_t at_ms;
        enum merge_skew want;
        uint64_t wait_ms;
    } rows[] = {{DAY_MS, MERGE_IN_TIME, 0},          {0, MERGE_IN_TIME, 0},
                {DAY_MS + 2000, MERGE_IN_TIME, 0},   {DAY_MS + 2001, MERGE_SKEWED, 0},
                {DAY_MS + 30000, MERGE_SKEWED, 0},   {DAY_MS + 30001, MERGE_AHEAD, 1},
                {DAY_MS + 90000, MERGE_AHEAD, 60000}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t wait_ms = 77;
        struct merge_version v = {rows[i].at_ms << 16, 1};
        assert_int_equal(merge_skew(v, DAY_MS, &wait_ms), rows[i].want);
        assert_int_equal(wait_ms, rows[i].wait_ms);
        assert_int_not_equal(merge_skew(v, DAY_MS + wait_ms, &wait_ms), MERGE_AHEAD);
    }
}

/* ---------------------------------------------------------------- rows */

static void rows_are_judged(void **state)
{
    (void)state;
    const struct str x = STR("x"), y = STR("y");
    const struct {
        struct merge_row ours, theirs;
        bool has_flow;
        enum merge_verdict want;
    } rows[] = {
        {{{2, 0}, x, 1, false}, {{1, 0}, x, 9, false}, true, MERGE_KEEP},
        {{{1, 0}, x, 1, false}, {{1, 0}, x, 1, false}, true, MERGE_KEEP},
        {{{1, 0}, x, 1, false}, {{1, 1}, x, 1, false}, true, MERGE_TAKE},
        {{{1, 0}, x, 5, false}, {{2, 0}, x, 4, false}, true, MERGE_ASSERT},
        {{{1, 0}, x, 5, false}, {{2, 0}, x, 4, true}, true, MERGE_ASSERT}, /* an old removal */
        {{{1, 0}, x, 5, false}, {{2, 0}, x, 4, false}, false, MERGE_TAKE},
        {{{1, 0}, x, 5, true}, {{2, 0}, x, 4, false}, true, MERGE_TAKE},
        {{{1, 0}, x, 5, false}, {{2, 0}, x, 5, false}, true, MERGE_TAKE},
        {{{1, 0}, x, 5, false}, {{2, 0}, x, 6, true}, true, MERGE_TAKE},
        {{{1, 0}, x, 5, false}, {{2, 0}, y, 1, false}, true, MERGE_TAKE}, /* it has rebooted */
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(merge_decide(&rows[i].ours, rows[i].has_flow, &rows[i].theirs),
                         rows[i].want);
    assert_int_equal(merge_decide(NULL, false, &rows[0].theirs), MERGE_TAKE);
}

/* ---------------------------------------------------------------- histories */

enum { NODES = 4, KEYS = 6, CALL_IDS = 3, FLIGHT_MAX = 4096, STEPS = 3000 };

struct held {
    struct merge_row row;
    bool is_there, has_flow;
};

struct post {
    int to, key;
    struct merge_row row;
};

struct world {
    uint64_t rng, now_ms;
    int64_t ahead_ms[NODES]; /* their clocks */
    struct merge_clock clocks[NODES];
    struct held at[NODES][KEYS];
    uint32_t cseq[KEYS][CALL_IDS]; /* of the phone */
    struct post flight[FLIGHT_MAX];
    size_t n_flight, n_asserts, n_ahead;
};

static const struct str call_ids[CALL_IDS] = {{"a", 1}, {"b", 1}, {"c", 1}};

static uint64_t wall_of(const struct world *w, int node)
{
    return (uint64_t)((int64_t)w->now_ms + w->ahead_ms[node]);
}

static void send_to_others(struct world *w, int from, int key)
{
    for (int to = 0; to < NODES; to++)
        if (to != from) {
            assert_true(w->n_flight < FLIGHT_MAX);
            w->flight[w->n_flight++] = (struct post){to, key, w->at[from][key].row};
        }
}

static void stamp(struct world *w, int node, int key)
{
    struct held *h = &w->at[node][key];
    struct merge_version was = h->row.version;
    h->row.version =
        merge_stamp(&w->clocks[node], wall_of(w, node), (uint64_t)node, h->is_there ? &was : NULL);
    h->is_there = true;
    send_to_others(w, node, key);
}

/* A phone registers, or leaves, at a node, which the others hear of later. */
static void write_one(struct world *w)
{
    int node = (int)below(&w->rng, NODES), key = (int)below(&w->rng, KEYS);
    unsigned id = below(&w->rng, CALL_IDS);
    struct held *h = &w->at[node][key];
    h->row.call_id = call_ids[id];
    h->row.cseq = ++w->cseq[key][id];
    h->row.is_removal = below(&w->rng, 5) == 0;
    for (int i = 0; i < NODES; i++) /* it has one connection */
        w->at[i][key].has_flow = false;
    h->has_flow = !h->row.is_removal;
    stamp(w, node, key);
}

/* A refresh that was absorbed: nobody hears of it. */
static void refresh_one(struct world *w)
{
    int node = (int)below(&w->rng, NODES), key = (int)below(&w->rng, KEYS);
    struct held *h = &w->at[node][key];
    if (!h->has_flow)
        return;
    for (int i = 0; i < CALL_IDS; i++)
        if (str_eq(h->row.call_id, call_ids[i]))
            h->row.cseq = ++w->cseq[key][i];
}

static void take(struct world *w, const struct post *p)
{
    struct held *h = &w->at[p->to][p->key];
    switch (merge_decide(h->is_there ? &h->row : NULL, h->has_flow, &p->row)) {
    case MERGE_KEEP:
        break;
    case MERGE_TAKE:
        *h = (struct held){.row = p->row, .is_there = true};
        break;
    case MERGE_ASSERT:
        w->n_asserts++;
        h->row.version =
            merge_stamp(&w->clocks[p->to], wall_of(w, p->to), (uint64_t)p->to, &p->row.version);
        send_to_others(w, p->to, p->key);
        break;
    }
}

/* Any of what is on its way, now and then twice. */
static void deliver_one(struct world *w)
{
    uint64_t wait_ms;
    if (!w->n_flight)
        return;
    size_t at = below(&w->rng, (unsigned)w->n_flight);
    struct post p = w->flight[at];
    if (merge_skew(p.row.version, wall_of(w, p.to), &wait_ms) == MERGE_AHEAD) {
        w->n_ahead++;
        w->now_ms += 100;
        return;
    }
    if (below(&w->rng, 8))
        w->flight[at] = w->flight[--w->n_flight];
    take(w, &p);
}

static void assert_agreed(const struct world *w)
{
    for (int key = 0; key < KEYS; key++)
        for (int node = 1; node < NODES; node++) {
            const struct held *a = &w->at[0][key], *b = &w->at[node][key];
            assert_int_equal(a->is_there, b->is_there);
            assert_int_equal(merge_compare(a->row.version, b->row.version), 0);
            assert_true(str_eq(a->row.call_id, b->row.call_id));
            assert_int_equal(a->row.is_removal, b->row.is_removal);
        }
}

/* A device whose connection is live stands, but where it has registered anew elsewhere. */
static void assert_stands(const struct world *w, int node, int key)
{
    const struct merge_row *mine = &w->at[node][key].row;
    for (int other = 0; other < NODES; other++) {
        const struct merge_row *theirs = &w->at[other][key].row;
        if (str_eq(mine->call_id, theirs->call_id))
            assert_int_equal(merge_compare(mine->version, theirs->version), 0);
    }
}

static void assert_nobody_is_outdated(const struct world *w)
{
    for (int key = 0; key < KEYS; key++)
        for (int node = 0; node < NODES; node++)
            if (w->at[node][key].has_flow)
                assert_stands(w, node, key);
}

static void play(uint64_t seed, size_t *n_asserts, size_t *n_ahead)
{
    static struct world w;
    w = (struct world){.rng = seed, .now_ms = DAY_MS};
    for (int i = 0; i < NODES; i++)
        w.ahead_ms[i] = (int64_t)below(&w.rng, 70000) - 35000;
    for (int i = 0; i < STEPS; i++) {
        unsigned what = below(&w.rng, 16);
        w.now_ms += below(&w.rng, 50);
        if (what == 0)
            write_one(&w);
        else if (what < 3)
            refresh_one(&w);
        else
            deliver_one(&w);
    }
    while (w.n_flight)
        deliver_one(&w);
    assert_agreed(&w);
    assert_nobody_is_outdated(&w);
    *n_asserts += w.n_asserts;
    *n_ahead += w.n_ahead;
}

static void all_nodes_end_with_the_same(void **state)
{
    (void)state;
    size_t n_asserts = 0, n_ahead = 0;
    for (uint64_t seed = 1; seed <= 200; seed++)
        play(seed, &n_asserts, &n_ahead);
    assert_true(n_asserts > 100); /* the histories had such cases */
    assert_true(n_ahead > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_compare_like_versions),
        cmocka_unit_test(bytes_are_read_back),
        cmocka_unit_test(stamps_rise),
        cmocka_unit_test(a_stamp_is_above_what_it_replaces),
        cmocka_unit_test(a_wrong_clock_is_noticed),
        cmocka_unit_test(rows_are_judged),
        cmocka_unit_test(all_nodes_end_with_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
