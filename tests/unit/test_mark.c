#include "unit.h"

#include "base/arena.h"
#include "service/mark.h"

static void test_branch_tells_worker_and_mark(void **state)
{
    static const unsigned workers[] = {0, 1, 15, 16, 255};
    (void)state;
    for (size_t i = 0; i < sizeof workers / sizeof *workers; i++) {
        struct mark_maker maker;
        char text[MARK_BRANCH_LEN];
        unsigned worker = 999;
        uint64_t mark = 0;
        mark_init(&maker, workers[i]);
        struct str branch = mark_branch(&maker, 0x0123456789abcdef, text);
        assert_int_equal(branch.n, MARK_BRANCH_LEN);
        assert_true(str_has_prefix(branch, STR("z9hG4bK")));
        assert_true(mark_branch_parse(branch, &worker, &mark));
        assert_int_equal(worker, workers[i]);
        assert_true(mark == 0x0123456789abcdef);
    }
}

static void test_branches_differ(void **state)
{
    struct mark_maker maker;
    char one[MARK_BRANCH_LEN], two[MARK_BRANCH_LEN];
    (void)state;
    mark_init(&maker, 0);
    for (int i = 0; i < 1000; i++)
        assert_false(str_eq(mark_branch(&maker, 1, one), mark_branch(&maker, 1, two)));
}

static void test_strange_branches(void **state)
{
    static const char *const rows[] = {
        "",
        "z9hG4bK",
        "z9hG4bKbw",
        "z9hG4bKbw00.0000000000000000.000000000000000",
        "z9hG4bKbw00.0000000000000000.00000000000000000",
        "z9hG4bKbwg0.0000000000000000.0000000000000000",
        "z9hG4bKbw00-0000000000000000.0000000000000000",
        "z9hG4bKbw00.0000000000000000-0000000000000000",
        "z9hG4bKbw00.0000000000000000.000000000000000g",
        "z9hG4bKxx00.0000000000000000.0000000000000000",
    };
    unsigned worker;
    uint64_t mark;
    (void)state;
    assert_false(mark_branch_parse(STR_NONE, &worker, &mark));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_false(mark_branch_parse(str_of(rows[i]), &worker, &mark));
}

#define REQUEST(id, tag, number, branch_)                                                          \
    &(struct msg)                                                                                  \
    {                                                                                              \
        .call_id = STR(id), .from_tag = STR(tag), .cseq = (number), .via.branch = STR(branch_)     \
    }

/* D45: the same for repeats and their ACK, another for anything else, and nobody can compute it. */
static void test_tag(void **state)
{
    struct mark_maker maker, other;
    char one[MARK_TAG_LEN], two[MARK_TAG_LEN];
    const struct msg *const differ[] = {REQUEST("d", "f", 1, "b"), REQUEST("c", "g", 1, "b"),
                                        REQUEST("c", "f", 2, "b"), REQUEST("c", "f", 1, "a")};
    (void)state;
    mark_init(&maker, 0);
    mark_init(&other, 0);
    struct str tag = mark_tag(&maker, REQUEST("c", "f", 1, "b"), one);
    assert_int_equal(tag.n, MARK_TAG_LEN);
    assert_true(str_eq(tag, mark_tag(&maker, REQUEST("c", "f", 1, "b"), two)));
    assert_false(str_eq(tag, mark_tag(&other, REQUEST("c", "f", 1, "b"), two)));
    for (size_t i = 0; i < sizeof differ / sizeof *differ; i++)
        assert_false(str_eq(tag, mark_tag(&maker, differ[i], two)));
    tag = mark_tag_of_bytes(&maker, STR("bytes"), one);
    assert_true(str_eq(tag, mark_tag_of_bytes(&maker, STR("bytes"), two)));
    assert_false(str_eq(tag, mark_tag_of_bytes(&maker, STR("byte"), two)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_branch_tells_worker_and_mark),
        cmocka_unit_test(test_branches_differ),
        cmocka_unit_test(test_strange_branches),
        cmocka_unit_test(test_tag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
