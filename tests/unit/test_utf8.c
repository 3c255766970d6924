#include "unit.h"

#include "base/utf8.h"

/* RFC 3629 3 and 4: the first and the last of each length, and what stands next to them. */
static const struct {
    const char *text;
    bool is_text;
} rows[] = {
    {"", true},
    {"sip:bob@example.com", true},
    {"\x7f", true},
    {"\x80", false},
    {"\xc2\x80", true},
    {"\xc1\xbf", false}, /* overlong */
    {"\xdf\xbf", true},
    {"\xdf", false},
    {"\xdf\xc0", false},
    {"\xe0\xa0\x80", true},
    {"\xe0\x9f\xbf", false}, /* overlong */
    {"\xed\x9f\xbf", true},
    {"\xed\xa0\x80", false}, /* a surrogate */
    {"\xee\x80\x80", true},
    {"\xef\xbf\xbf", true},
    {"\xf0\x90\x80\x80", true},
    {"\xf0\x8f\xbf\xbf", false}, /* overlong */
    {"\xf4\x8f\xbf\xbf", true},
    {"\xf4\x90\x80\x80", false}, /* beyond U+10FFFF */
    {"\xf5\x80\x80\x80", false},
    {"\xff", false},
    {"a\xe2\x82\xac"
     "b",
     true},
    {"a\xe2\x82"
     "b",
     false},
};

static bool is_text_in_pieces(struct str s)
{
    struct utf8 u = {0};
    for (size_t i = 0; i < s.n; i++)
        if (!utf8_step(&u, (struct str){s.p + i, 1}))
            return false;
    return utf8_is_whole(&u);
}

static void the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str s = str_of(rows[i].text);
        if (utf8_is_text(s) != rows[i].is_text || is_text_in_pieces(s) != rows[i].is_text)
            fail_msg("row %zu", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
