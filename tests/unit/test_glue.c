#include "unit.h"

#include <stdio.h>
#include <unistd.h>
#include <sys/time.h>
#include <time.h>
#include <osipparser2/osip_parser.h>

#include "base/arena.h"
#include "sip/glue.h"

static const char bad_message[] = "INVITE sip:a SIP/2.0\r\nVia: x\r\n\r\n";

static int start(void **state)
{
    (void)state;
    glue_init();
    glue_init();
    return 0;
}

/* Runs body with standard output in a file; how many bytes came. */
static long bytes_printed(void (*body)(void))
{
    fflush(stdout);
    FILE *file = tmpfile();
    assert_non_null(file);
    int old = dup(1);
    dup2(fileno(file), 1);
    body();
    fflush(stdout);
    dup2(old, 1);
    close(old);
    long n = lseek(fileno(file), 0, SEEK_END);
    fclose(file);
    return n;
}

static void parse_bad_message(void)
{
    osip_message_t *m = NULL;
    assert_int_equal(osip_message_init(&m), 0);
    assert_int_not_equal(osip_message_parse(m, bad_message, sizeof bad_message - 1), 0);
    osip_message_free(m);
}

static void tracing_is_off(void **state)
{
    (void)state;
    assert_int_equal(bytes_printed(parse_bad_message), 0);
}

static void allocations_come_from_the_arena(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    osip_uri_t *u = NULL;
    char *text = NULL;
    glue_enter(&a);
    assert_int_equal(osip_uri_init(&u), 0);
    assert_int_equal(osip_uri_parse(u, "sip:alice@example.com;x=y"), 0);
    assert_int_equal(osip_uri_to_str(u, &text), 0);
    assert_string_equal(text, "sip:alice@example.com;x=y");
    osip_uri_free(u);
    osip_free(text);
    glue_leave();
    assert_true(a.held > 0);
    arena_fini(&a);
}

static void blocks_know_where_they_came_from(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    char *heap = osip_malloc(8);
    memcpy(heap, "heap", 5);
    glue_enter(&a);
    char *ours = osip_malloc(8);
    memcpy(ours, "arena", 6);
    heap = osip_realloc(heap, 4000);
    assert_string_equal(heap, "heap");
    osip_free(osip_malloc(8));
    glue_leave();
    ours = osip_realloc(ours, 4000);
    assert_string_equal(ours, "arena");
    ours = osip_realloc(ours, 6);
    assert_string_equal(ours, "arena");
    osip_free(ours);
    osip_free(heap);
    assert_null(osip_malloc(SIZE_MAX));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tracing_is_off),
        cmocka_unit_test(allocations_come_from_the_arena),
        cmocka_unit_test(blocks_know_where_they_came_from),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
