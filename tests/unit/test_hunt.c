#include "unit.h"

#include <string.h>

#include "base/err.h"
#include "service/hunt.h"
#include "sip/uri.h"

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
    set = (struct target_set){0};
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

static struct target_set found_of(const char *groups)
{
    struct hunt h;
    begin(&h, groups);
    return set;
}

/* D73: where the targets of a redirect stand; its q is that of the one who redirects. */
static void redirects(void **state)
{
    static const struct {
        const char *groups;
        unsigned tried;
        size_t from;
        const char *found;
        const char *come; /* late, by q, afterwards */
        const char *text;
    } rows[] = {
        {"b", 1, 0, "x", "", "b|*x"},
        {"b", 1, 0, "xy|z", "", "b|*xy|z"},
        {"bc|d|Z", 1, 1, "x|y", "", "bc|*x|y|d|Z"},
        {"b|d|Z", 2, 1, "xy", "", "b|d|*xy|Z"},
        {"b|c|Z", 1, 0, "x|y", "dc", "b|*x|y|cc|d|Z"}, /* behind those that stand for b */
        {"bd|Z", 1, 1, "x|y", "e", "bd|*x|y|e|Z"},
        {"ab|Z", 1, 0, "x", "b", "abb|*x|Z"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hunt h;
        bool is_due;
        struct target_set found = found_of(rows[i].found);
        begin(&h, rows[i].groups);
        for (unsigned k = 0; k < rows[i].tried; k++)
            try_group(&h);
        size_t first = h.next;
        assert_int_equal(hunt_add_redirect(&h, rows[i].from, &found, 0, &arena), 0);
        assert_int_equal(h.list[first].q, h.list[rows[i].from].q);
        assert_int_equal(h.list[first].depth, 1);
        for (const char *c = rows[i].come; *c; c++) {
            struct target t = target_of(*c, 0);
            assert_int_equal(hunt_add(&h, &t, true, &arena, &is_due), 0);
        }
        assert_string_equal(text(&h), rows[i].text);
    }
}

static void redirects_of_redirects(void **state)
{
    struct hunt h;
    (void)state;
    struct target_set first = found_of("x|y"), second = found_of("u|w");
    begin(&h, "b|Z");
    try_group(&h);
    assert_int_equal(hunt_add_redirect(&h, 0, &first, 0, &arena), 0);
    try_group(&h);
    assert_int_equal(hunt_add_redirect(&h, 1, &second, 0, &arena), 0);
    assert_string_equal(text(&h), "b|x|*u|w|y|Z");
    assert_int_equal(h.list[2].depth, 2);
    assert_int_equal(h.list[4].depth, 1);
    assert_int_equal(h.list[5].depth, 0);
}

static void what_has_ended_is_not_tried(void **state)
{
    struct hunt h;
    (void)state;
    struct target_set found = found_of("x|yw|u");
    found.list[0].left_s = found.list[2].left_s = 3;
    found.list[3].left_s = UINT32_MAX;
    begin(&h, "b|Z");
    try_group(&h);
    assert_int_equal(hunt_add_redirect(&h, 0, &found, 1000, &arena), 0);
    assert_int_equal(hunt_del_ended(&h, 3999), 0);
    try_group(&h); /* what was tried stays */
    assert_int_equal(hunt_del_ended(&h, 4000), 1);
    assert_string_equal(text(&h), "b|x|*y|u|Z");
    assert_int_equal(hunt_del_ended(&h, 1000 + UINT32_MAX * (uint64_t)1000), 1);
    assert_string_equal(text(&h), "b|x|*y|Z");
}

static void a_request_uri_is_known_again(void **state)
{
    struct hunt h;
    struct uri u;
    (void)state;
    begin(&h, "b|c");
    set.list[0].plan.uri = STR("sip:bob@192.0.2.7:5060;line=1");
    set.list[1].plan.uri = STR_NONE;
    static const struct {
        const char *uri;
        bool is_known;
    } rows[] = {{"sip:%62ob@192.0.2.7:5060;line=1", true},
                {"sip:bob@192.0.2.7:5060", true},
                {"sip:bob@192.0.2.7", false},
                {"sip:bob@192.0.2.7:5060;line=2", false},
                {"sip:Bob@192.0.2.7:5060;line=1", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(uri_parse(str_of(rows[i].uri), &u), 0);
        assert_int_equal(hunt_has_uri(&h, &u), rows[i].is_known);
    }
}

/* Later groups outlive what they were read from. */
/* RFC 5626 5.3: by itself, before all that is left, once. */
static void another_flow_of_a_device(void **state)
{
    struct hunt h;
    struct arena own;
    (void)state;
    arena_init(&own, 64 * 1024);
    begin(&h, "ab|c|Z");
    struct forward_plan second = {.uri = STR("second")}, third = {.uri = STR("third")};
    second.other = &third;
    set.list[1].plan.other = &second;
    hunt_init(&h, &set);
    assert_int_equal(hunt_keep(&h, &own), 0);
    second = third = (struct forward_plan){0}; /* what is kept is a copy */
    try_group(&h);
    assert_false(hunt_add_flow(&h, 0, 3));
    assert_true(hunt_add_flow(&h, 1, 3));
    assert_false(hunt_add_flow(&h, 1, 3));
    assert_string_equal(text(&h), "ab|*b|c|Z");
    assert_int_equal(hunt_group_size(&h), 1);
    assert_true(str_eq(h.list[2].plan->uri, STR("second")) && h.list[2].plan->max_breadth == 3);
    try_group(&h);
    assert_true(hunt_add_flow(&h, 2, 1));
    assert_string_equal(text(&h), "ab|b|*b|c|Z");
    assert_true(str_eq(h.list[3].plan->uri, STR("third")));
    try_group(&h);
    assert_false(hunt_add_flow(&h, 3, 1));
    while (h.n < FORK_BRANCHES_MAX)
        h.list[h.n++] = (struct hunt_entry){.group = 9};
    h.list[0].other = &third;
    assert_false(hunt_add_flow(&h, 0, 1)); /* no room */
    arena_fini(&own);
}

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

/* Where redirects are followed, everything does. */
static void kept_for_redirects(void **state)
{
    struct hunt h;
    bool is_due;
    (void)state;
    begin(&h, "a|b");
    set.is_followed = true;
    hunt_init(&h, &set);
    assert_int_equal(hunt_keep(&h, &arena), 0);
    try_group(&h);
    struct target late = target_of('a', 0);
    late.plan.uri = STR("sip:late");
    assert_int_equal(hunt_add(&h, &late, true, &arena, &is_due), 0);
    assert_true(is_due);
    memset(&set, 0xff, sizeof set);
    memset(&late, 0xff, sizeof late);
    assert_str(h.list[0].plan->uri, "a");
    assert_str(h.list[1].plan->uri, "sip:late");
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
    struct target_set found = found_of("x|y");
    begin(&h, "b|c|Z");
    try_group(&h);
    assert_int_equal(hunt_add_redirect(&h, 0, &found, 0, &none), ERR_NOMEM);
    assert_string_equal(text(&h), "b|*c|Z");
    h.is_kept = true;
    t = target_of('a', 0);
    assert_int_equal(hunt_add(&h, &t, true, &none, &is_due), ERR_NOMEM);
    assert_string_equal(text(&h), "b|*c|Z");
    arena_fini(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_group_after_another),
        cmocka_unit_test(late_comers),
        cmocka_unit_test(no_more_than_a_call_has),
        cmocka_unit_test(redirects),
        cmocka_unit_test(redirects_of_redirects),
        cmocka_unit_test(what_has_ended_is_not_tried),
        cmocka_unit_test(a_request_uri_is_known_again),
        cmocka_unit_test(another_flow_of_a_device),
        cmocka_unit_test(kept),
        cmocka_unit_test(kept_for_redirects),
        cmocka_unit_test(without_memory),
    };
    arena_init(&arena, 64 * 1024);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_fini(&arena);
    return failed;
}
