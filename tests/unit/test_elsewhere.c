#include "unit.h"

#include "service/elsewhere.h"

#define ELSEWHERE "SIP;cause=200;text=\"Call completed elsewhere\""
#define UPSTREAM  "Q.850;cause=16"

/* What the fork is when a response comes, the Reason before, and after. */
static const struct {
    bool is_cancelled, is_declined;
    const char *before;
    unsigned status;
    const char *after; /* NULL: none */
} rows[] = {
    {false, false, NULL, 100, NULL},
    {false, false, NULL, 180, NULL},
    {false, false, NULL, 486, NULL},
    {false, false, NULL, 200, ELSEWHERE},
    {false, false, NULL, 202, ELSEWHERE},
    {false, false, ELSEWHERE, 200, ELSEWHERE},
    {false, false, NULL, 603, NULL}, /* global-decline = no, or of the fallback */
    {false, true, NULL, 600, "SIP;cause=600;text=\"Busy Everywhere\""},
    {false, true, NULL, 603, "SIP;cause=603;text=\"Decline\""},
    {false, true, NULL, 699, "SIP;cause=699;text=\"Unknown\""},
    {false, true, NULL, 487, NULL},
    {false, true, "SIP;cause=603;text=\"Decline\"", 600, "SIP;cause=603;text=\"Decline\""},
    {false, true, "SIP;cause=603;text=\"Decline\"", 200, ELSEWHERE},
    {false, true, ELSEWHERE, 603, ELSEWHERE},
    {true, false, NULL, 200, ELSEWHERE},
    {true, false, UPSTREAM, 200, UPSTREAM},
    {true, true, UPSTREAM, 603, UPSTREAM},
    {true, true, NULL, 603, "SIP;cause=603;text=\"Decline\""},
};

static void the_reason_follows_what_is_answered(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 4096);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct fork f = {.is_invite = true,
                               .is_cancelled = rows[i].is_cancelled,
                               .is_declined = rows[i].is_declined};
        struct str got = elsewhere_reason(&a, &f, str_of(rows[i].before), rows[i].status);
        if (!str_eq(got, str_of(rows[i].after)) || str_is_none(got) != !rows[i].after)
            fail_msg("row %zu: %.*s", i, STR_FMT(got));
    }
    arena_fini(&a);
}

static void without_memory_nothing_is_said(void **state)
{
    (void)state;
    struct arena a;
    const struct fork f = {.is_invite = true, .is_declined = true};
    arena_init(&a, 0);
    assert_true(str_is_none(elsewhere_reason(&a, &f, STR_NONE, 603)));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reason_follows_what_is_answered),
        cmocka_unit_test(without_memory_nothing_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
