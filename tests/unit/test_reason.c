#include "unit.h"

#include "core/reason.h"

static bool is_word(const char *s)
{
    for (; *s; s++)
        if (!(*s >= 'a' && *s <= 'z') && !ascii_is_digit(*s) && *s != '-')
            return false;
    return true;
}

static void each_reason_has_its_own_word_and_a_help(void **state)
{
    (void)state;
    for (enum reason r = 0; r < REASON_MAX; r++) {
        assert_non_null(reason_word(r));
        assert_true(is_word(reason_word(r)));
        assert_true(strlen(reason_help(r)) > 5);
        for (enum reason other = 0; other < r; other++)
            assert_string_not_equal(reason_word(r), reason_word(other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_reason_has_its_own_word_and_a_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
