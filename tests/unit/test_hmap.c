#include "unit.h"

#include <stdlib.h>
#include <time.h>

#include "base/err.h"
#include "base/hmap.h"

enum { N_KEYS = 3000, N_STEPS = 100000, N_MANY = 200000 };

struct item {
    struct hmap_node node;
    uint32_t key;
    bool is_in;
};

static uint64_t hash_of(const struct hmap *m, const uint32_t *key)
{
    return hmap_hash(m, (struct str){(const char *)key, sizeof *key});
}

static struct item *find(const struct hmap *m, uint32_t key)
{
    struct hmap_node *node = hmap_first(m, hash_of(m, &key));
    while (node && container_of(node, struct item, node)->key != key)
        node = hmap_next(node);
    return node ? container_of(node, struct item, node) : NULL;
}

static void an_empty_map_has_nothing(void **state)
{
    (void)state;
    struct hmap m;
    hmap_init(&m);
    assert_null(find(&m, 1));
    assert_null(hmap_any(&m));
    hmap_fini(&m);
    hmap_fini(&m);
}

static void equal_keys_and_equal_hashes_live_together(void **state)
{
    (void)state;
    struct hmap m;
    struct item items[5] = {0};
    hmap_init(&m);
    for (int i = 0; i < 5; i++) {
        items[i].node.hash = i == 4 ? 7 + 64 : 7; /* the last: same bucket only */
        assert_int_equal(hmap_add(&m, &items[i].node), 0);
    }
    int n = 0;
    for (struct hmap_node *node = hmap_first(&m, 7); node; node = hmap_next(node))
        n++;
    assert_int_equal(n, 4);
    for (int i = 0; i < 5; i++)
        hmap_del(&m, &items[i].node);
    assert_null(hmap_first(&m, 7));
    assert_int_equal(m.n, 0);
    hmap_fini(&m);
}

static void check_all(const struct hmap *m, struct item *items)
{
    size_t n = 0;
    for (uint32_t key = 0; key < N_KEYS; key++) {
        struct item *found = find(m, key);
        if (items[key].is_in)
            assert_ptr_equal(found, &items[key]);
        else
            assert_null(found);
        n += items[key].is_in;
    }
    assert_int_equal(m->n, n);
}

static void it_agrees_with_an_array_while_it_grows(void **state)
{
    (void)state;
    static struct item items[N_KEYS];
    struct hmap m;
    srandom(7);
    hmap_init(&m);
    for (int step = 0; step < N_STEPS; step++) {
        uint32_t key = (uint32_t)random() % N_KEYS;
        struct item *item = &items[key];
        assert_int_equal(find(&m, key) != NULL, item->is_in);
        if (item->is_in) {
            hmap_del(&m, &item->node);
        } else {
            item->key = key;
            item->node.hash = hash_of(&m, &key);
            assert_int_equal(hmap_add(&m, &item->node), 0);
        }
        item->is_in = !item->is_in;
        if (step % 1000 == 0)
            check_all(&m, items);
    }
    check_all(&m, items);
    hmap_fini(&m);
}

static void tearing_down_takes_linear_time(void **state)
{
    (void)state;
    struct hmap m;
    struct item *items = calloc(N_MANY, sizeof *items);
    assert_non_null(items);
    hmap_init(&m);
    for (uint32_t i = 0; i < N_MANY; i++) {
        items[i].node.hash = hash_of(&m, &i);
        assert_int_equal(hmap_add(&m, &items[i].node), 0);
    }
    clock_t begin = clock();
    struct hmap_node *node;
    size_t n = 0;
    for (; (node = hmap_any(&m)); n++)
        hmap_del(&m, node);
    assert_true(clock() - begin < CLOCKS_PER_SEC);
    assert_int_equal(n, N_MANY);
    hmap_fini(&m);
    free(items);
}

static void tearing_down_finds_what_is_added_meanwhile(void **state)
{
    (void)state;
    struct hmap m;
    struct item items[200] = {0};
    hmap_init(&m);
    for (uint32_t i = 0; i < 200; i++) {
        items[i].node.hash = i;
        assert_int_equal(hmap_add(&m, &items[i].node), 0);
    }
    for (int i = 0; i < 150; i++)
        hmap_del(&m, hmap_any(&m));
    struct item low = {.node.hash = 0};
    assert_int_equal(hmap_add(&m, &low.node), 0);
    for (int i = 0; i < 51; i++)
        hmap_del(&m, hmap_any(&m));
    assert_null(hmap_any(&m));
    assert_int_equal(m.n, 0);
    hmap_fini(&m);
}

static void use_map(void *arg)
{
    (void)arg;
    struct hmap m;
    struct item items[300] = {0};
    hmap_init(&m);
    for (uint32_t i = 0; i < 300; i++) {
        items[i].key = i;
        items[i].node.hash = hash_of(&m, &i);
        int err = hmap_add(&m, &items[i].node);
        assert_true(err == 0 || (err == ERR_NOMEM && i == 0));
        items[i].is_in = !err;
    }
    for (uint32_t i = 0; i < 300; i++)
        assert_int_equal(find(&m, i) != NULL, items[i].is_in);
    hmap_fini(&m);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_true(oom_sweep(use_map, NULL) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_has_nothing),
        cmocka_unit_test(equal_keys_and_equal_hashes_live_together),
        cmocka_unit_test(it_agrees_with_an_array_while_it_grows),
        cmocka_unit_test(tearing_down_takes_linear_time),
        cmocka_unit_test(tearing_down_finds_what_is_added_meanwhile),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
