#include "unit.h"

#include "base/err.h"
#include "net/namebook.h"

/* RFC 5922 7.1: a user's name is that user's alone, a domain's all of it; and of one connection. */
static void names_are_of_one_connection(void **state)
{
    (void)state;
    struct namebook *b;
    struct namebook_entry *e[2];
    assert_int_equal(namebook_new(&b), 0);
    assert_false(namebook_has(b, 1, STR("alice@a.test")));
    assert_int_equal(namebook_add(b, 1, STR("alice@a.test\nb.test\n"), &e[0]), 0);
    assert_int_equal(namebook_add(b, 2, STR("a.test"), &e[1]), 0);
    static const struct {
        uint64_t flow;
        const char *aor;
        bool is_named;
    } rows[] = {
        {1, "alice@a.test", true},     {1, "bob@a.test", false},    {1, "alice@b.test", true},
        {1, "bob@b.test", true},       {1, "alice@ab.test", false}, {1, "lice@a.test", false},
        {2, "alice@a.test", true},     {2, "bob@a.test", true},     {2, "bob@b.test", false},
        {3, "alice@a.test", false},    {0, "alice@a.test", false},  {1, "", false},
        {1, "alice@a.test\nb", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(namebook_has(b, rows[i].flow, str_of(rows[i].aor)), rows[i].is_named);
    namebook_del(b, e[0]);
    namebook_del(b, NULL);
    assert_false(namebook_has(b, 1, STR("alice@a.test")));
    assert_true(namebook_has(b, 2, STR("alice@a.test")));
    namebook_del(b, e[1]);
    namebook_free(b);
    assert_false(namebook_has(NULL, 1, STR("alice@a.test")));
}

static void body(void *arg)
{
    struct namebook *b;
    struct namebook_entry *e = NULL;
    (void)arg;
    if (namebook_new(&b))
        return;
    int err = namebook_add(b, 1, STR("a.test"), &e);
    assert_true(err == 0 || err == ERR_NOMEM);
    assert_int_equal(namebook_has(b, 1, STR("x@a.test")), err == 0);
    namebook_del(b, e);
    namebook_free(b);
}

static void without_memory_nobody_is_named(void **state)
{
    (void)state;
    assert_true(oom_sweep(body, NULL) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_of_one_connection),
        cmocka_unit_test(without_memory_nobody_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
