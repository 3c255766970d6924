#include "unit.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/lines.h"

static struct lines l;

static int file_of(const char *bytes, size_t n)
{
    int fd = memfd_create("lines", 0);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void every_line_is_given_once(void **state)
{
    (void)state;
    static const struct {
        const char *text, *lines[4];
    } rows[] = {
        {"", {NULL}},
        {"\n", {""}},
        {"a", {"a"}},
        {"a\n", {"a"}},
        {"a\n\nb", {"a", "", "b"}},
        {"a\r\nb\n", {"a\r", "b"}},
        {"\n\n", {"", ""}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str line;
        int fd = file_of(rows[i].text, strlen(rows[i].text));
        lines_init(&l, fd);
        for (size_t k = 0; rows[i].lines[k]; k++) {
            assert_int_equal(lines_next(&l, &line), 1);
            assert_true(str_eq(line, str_of(rows[i].lines[k])));
            assert_int_equal(l.number, k + 1);
            assert_false(l.is_too_long);
        }
        assert_int_equal(lines_next(&l, &line), 0);
        assert_int_equal(lines_next(&l, &line), 0);
        lines_fini(&l);
        close(fd);
    }
}

/* Lines of all lengths around the limits, with a good one behind each. */
static void long_lines_are_told_and_passed_by(void **state)
{
    (void)state;
    static const size_t lengths[] = {0,
                                     LINES_LEN_MAX,
                                     LINES_LEN_MAX + 1,
                                     LINES_BUFFER - 1,
                                     LINES_BUFFER,
                                     LINES_BUFFER + 1,
                                     3 * LINES_BUFFER,
                                     3 * LINES_BUFFER + 5};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
        for (int is_last = 0; is_last < 2; is_last++) {
            size_t n = lengths[i];
            char *text = malloc(n + 8);
            struct str line;
            memset(text, 'x', n);
            memcpy(text + n, "\nb\n", 3);
            if (n == 0 && is_last)
                text[n++] = 'x';
            int fd = file_of(text, is_last ? n : n + 3);
            lines_init(&l, fd);
            assert_int_equal(lines_next(&l, &line), 1);
            assert_int_equal(l.is_too_long, n > LINES_LEN_MAX);
            assert_true(l.is_too_long || line.n == n);
            if (!is_last) {
                assert_int_equal(lines_next(&l, &line), 1);
                assert_str(line, "b");
                assert_false(l.is_too_long);
                assert_int_equal(l.number, 2);
            }
            assert_int_equal(lines_next(&l, &line), 0);
            lines_fini(&l);
            close(fd);
            free(text);
        }
}

static void many_lines_keep_their_order(void **state)
{
    (void)state;
    enum { N = 50000 };
    static char text[N * 8];
    struct str line;
    size_t n = 0;
    uint32_t got;
    for (unsigned i = 0; i < N; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%u\n", i);
    int fd = file_of(text, n);
    lines_init(&l, fd);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(lines_next(&l, &line), 1);
        assert_int_equal(str_to_u32(line, UINT32_MAX, &got), 0);
        assert_int_equal(got, i);
    }
    assert_int_equal(lines_next(&l, &line), 0);
    close(fd);
}

static void an_error_is_passed_on(void **state)
{
    (void)state;
    struct str line;
    lines_init(&l, -1);
    assert_int_equal(lines_next(&l, &line), ERR_IO);
}

static void nothing_is_left_behind(void **state)
{
    (void)state;
    struct str line;
    int fd = file_of("a secret\n", 9);
    lines_init(&l, fd);
    assert_int_equal(lines_next(&l, &line), 1);
    lines_fini(&l);
    assert_null(memmem(l.buffer, sizeof l.buffer, "secret", 6));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_is_given_once),
        cmocka_unit_test(long_lines_are_told_and_passed_by),
        cmocka_unit_test(many_lines_keep_their_order),
        cmocka_unit_test(an_error_is_passed_on),
        cmocka_unit_test(nothing_is_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
