/* RFC 1035 7.4, RFC 2308 5, RFC 8767: what is kept of the DNS's answers, and how long. */
#include "unit.h"

#include <stdio.h>

#include "net/dnscache.h"

enum { NOW = 1000000 };

static struct dns_answer answer;

static void put(struct dnscache *c, const char *name, enum dns_result result, uint32_t ttl_s)
{
    struct dns_question q = {.type = DNS_A};
    memcpy(q.name, name, strlen(name));
    answer = (struct dns_answer){.result = result, .ttl_s = ttl_s, .n = result == DNS_FOUND};
    answer.list[0].weight = 7;
    dnscache_put(c, &q, NOW, &answer);
}

/* The seconds that are left at a time, and which it is needed until; -1: nothing is known. */
static int left(const struct dnscache *c, const char *name, uint64_t at_ms, uint64_t until_ms)
{
    struct dns_question q = {.type = DNS_A};
    memcpy(q.name, name, strlen(name));
    answer = (struct dns_answer){.ttl_s = 99};
    return dnscache_find(c, &q, at_ms, until_ms, &answer) ? (int)answer.ttl_s : -1;
}

static struct dnscache *new_cache(void)
{
    struct dnscache *c;
    assert_int_equal(dnscache_new(&c), 0);
    return c;
}

static void an_answer_has_its_time(void **state)
{
    (void)state;
    struct dnscache *c = new_cache();
    put(c, "a.example", DNS_FOUND, 60);
    assert_int_equal(left(c, "A.example", NOW, NOW), 60);
    assert_int_equal(answer.list[0].weight, 7);
    assert_int_equal(left(c, "a.example", NOW + 50500, NOW + 59999), 10);
    assert_int_equal(left(c, "a.example", NOW + 50500, NOW + 60000), -1);
    assert_int_equal(left(c, "b.example", NOW, NOW), -1);
    struct dns_question q = {"a.example", DNS_AAAA};
    assert_false(dnscache_find(c, &q, NOW, NOW, &answer));
    put(c, "a.example", DNS_FOUND, 90);
    assert_int_equal(left(c, "a.example", NOW, NOW), 90);
    dnscache_free(c);
}

static void times_are_bounded(void **state)
{
    (void)state;
    struct dnscache *c = new_cache();
    put(c, "a", DNS_FOUND, 0);
    put(c, "b", DNS_FOUND, UINT32_MAX);
    put(c, "c", DNS_NO_NAME, 0);
    put(c, "d", DNS_NO_DATA, UINT32_MAX);
    put(c, "e", DNS_FAILED, 60);
    assert_int_equal(left(c, "a", NOW, NOW), DNSCACHE_LEAST_S);
    assert_int_equal(left(c, "b", NOW, NOW), DNSCACHE_MOST_S);
    assert_int_equal(left(c, "c", NOW, NOW), DNSCACHE_LEAST_S);
    assert_int_equal(answer.result, DNS_NO_NAME);
    assert_int_equal(left(c, "d", NOW, NOW), DNSCACHE_NOTHING_S);
    assert_int_equal(left(c, "e", NOW, NOW), -1);
    dnscache_free(c);
}

static void old_ones_are_at_hand(void **state)
{
    (void)state;
    struct dnscache *c = new_cache();
    struct dns_question good = {"a", DNS_A}, none = {"b", DNS_A};
    put(c, "a", DNS_FOUND, 5);
    put(c, "b", DNS_NO_NAME, 5);
    put(c, "a", DNS_FAILED, 5);
    assert_int_equal(left(c, "a", NOW + 6000, NOW + 6000), -1);
    assert_true(dnscache_find_old(c, &good, &answer));
    assert_int_equal(answer.ttl_s, 0);
    assert_int_equal(answer.n, 1);
    assert_false(dnscache_find_old(c, &none, &answer));
    dnscache_free(c);
}

static void the_first_to_end_gives_way(void **state)
{
    (void)state;
    struct dnscache *c = new_cache();
    char name[20];
    for (unsigned i = 0; i < DNSCACHE_MAX + 10; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        put(c, name, DNS_FOUND, 100 + i);
    }
    assert_int_equal(left(c, "n9", NOW, NOW), -1);
    assert_int_equal(left(c, "n10", NOW, NOW), 110);
    dnscache_free(c);
}

static void without_memory(void *arg)
{
    (void)arg;
    struct dnscache *c;
    if (dnscache_new(&c))
        return;
    put(c, "a", DNS_FOUND, 60);
    put(c, "a", DNS_FOUND, 70);
    (void)left(c, "a", NOW, NOW);
    dnscache_free(c);
}

static void memory_may_fail(void **state)
{
    (void)state;
    assert_true(oom_sweep(without_memory, NULL) > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_has_its_time), cmocka_unit_test(times_are_bounded),
        cmocka_unit_test(old_ones_are_at_hand),   cmocka_unit_test(the_first_to_end_gives_way),
        cmocka_unit_test(memory_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
