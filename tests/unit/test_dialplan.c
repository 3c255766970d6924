/* Where calls may go: the longest prefix decides, whatever form the number has (RFC 3966, D4). */
#include "unit.h"

#include "core/dialplan.h"

/* "+31 -+31900 0 -00": allowed prefixes, denied ones with a '-' in front. */
static struct dialplan plan_of(const char *text, struct dialplan_rule rules[16])
{
    struct dialplan d = {.rules = rules, .is_open = true};
    for (const char *at = text; *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");
        bool is_allowed = *at != '-';
        rules[d.n_rules++] =
            (struct dialplan_rule){{at + !is_allowed, n - !is_allowed}, is_allowed};
        d.is_open = d.is_open && !is_allowed;
        at += n;
    }
    dialplan_sort(rules, d.n_rules);
    return d;
}

static const struct {
    const char *plan, *user;
    bool is_allowed;
} dialled[] = {
    {"", "+88212345", true},
    {"", "alice", true},
    {"-+882 -+979", "+88212345", false},
    {"-+882 -+979", "+97912345", false},
    {"-+882 -+979", "+31201234567", true},
    {"-+882 -+979", "+882", false},
    {"-+882 -+979", "+88", true},
    {"-+882", "88212345", true},    /* as it is dialled */
    {"-+882", "0088212345", false}, /* but for the two ways to begin an international number */
    {"-00882", "+88212345", false},
    {"-+882", "00881", true},
    {"-+882", "0882", true},
    {"-+882", "00", true},
    {"+31", "0031201234567", true},
    {"0031", "+31201234567", true},
    {"+31", "0049", false},
    {"+31 -00", "0031201234567", true},
    {"+31 -00", "+49", false},
    {"-00 0", "0049", false},
    {"-0", "0049", false},
    {"-0", "+49", true},
    {"+31 0", "+49", false},
    {"+31 0", "0049", false},
    {"+31 0", "0201234567", true},
    {"+31 0", "00", true},
    {"+31 0", "003120", true},
    {"-0 +49", "0049", true},
    {"0 -+", "0049", false},
    {"0 -+", "049", true},
    {"0031 -+31", "+31201234567", false},
    {"0031 -+31", "0031201234567", false},
    {"-0031900 +31", "+319001", false},
    {"-0031 +31900", "00319001", true},
    {"-+882 -00882", "0088212345", false},
    {"+31", "+31201234567", true},
    {"+31", "+32201234567", false},
    {"+31", "0201234567", false},
    {"+31", "alice", true},
    {"+31", "*21#", false},
    {"+31 *", "*21#", true},
    {"+31 -+31900", "+319001234", false},
    {"+31 -+31900", "+31901234", true},
    {"+31 -+31900 +3190012", "+319001234", true},
    {"-+ +31 -+31900", "+319001234", false},
    {"-+ +31 -+31900", "+3120", true},
    {"-+ +31", "+1", false},
    {"-+ +31", "112", false},
    {"-+", "112", true},
    /* however it is written */
    {"-+882", "+8-8.2(1)2", false},
    {"-+882", "%2B882123", false},
    {"-+882", "%2b%38%38%32123", false},
    {"-+882", "+882%20123", false},
    {"-+882", "%20+882123", false},
    {"-+882", "+882123;phone-context=x", false},
    {"-+882", "+882x", false},
    {"-+882", "+882%00", false},
    {"-+882", "+882,,123", false},
    {"+31", "+31x", true},
    {"+31", "7alice", false},
    {"-+882", "_+882", true},
    /* the context of a local number (RFC 3966 5.1.5) */
    {"-+882", "123;phone-context=+882", false},
    {"-+882", "123;a;PHONE-CONTEXT=%2B8-82", false},
    {"-+88212", "123;phone-context=+882", false},
    {"-+88213", "123;phone-context=+882", true},
    {"-+882", "123;phone-context=example.com", true},
    {"-+882", "123;phone-context=", true},
    {"-+882", "123;phone-context=882", true},
    {"-+882", "123;phone-context=00882", false},
    {"-+882", "2123;phone-context=+88", false},
    {"-31", "123;phone-context=3.1com.example", true},
    {"-+882", "123;phone-context=+31;phone-context=+882", false},
    {"-+882", "123;phone-context=+882;phone-context=+31", false},
    {"-+882", "123;phone-context=+882x", false},
    /* where a gateway would send it (RFC 4694) */
    {"-+882", "+31201234567;npdi;rn=+88212345", false},
    {"-+882", "+31201234567;npdi;%72n=+88212345", false},
    {"-+882", "+31201234567%3Bnpdi%3bRN%3D%2B88212345%3B", false},
    {"-+882", "+31201234567%253Brn=+88212345", true}, /* once */
    {"-882", "123;phone%2Dcontext=882%3Bx", false},
    {"-+882", "+31201234567;RN=%2b8-82", false},
    {"-+882", "alice;rn=+88212", false},
    {"-+882", "+31201234567;rn=2123;rn-context=+88", false},
    {"-+882", "+31201234567;rn=123;rn-context=+31", true},
    {"-+882", "+31201234567;rn=+31;rn=+8821", false},
    {"-+882", "+31201234567;rn=;x", true},
    {"-+882", "+31201234567;turn=+88212", true},
    {"-123", "123;phone-context=+31", false},
    {"-+882", "+31123;phone-context=+882", true},
    {"-+882", "alice;phone-context=+882", true},
    {"-+882", "1234567890123456789012345678901234567890;phone-context=+882", false},
};

static void test_longest_prefix(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof dialled / sizeof *dialled; i++) {
        struct dialplan_rule rules[16];
        struct dialplan d = plan_of(dialled[i].plan, rules);
        if (dialplan_allows(&d, str_of(dialled[i].user)) != dialled[i].is_allowed)
            fail_msg("\"%s\": %s", dialled[i].plan, dialled[i].user);
    }
}

/* Found among many as among few. */
static void test_many_rules(void **state)
{
    enum { N = 5000 };
    static struct dialplan_rule rules[N];
    static char texts[N][8];
    (void)state;
    for (int i = 0; i < N; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "+%d", 2 * (N - i) + 10000);
        rules[i] = (struct dialplan_rule){str_of(texts[i]), false};
    }
    dialplan_sort(rules, N);
    const struct dialplan d = {.rules = rules, .n_rules = N, .is_open = true};
    for (int i = 10001; i <= 2 * N + 10000; i++) {
        char number[16];
        (void)snprintf(number, sizeof number, "+%d00", i);
        assert_int_equal(dialplan_allows(&d, str_of(number)), i % 2);
    }
}

static void test_emergency(void **state)
{
    static const struct str numbers[] = {{"112", 3}, {"911", 3}, {"0112", 4}};
    static const struct dialplan d = {.emergency = numbers, .n_emergency = 3};
    static const struct {
        const char *user;
        bool is_emergency;
    } rows[] = {
        {"112", true},
        {"911", true},
        {"0112", true},
        {"1-1-2", true},
        {"%31%312", true},
        {"112;phone-context=+31", true},
        {"1123", false},
        {"11", false},
        {"+112", false},
        {"00112", false},
        {"112x", false},
        {"112%00", false},
        {"112,123", false},
        {"x112", false},
        {"", false},
        {"112%3B", false},
        {"112*", false},
        {"112#", false},
        /* what a gateway may put together to something else */
        {"112;phone-context=+882123", false},
        {"112;phone-context=+31;phone-context=+882123", false},
        {"112;phone-context=example.com", true},
        {"112;phone-context=+1", true},
        {"112;rn=+88212345", false},
        {"112;%72n=+88212345", false},
        {"112;phone-contex%74=+882123", false},
        {"112;phone-context%3D+882123", false},
        {"112;x;RN=1", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (dialplan_is_emergency(&d, str_of(rows[i].user)) != rows[i].is_emergency)
            fail_msg("%s", rows[i].user);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_longest_prefix),
        cmocka_unit_test(test_many_rules),
        cmocka_unit_test(test_emergency),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
