#include "unit.h"

#include <string.h>

#include "base/err.h"
#include "service/hunt.h"

static struct target_set set;
static struct arena arena;

/* One letter a target: its device, URI and q (a: 0.9, b: 0.8, …); a capital is the fallback. */
static struct target target_of(char letter, unsigned group)
{
    static char names[128];
    names[(unsigned char)letter] = letter;
    bool is_device = letter >= 'a';
    return (struct target){.plan = {.uri = {&names[(unsigned char)letter], 1}},
                           .group = group,
                           .q = is_device ? 900 - 100 * (letter - 'a') : 0,
                           .device = is_device ? (uint64_t)letter : 0};
}

/* Groups with a bar between them: "ab|c|Z". */
static void begin(struct hunt *h, const char *groups)
{
    unsigned group = 0;
    set.n = 0;
    for (; *groups; groups++) {
        if (*groups == '|')
            group++;
        else
            set.list[set.n++] = target_of(*groups, group);
    }
    hunt_init(h, &set);
}

/* What is there, in the same way, with a star where the next one to be tried stands. */
static const char *text(const struct hunt *h)
{
    static char out[4 * FORK_BRANCHES_MAX];
    size_t len = 0;
    for (size_t i = 0; i < h->n; i++) {
        if (i && h->list[i].group != h->list[i - 1].group)
            out[len++] = '|';
        if (i == h->next)
            out[len++] = '*';
        out[len++] = h->list[i].device ? (char)h->list[i].device : 'Z';
    }
    out[len] = '\0';
    return out;
}

static void try_group(struct hunt *h)
{
    h->next += hunt_group_size(h);
}

static void one_group_after_another(void **state)
{
    struct hunt h;
    (void)state;
    begin(&h, "ab|c|Z");
    assert_int_equal(hunt_count(&h), 3);
    assert_int_equal(hunt_group_size(&h), 2);
    try_group(&h);
    assert_int_equal(hunt_group_size(&h), 1);
    assert_true(hunt_has_more(&h));
    try_group(&h);
    try_group(&h);
    assert_false(hunt_has_more(&h));
    assert_int_equal(hunt_group_size(&h), 0);
}

/* D68, late fork: in which order what comes late is tried, after `tried` groups. */
static void late_comers(void **state)
{
    static const struct {
        const char *groups;
        unsigned tried;
        bool is_by_q;
        const char *come;
        const char *due; /* those of them */
        const char *text;
    } rows[] = {
        {"b", 1, false, "cad", "cad", "bcad"},
        {"b|Z", 1, false, "ca", "ca", "bca|*Z"},
        {"b|Z", 2, false, "c", "c", "b|Zc"},
        {"Z", 1, true, "ba", "ba", "Zba"},
        {"b|Z", 1, true, "b", "b", "bb|*Z"},
        {"b|Z", 1, true, "ab", "ab", "bab|*Z"}, /* the group is as good as it began */
        {"b|Z", 1, true, "c", "", "b|*c|Z"},
        {"b|Z", 1, true, "cdc", "", "b|*cc|d|Z"},
        {"b|d|Z", 1, true, "cde", "", "b|*c|dd|e|Z"},
        {"b|d|Z", 2, true, "ce", "c", "b|dc|*e|Z"},
        {"b|d|Z", 3, true, "ae", "ae", "b|d|Zae"},
        {"b", 1, true, "c", "", "b|*c"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hunt h;
        char due[16] = "";
        size_t n_due = 0;
        begin(&h, rows[i].groups);
        for (unsigned k = 0; k < rows[i].tried; k++)
            try_group(&h);
        for (const char *c = rows[i].come; *c; c++) {
            struct target t = target_of(*c, 0);
            bool is_due;
            assert_int_equal(hunt_add(&h, &t, rows[i].is_by_q, &arena, &is_due), 0);
            assert_true(hunt_has(&h, (uint64_t)*c));
            if (is_due)
                due[n_due++] = *c;
        }
        assert_string_equal(due, rows[i].due);
        assert_string_equal(text(&h), rows[i].text);
    }
}

static void no_more_than_a_call_has(void **state)
{
    struct hunt h;
    bool is_due;
    struct target t = target_of('a', 0);
    (void)state;
    begin(&h, "a|Z");
    try_group(&h);
    for (size_t n = 2; n < FORK_BRANCHES_MAX; n++)
        assert_int_equal(hunt_add(&h, &t, false, &arena, &is_due), 0);
    assert_int_equal(hunt_add(&h, &t, false, &arena, &is_due), ERR_FULL);
    assert_int_equal(h.n, FORK_BRANCHES_MAX);
    assert_false(hunt_has(&h, 'b'));
}

/* Later groups outlive what they were read from. */
static void kept(void **state)
{
    struct hunt h;
    (void)state;
    begin(&h, "a|b|Z");
    set.list[1].plan.route = STR("<sip:p>");
    assert_int_equal(hunt_keep(&h, &arena), 0);
    memset(&set, 0xff, sizeof set);
    h.next = 1;
    assert_str(h.list[1].plan->uri, "b");
    assert_str(h.list[1].plan->route, "<sip:p>");
    assert_str(h.list[2].plan->uri, "Z");
    assert_true(str_is_none(h.list[2].plan->route));
}

static void without_memory(void **state)
{
    struct arena none;
    struct hunt h;
    bool is_due;
    struct target t = target_of('d', 0);
    (void)state;
    arena_init(&none, 0);
    begin(&h, "b|c|Z");
    assert_int_equal(hunt_keep(&h, &none), ERR_NOMEM);
    begin(&h, "b|c|Z");
    try_group(&h);
    assert_int_equal(hunt_add(&h, &t, true, &none, &is_due), ERR_NOMEM);
    assert_string_equal(text(&h), "b|*c|Z");
    arena_fini(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_group_after_another), cmocka_unit_test(late_comers),
        cmocka_unit_test(no_more_than_a_call_has), cmocka_unit_test(kept),
        cmocka_unit_test(without_memory),
    };
    arena_init(&arena, 64 * 1024);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_fini(&arena);
    return failed;
}
