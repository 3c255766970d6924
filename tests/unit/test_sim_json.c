#include "unit.h"

#include "sim/json.h"

static void members_and_elements_are_parted(void **state)
{
    (void)state;
    char text[256];
    struct buf out = buf_over(text, sizeof text);
    struct json j = {.out = &out};
    json_open(&j, NULL, '{');
    json_add_u64(&j, "n", 12);
    json_open(&j, "list", '[');
    json_add_str(&j, NULL, STR("a"));
    json_add_bool(&j, NULL, true);
    json_open(&j, NULL, '{');
    json_close(&j, '}');
    json_close(&j, ']');
    json_add_milli(&j, "x", 12034);
    json_close(&j, '}');
    assert_str(buf_str(&out), "{\"n\":12,\"list\":[\"a\",true,{}],\"x\":12.034}");
}

static void strings_are_escaped(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *out;
    } rows[] = {
        {{"", 0}, "\"\""},
        {{"a\"b\\\n\x7f", 6}, "\"a\\\"b\\\\\\u000a\\u007f\""},
        {{"\0", 1}, "\"\\u0000\""},
        {{"\xc3\xa9", 2}, "\"\xc3\xa9\""},
        {{"\xe2\x82\xac", 3}, "\"\xe2\x82\xac\""},
        {{"\xf0\x9f\x98\x80", 4}, "\"\xf0\x9f\x98\x80\""},
        {{"\xc3", 1}, "\"\\u00c3\""},                       /* cut off */
        {{"\xc0\x80", 2}, "\"\\u00c0\\u0080\""},            /* overlong */
        {{"\xed\xa0\x80", 3}, "\"\\u00ed\\u00a0\\u0080\""}, /* a surrogate */
        {{"\xf4\x90\x80\x80", 4}, "\"\\u00f4\\u0090\\u0080\\u0080\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];
        struct buf out = buf_over(text, sizeof text);
        struct json j = {.out = &out};
        json_add_str(&j, NULL, rows[i].in);
        if (!str_eq(buf_str(&out), str_of(rows[i].out)))
            fail_msg("row %zu: %.*s", i, STR_FMT(buf_str(&out)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_and_elements_are_parted),
        cmocka_unit_test(strings_are_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
