#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/list.h"
#include "base/stats.h"
#include "net/inbox.h"
#include "net/loop.h"

enum { N_SENDERS = 4, N_EACH = 20000 };

struct world {
    struct loop *loop;
    struct inbox *box;
    int n_posted, n_pushed, n_turns;
    int n_expected;
    uint32_t next[N_SENDERS];
};

struct head {
    uint32_t sender, number;
    max_align_t strict;
};

struct own_node {
    struct inbox_node node;
    uint32_t sender, number;
};

static void world_init(struct world *w, size_t max)
{
    *w = (struct world){.n_posted = 0};
    assert_int_equal(loop_new(&w->loop), 0);
    assert_int_equal(inbox_new(w->loop, max, w, &w->box), 0);
}

static void world_fini(struct world *w)
{
    inbox_free(w->box);
    loop_free(w->loop);
}

static void stop_when_done(struct world *w)
{
    if (w->n_posted + w->n_pushed == w->n_expected)
        loop_stop(w->loop);
}

static void check_order(struct world *w, uint32_t sender, uint32_t number)
{
    assert_true(sender < N_SENDERS);
    assert_int_equal(w->next[sender], number);
    w->next[sender]++;
}

static void on_post(struct inbox_node *node, void *box_arg)
{
    struct world *w = box_arg;
    struct inbox_post *post = container_of(node, struct inbox_post, node);
    const struct head *head = post->head;
    assert_int_equal((uintptr_t)post->head % _Alignof(max_align_t), 0);
    check_order(w, head->sender, head->number);
    assert_int_equal(post->tail.n, head->number % 100);
    for (size_t i = 0; i < post->tail.n; i++)
        assert_int_equal(post->tail.p[i], 'a' + (char)head->sender);
    w->n_posted++;
    stop_when_done(w);
}

static void on_push(struct inbox_node *node, void *box_arg)
{
    struct world *w = box_arg;
    struct own_node *own = container_of(node, struct own_node, node);
    check_order(w, own->sender, own->number);
    free(own);
    w->n_pushed++;
    stop_when_done(w);
}

static void push(struct world *w, uint32_t sender, uint32_t number)
{
    struct own_node *own = malloc(sizeof *own);
    if (!own)
        abort();
    own->node.fn = on_push;
    own->sender = sender;
    own->number = number;
    inbox_push(w->box, &own->node);
}

struct sender {
    struct world *world;
    uint32_t id;
    int n_full;
};

/* Every tenth one is pushed, the others are posted. */
static void *send_all(void *arg)
{
    struct sender *s = arg;
    char bytes[100];
    memset(bytes, 'a' + (int)s->id, sizeof bytes);
    for (uint32_t i = 0; i < N_EACH; i++) {
        struct head head = {.sender = s->id, .number = i};
        if (i % 10 == 0) {
            push(s->world, s->id, i);
            continue;
        }
        while (inbox_post(s->world->box, on_post, &head, sizeof head,
                          (struct str){bytes, i % 100}) == ERR_FULL) {
            s->n_full++;
            sched_yield();
        }
    }
    return NULL;
}

static void nothing_is_lost_and_each_sender_stays_in_order(void **state)
{
    (void)state;
    struct world w;
    pthread_t threads[N_SENDERS];
    struct sender senders[N_SENDERS];
    world_init(&w, 1000);
    w.n_expected = N_SENDERS * N_EACH;
    int64_t full_before = stats_sum(STAT_INBOX_FULL);
    for (uint32_t i = 0; i < N_SENDERS; i++) {
        senders[i] = (struct sender){&w, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
    }
    loop_run(w.loop);
    int n_full = 0;
    for (int i = 0; i < N_SENDERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        n_full += senders[i].n_full;
    }
    assert_int_equal(w.n_pushed, N_SENDERS * N_EACH / 10);
    assert_int_equal(w.n_posted + w.n_pushed, N_SENDERS * N_EACH);
    assert_int_equal(stats_sum(STAT_INBOX_FULL) - full_before, n_full);
    world_fini(&w);
}

static int post(struct world *w, uint32_t number)
{
    struct head head = {.sender = 0, .number = number};
    static const char bytes[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    return inbox_post(w->box, on_post, &head, sizeof head, (struct str){bytes, number % 100});
}

static void a_full_box_refuses_posts_but_no_pushes(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(post(&w, i), 0);
    assert_int_equal(post(&w, 3), ERR_FULL);
    assert_int_equal(post(&w, 3), ERR_FULL);
    push(&w, 0, 3);
    w.n_expected = 4;
    loop_run(w.loop);
    assert_int_equal(post(&w, 4), 0);
    assert_int_equal(w.n_posted, 3);
    world_fini(&w);
    assert_int_equal(w.n_posted, 4); /* what waited when the box was freed */
}

static void on_turn(void *arg)
{
    struct world *w = arg;
    w->n_turns++;
}

static void a_flood_takes_several_turns(void **state)
{
    (void)state;
    struct world w;
    struct loop_hook *hook = NULL;
    world_init(&w, 3000);
    assert_int_equal(loop_hook_new(w.loop, on_turn, &w, &hook), 0);
    for (uint32_t i = 0; i < 3000; i++)
        assert_int_equal(post(&w, i), 0);
    w.n_expected = 3000;
    loop_run(w.loop);
    assert_true(w.n_turns >= 3000 / 256);
    loop_hook_free(hook);
    world_fini(&w);
}

/* Each answers with one more while the box is being emptied in batches. */
static void on_echo(struct inbox_node *node, void *box_arg)
{
    struct world *w = box_arg;
    struct inbox_post *p = container_of(node, struct inbox_post, node);
    assert_true(str_is_none(p->tail));
    w->n_posted++;
    if (w->n_posted + 2000 <= w->n_expected)
        assert_int_equal(inbox_post(w->box, on_echo, NULL, 0, STR_NONE), 0);
    stop_when_done(w);
}

static void a_handler_may_post_to_its_own_box(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, 5000);
    w.n_expected = 100000;
    for (int i = 0; i < 2000; i++)
        assert_int_equal(inbox_post(w.box, on_echo, NULL, 0, STR_NONE), 0);
    loop_run(w.loop);
    assert_int_equal(w.n_posted, 100000);
    world_fini(&w);
}

static void on_ignored(struct inbox_node *node, void *box_arg)
{
    (void)node;
    (void)box_arg;
}

/* Long ones count for more: 8192 datagrams of 64 KiB must not take half a gigabyte. */
static void long_posts_fill_the_box_sooner(void **state)
{
    (void)state;
    static char bytes[65000];
    struct world w;
    world_init(&w, 640);
    struct str tail = {bytes, sizeof bytes};
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 10; i++)
            assert_int_equal(inbox_post(w.box, on_ignored, NULL, 0, tail), 0);
        assert_int_equal(inbox_post(w.box, on_ignored, NULL, 0, tail), ERR_FULL);
        assert_int_equal(inbox_post(w.box, on_ignored, NULL, 0, STR_NONE), ERR_FULL);
        push(&w, 0, (uint32_t)round);
        w.n_expected = w.n_pushed + 1;
        loop_run(w.loop);
    }
    world_fini(&w);
}

static void use_inbox(void *arg)
{
    (void)arg;
    struct loop *l = NULL;
    struct inbox *box = NULL;
    if (loop_new(&l))
        return;
    if (inbox_new(l, 10, NULL, &box) == 0) {
        int err = inbox_post(box, on_ignored, "head", 4, STR("tail"));
        assert_true(err == 0 || err == ERR_NOMEM);
        assert_int_equal(inbox_post(box, on_ignored, "head", SIZE_MAX, STR("tail")), ERR_NOMEM);
    }
    inbox_free(box);
    loop_free(l);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_int_equal(oom_sweep(use_inbox, NULL), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_and_each_sender_stays_in_order),
        cmocka_unit_test(a_full_box_refuses_posts_but_no_pushes),
        cmocka_unit_test(a_flood_takes_several_turns),
        cmocka_unit_test(a_handler_may_post_to_its_own_box),
        cmocka_unit_test(long_posts_fill_the_box_sooner),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
