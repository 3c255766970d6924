/* A store in a directory of its own, on a machine whose clocks the test turns, with inboxes that
 * only collect. Included once by a test program; stands in for base/sys.c and net/inbox.c. */
#ifndef BW_TESTS_STOREBENCH_H
#define BW_TESTS_STOREBENCH_H

#include "unit.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "fakeclock.h"
#include "store/slot.h"
#include "store/store.h"

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

/* ---- inboxes */

struct inbox {
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct inbox_node *first, *last;
};

static struct inbox results = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, NULL};
static struct inbox events = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, NULL, NULL};

void inbox_push(struct inbox *box, struct inbox_node *node)
{
    (void)pthread_mutex_lock(&box->lock);
    atomic_store_explicit(&node->next, NULL, memory_order_relaxed);
    if (box->first)
        atomic_store_explicit(&box->last->next, node, memory_order_relaxed);
    else
        box->first = node;
    box->last = node;
    (void)pthread_cond_signal(&box->filled);
    (void)pthread_mutex_unlock(&box->lock);
}

/* NULL: empty, and not to be waited for. */
static inline struct inbox_node *pull(struct inbox *box, bool must_wait)
{
    (void)pthread_mutex_lock(&box->lock);
    while (must_wait && !box->first)
        (void)pthread_cond_wait(&box->filled, &box->lock);
    struct inbox_node *node = box->first;
    if (node)
        box->first = atomic_load_explicit(&node->next, memory_order_relaxed);
    (void)pthread_mutex_unlock(&box->lock);
    return node;
}

static void on_node(struct inbox_node *node, void *box_arg)
{
    (void)node;
    (void)box_arg;
}

/* ---- the store */

static char dir[64];
static struct store *store;
static struct absorb_conf policy = {.grace_s = 20, .max_contacts = 8};
static const char *const listeners[] = {"one", "two"};

static const struct absorb_conf *policy_of(struct str aor, void *arg)
{
    (void)arg;
    return str_has_prefix(aor, STR("nobody@")) ? NULL : &policy;
}

static struct inbox *owner_of(struct str aor, void *arg)
{
    (void)aor;
    (void)arg;
    return &events;
}

static inline struct store_conf conf(void)
{
    return (struct store_conf){.state_dir = dir,
                               .runtime_dir = dir,
                               .durability = DURABILITY_PROCESS,
                               .lease_checkpoint_s = 10,
                               .max_queue = 1000,
                               .leases_max = 1 << 20,
                               .names = {listeners, 2},
                               .policy = policy_of,
                               .owner = owner_of,
                               .on_event = on_node};
}

static inline void open_store(void)
{
    struct store_conf c = conf();
    assert_int_equal(store_open(&c, &store), 0);
}

static inline void turn(void)
{
    while (store_turn(store) == 0)
        ;
}

static inline const char *path_of(const char *name)
{
    static char path[400];
    assert_true(snprintf(path, sizeof path, "%s/%s", dir, name) < (int)sizeof path);
    return path;
}

static inline void wipe(void)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        (void)unlink(path_of(e->d_name));
    if (d)
        (void)closedir(d);
}

static inline int set_up(void **state)
{
    (void)state;
    boot_ms = 5000000;
    wall_ms = (SLOT_EPOCH_S + 1000000) * 1000;
    start_process();
    (void)snprintf(dir, sizeof dir, "/tmp/bw-store-XXXXXX");
    assert_non_null(mkdtemp(dir));
    open_store();
    return 0;
}

static inline void drop_all(void)
{
    for (struct inbox_node *n; (n = pull(&results, false));)
        store_result_free(container_of(n, struct store_result, node));
    for (struct inbox_node *n; (n = pull(&events, false));)
        store_event_free(container_of(n, struct store_event, node));
}

static inline int tear_down(void **state)
{
    (void)state;
    store_close(store);
    store = NULL;
    drop_all();
    wipe();
    (void)rmdir(dir);
    return 0;
}

/* The process is followed by another one. */
static inline void restart(void)
{
    turn();
    store_close(store);
    start_process();
    open_store();
}

/* ---- what the tests do to records */

struct wish {
    enum { WISH_PUT, WISH_DROP, WISH_NOTHING } what;
    uint64_t binding_id;
    uint32_t cseq, granted_s;
    uint64_t expires_at_s;
    uint64_t upreg_id, dead_at_s; /* 0: none */
    bool is_moved;                /* is_changed */
};

static int fulfil(const struct store_change *c, void *input, bool *is_changed)
{
    const struct wish *w = input;
    struct binding *b = binding_find_id(c->next, w->binding_id);
    if (w->what == WISH_NOTHING)
        return 7;
    *is_changed = true;
    if (w->what == WISH_DROP) {
        if (b)
            binding_del(c->next, b);
        for (size_t i = c->next->n_upregs; w->upreg_id && i-- > 0;)
            binding_upreg_del(c->next, &c->next->upregs[i]);
        return 8;
    }
    bool is_new = !b;
    if (is_new)
        b = binding_add(c->next);
    if (!b)
        return 9;
    if (is_new)
        *b = (struct binding){.id = w->binding_id, .contact = STR("sip:a@192.0.2.1"), .q = -1};
    b->cseq = w->cseq;
    b->granted_s = w->granted_s;
    b->expires_at_s = w->expires_at_s;
    b->is_changed = w->is_moved;
    b->upreg_id = w->upreg_id;
    struct upreg *u = w->upreg_id ? binding_upreg(c->next, w->upreg_id) : NULL;
    if (w->upreg_id && !u) {
        u = binding_upreg_add(c->next);
        *u = (struct upreg){.id = w->upreg_id, .state = UPREG_LIVE};
    }
    if (u) {
        u->dead_at_s = w->dead_at_s;
        u->granted_s = 600;
    }
    return 0;
}

static void *copy_wish(struct arena *a, const void *input)
{
    struct wish *w = arena_alloc(a, sizeof *w);
    if (w)
        *w = *(const struct wish *)input;
    return w;
}

static inline int submit(struct str aor, const struct wish *w, uint64_t cookie)
{
    return store_update(store, &(struct store_request){.aor = aor,
                                                       .reduce = fulfil,
                                                       .input = w,
                                                       .copy = copy_wish,
                                                       .reply_to = &results,
                                                       .on_result = on_node,
                                                       .cookie = cookie});
}

/* The oldest result's outcome. */
static inline enum store_outcome outcome(void)
{
    struct inbox_node *n = pull(&results, false);
    if (!n)
        fail_msg("no result");
    struct store_result *r = container_of(n, struct store_result, node);
    enum store_outcome o = r->outcome;
    store_result_free(r);
    return o;
}

static inline void grant(struct str aor, const struct wish *w)
{
    assert_int_equal(submit(aor, w, 0), 0);
    turn();
    assert_int_equal(outcome(), STORE_COMMITTED);
}

/* A binding for `for_s` seconds from now. */
static inline struct wish put(uint64_t id, uint32_t cseq, uint32_t for_s)
{
    return (struct wish){.what = WISH_PUT,
                         .binding_id = id,
                         .cseq = cseq,
                         .granted_s = for_s,
                         .expires_at_s = sys_service_s() + for_s};
}

/* ---- looking */

static struct arena shelf; /* of what was read; emptied by the next look */

static inline const struct aor_record *look(struct str aor)
{
    struct store_reader *r;
    const struct aor_record *rec;
    arena_fini(&shelf);
    arena_init(&shelf, 1 << 20);
    assert_int_equal(store_reader_new(store, &r), 0);
    assert_int_equal(store_read(r, &shelf, aor, &rec), 0);
    store_reader_free(r);
    return rec;
}

static inline struct lease_state lease_of(struct str aor, uint64_t binding_id)
{
    struct lease_state s;
    const struct binding *b = binding_find_id(look(aor), binding_id);
    assert_non_null(b);
    assert_true(lease_read(store_leases(store), b->lease, &s));
    return s;
}

static inline enum lease_result extend(struct str aor, uint64_t id, uint64_t at_s, uint32_t cseq)
{
    const struct binding *b = binding_find_id(look(aor), id);
    uint64_t ignored;
    assert_non_null(b);
    return lease_extend(store_leases(store),
                        &(struct lease_refresh){
                            .ref = b->lease, .expires_at_s = at_s, .cseq = cseq, .branch_hash = 1},
                        &ignored);
}

static inline size_t count_events(int what)
{
    size_t n = 0;
    for (struct inbox_node *node; (node = pull(&events, false));) {
        struct store_event *e = container_of(node, struct store_event, node);
        n += (int)e->what == what;
        store_event_free(e);
    }
    return n;
}

static inline int run_group(const struct CMUnitTest *tests, size_t n)
{
    atomic_store(&log_now_level, getenv("BREAKWATER_LOG") ? LEVEL_DEBUG : -1);
    int failed = _cmocka_run_group_tests("tests", tests, n, NULL, NULL);
    arena_fini(&shelf);
    return failed;
}
#define RUN(tests) run_group(tests, sizeof(tests) / sizeof(tests)[0])

#endif
