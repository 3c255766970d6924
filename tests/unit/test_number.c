/* Telephone numbers in user parts: RFC 3966 3, D4. */
#include "unit.h"

#include "core/number.h"

static void test_read(void **state)
{
    static const struct {
        const char *user, *number;
        bool is_whole, is_global;
    } rows[] = {
        {"+31201234567", "+31201234567", true, true},
        {"+31-20.123(45)67", "+31201234567", true, true},
        {"%2B3120%31234567", "+31201234567", true, true},
        {"%2b31%2d20%201234567", "+31201234567", true, true},
        {"+31 20", "+3120", true, true},
        {"+31201234567;phone-context=x;isub=1", "+31201234567", true, true},
        {"+1", "+1", true, true},
        {"+123456789012345", "+123456789012345", true, true},
        {"+1234567890123456", "+1234567890123456", true, false},
        {"0031201234567", "0031201234567", true, false},
        {"112", "112", true, false},
        {"*31#0201234567", "*31#0201234567", true, false},
        {"%23112", "#112", true, false},
        {"+", "+", true, false},
        {"+*1", "+*1", true, false},
        {"1+1", "1", false, false},
        {"++1", "+", false, false},
        {"+31abc", "+31", false, false},
        {"+882%00", "+882", false, false},
        {"+882,,1", "+882", false, false},
        {"+882%3B1", "+882", false, false},
        {"alice", "", false, false},
        {"", "", true, false},
        {";x", "", true, false},
        {"%", "", false, false},
        {"1%4", "1", false, false},
        {"-", "", true, false},
        {"1234567890123456789012345678901234567890", "1234567890123456789012345678901234567890",
         true, false},
        {"12345678901234567890123456789012345678901", "1234567890123456789012345678901234567890",
         false, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct number n = number_read(str_of(rows[i].user));
        if (!str_eq(number_str(&n), str_of(rows[i].number)) || n.is_whole != rows[i].is_whole ||
            number_is_global(&n) != rows[i].is_global)
            fail_msg("\"%s\": \"%.*s\" %d %d", rows[i].user, STR_FMT(number_str(&n)), n.is_whole,
                     number_is_global(&n));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
