#include "unit.h"

#include "sip/line.h"

static void fields_one_by_one(void **state)
{
    (void)state;
    struct str rest =
        STR("To: a\r\nv  :\t b \r\n\tc\n d\r\nnonsense\r\n: x\r\nBad Name: y\nz:\r\n\r\nbody");
    struct msg_line l;
    assert_true(line_next(&rest, &l));
    assert_str(l.name, "To");
    assert_str(l.value, "a");
    assert_str(l.raw, "To: a\r\n");
    assert_int_equal(l.n_ends, 1);
    assert_false(l.has_bare_lf);

    assert_true(line_next(&rest, &l));
    assert_str(l.name, "v");
    assert_str(l.value, "b \r\n\tc\n d");
    assert_int_equal(l.n_ends, 3);
    assert_true(l.has_bare_lf);

    assert_true(line_next(&rest, &l));
    assert_true(str_is_none(l.name));
    assert_str(l.raw, "nonsense\r\n");
    assert_true(line_next(&rest, &l));
    assert_true(str_is_none(l.name));
    assert_true(line_next(&rest, &l));
    assert_true(str_is_none(l.name));
    assert_true(l.has_bare_lf);

    assert_true(line_next(&rest, &l));
    assert_str(l.name, "z");
    assert_false(str_is_none(l.value));
    assert_int_equal(l.value.n, 0);
    assert_false(line_next(&rest, &l));
    assert_int_equal(line_blank_len(rest), 2);
    assert_str(rest, "\r\nbody");
}

static void the_end_is_never_passed(void **state)
{
    (void)state;
    static const char *const cut[] = {"", "T", "To", "To:", "To: a", "To: a\r", "To: a\r\n b"};
    struct msg_line l;
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        struct str rest = str_of(cut[i]);
        assert_false(line_next(&rest, &l));
        assert_int_equal(line_blank_len(rest), 0);
        assert_string_equal(rest.p, cut[i]);
    }
    assert_int_equal(line_blank_len(STR("\nx")), 1);
    assert_int_equal(line_blank_len(STR("\rx")), 0);
}

static void the_start_line(void **state)
{
    (void)state;
    struct str line, rest = STR("\r\n\n\rINVITE x\r\nTo: a\r\n");
    assert_true(line_start(&rest, &line));
    assert_str(line, "INVITE x");
    assert_str(rest, "To: a\r\n");
    rest = STR("\r\n\r\n");
    assert_false(line_start(&rest, &line));
    rest = STR_NONE;
    assert_false(line_start(&rest, &line));
}

static void counting(void **state)
{
    (void)state;
    char bytes[1000];
    for (size_t n = 0; n < sizeof bytes; n++) {
        memset(bytes, ',', sizeof bytes);
        memset(bytes, ';', n);
        assert_int_equal(line_count((struct str){bytes, n}, ','), 0);
        assert_int_equal(line_count((struct str){bytes, n}, ';'), n);
        assert_int_equal(line_count((struct str){bytes, sizeof bytes}, ','), sizeof bytes - n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_one_by_one),
        cmocka_unit_test(the_end_is_never_passed),
        cmocka_unit_test(the_start_line),
        cmocka_unit_test(counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
