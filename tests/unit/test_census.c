#include "unit.h"

#include "net/census.h"

static struct census census;

static struct addr addr_of(const char *text)
{
    struct addr a = {0};
    assert_int_equal(addr_parse(str_of(text), 5060, &a), 0);
    return a;
}

static void each_source_has_its_room(void **state)
{
    (void)state;
    struct addr a = addr_of("192.0.2.7:1"), b = addr_of("192.0.2.7:2"), c = addr_of("192.0.2.8");
    census.key = hash_key_new();
    census_set_limits(&census, 2, 3);
    assert_int_equal(census_enter(&census, &a), CENSUS_OK);
    assert_int_equal(census_enter(&census, &b), CENSUS_OK);
    assert_int_equal(census_enter(&census, &a), CENSUS_SOURCE_FULL);
    assert_int_equal(census_enter(&census, &c), CENSUS_OK);
    assert_int_equal(census_enter(&census, &c), CENSUS_FULL);
    census_del(&census, &b);
    assert_int_equal(census_enter(&census, &a), CENSUS_OK);
    census_add(&census, &a); /* one that is there is not turned away */
    census_del(&census, &c);
    assert_int_equal(census_enter(&census, &a), CENSUS_SOURCE_FULL);
    for (int i = 0; i < 3; i++)
        census_del(&census, &a);
    assert_int_equal(census.n, 0);
    for (size_t i = 0; i < CENSUS_SLOTS; i++)
        assert_int_equal(census.of_source[i], 0);
}

static void an_ipv6_source_is_its_network(void **state)
{
    (void)state;
    struct addr a = addr_of("[2001:db8::1]"), b = addr_of("[2001:db8::2]");
    struct addr c = addr_of("[2001:db8:0:1::1]");
    census_set_limits(&census, 1, 0);
    assert_int_equal(census_enter(&census, &a), CENSUS_OK);
    assert_int_equal(census_enter(&census, &b), CENSUS_SOURCE_FULL);
    assert_int_equal(census_enter(&census, &c), CENSUS_OK);
    census_del(&census, &a);
    census_del(&census, &c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_source_has_its_room),
        cmocka_unit_test(an_ipv6_source_is_its_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
