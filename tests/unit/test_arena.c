#include "unit.h"

#include "base/arena.h"

static void allocations_are_aligned_and_apart(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    char *last = NULL;
    for (size_t n = 0; n < 3000; n += 7) {
        char *p = arena_alloc(&a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        memset(p, 0x55, n);
        if (last)
            assert_ptr_not_equal(last, p);
        last = n ? p : NULL;
    }
    arena_fini(&a);
}

static void the_limit_refuses_and_stays_sticky(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 8192);
    assert_non_null(arena_alloc(&a, 4000));
    assert_null(arena_alloc(&a, 8192));
    assert_true(a.has_failed);
    assert_non_null(arena_alloc(&a, 4000));
    assert_true(a.has_failed);
    arena_reset(&a, 8192);
    assert_false(a.has_failed);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_calloc(&a, SIZE_MAX / 2, 3));
    arena_fini(&a);
}

static void a_reset_keeps_what_it_may(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    void *first = arena_alloc(&a, 100);
    assert_non_null(arena_alloc(&a, 60000));
    arena_reset(&a, 4096);
    assert_int_equal(a.held, 4096);
    assert_ptr_equal(arena_alloc(&a, 100), first);
    arena_fini(&a);
    assert_int_equal(a.held, 0);
}

static void use_arena(void *arg)
{
    (void)arg;
    struct arena a;
    arena_init(&a, 1 << 20);
    for (int i = 0; i < 5; i++) {
        char *p = arena_alloc(&a, 4096);
        if (p)
            memset(p, i, 4096);
    }
    arena_fini(&a);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_true(oom_sweep(use_arena, NULL) > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_aligned_and_apart),
        cmocka_unit_test(the_limit_refuses_and_stays_sticky),
        cmocka_unit_test(a_reset_keeps_what_it_may),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
