#include "unit.h"

#include "base/list.h"

struct item {
    int number;
    struct list node;
};

static int number_of(struct list *node)
{
    return container_of(node, struct item, node)->number;
}

static void fill(struct list *head, struct item *items, int n, int from)
{
    for (int i = 0; i < n; i++) {
        items[i].number = from + i;
        list_add(head, &items[i].node);
    }
}

/* The numbers as decimal digits. */
static int digits_of(struct list *head)
{
    int digits = 0;
    list_each (it, head)
        digits = digits * 10 + number_of(it);
    return digits;
}

static void nodes_stand_in_order_and_leave(void **state)
{
    (void)state;
    struct list head;
    struct item items[4];
    list_init(&head);
    assert_true(list_is_empty(&head));
    assert_null(list_pop(&head));
    fill(&head, items, 4, 1);
    assert_int_equal(digits_of(&head), 1234);
    list_del(&items[1].node);
    list_del(&items[1].node);
    assert_int_equal(digits_of(&head), 134);
    assert_ptr_equal(list_pop(&head), &items[0].node);
    assert_true(list_is_empty(&items[0].node));
    assert_int_equal(digits_of(&head), 34);
}

static void a_splice_moves_all_to_the_tail(void **state)
{
    (void)state;
    struct list a, b;
    struct item items[2], more[3];
    list_init(&a);
    list_init(&b);
    fill(&a, items, 2, 1);
    list_splice(&a, &b);
    assert_int_equal(digits_of(&a), 12);
    fill(&b, more, 3, 5);
    list_splice(&a, &b);
    assert_int_equal(digits_of(&a), 12567);
    assert_true(list_is_empty(&b));
    list_splice(&b, &a);
    assert_int_equal(digits_of(&b), 12567);
    assert_true(list_is_empty(&a));
}

static void the_current_node_may_leave_during_a_walk(void **state)
{
    (void)state;
    struct list head;
    struct item items[6];
    list_init(&head);
    fill(&head, items, 6, 1);
    list_each_safe (it, &head) {
        if (number_of(it) % 2 == 0)
            list_del(it);
    }
    assert_int_equal(digits_of(&head), 135);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_stand_in_order_and_leave),
        cmocka_unit_test(a_splice_moves_all_to_the_tail),
        cmocka_unit_test(the_current_node_may_leave_during_a_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
