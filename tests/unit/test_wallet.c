#include "unit.h"

#include "service/denied.h"
#include "service/wallet.h"

static struct demand of(const char *realm, const char *nonce, bool is_proxy)
{
    return (struct demand){.digest = {.realm = str_of(realm),
                                      .nonce = str_of(nonce),
                                      .opaque = STR("o"),
                                      .algorithm = STR("MD5")},
                           .qop = STR("auth"),
                           .is_proxy = is_proxy};
}

static void each_realm_has_one_nonce(void **state)
{
    (void)state;
    struct wallet w = {.n = 0};
    const struct demand a = of("a", "n1", false), of_proxy = of("a", "p1", true),
                        again = of("a", "n2", false), b = of("b", "n1", false);
    assert_true(wallet_put(&w, &a) && wallet_put(&w, &of_proxy) && wallet_put(&w, &b));
    assert_int_equal(w.n, 3);
    wallet_find(&w, &a)->count = 5;
    assert_true(wallet_put(&w, &again));
    assert_int_equal(w.n, 3);
    const struct wallet_nonce *n = wallet_find(&w, &a);
    assert_str(n->challenge.digest.nonce, "n2");
    assert_str(n->challenge.digest.opaque, "o");
    assert_ptr_not_equal(n->challenge.digest.realm.p, again.digest.realm.p); /* its own */
    assert_true(n->is_asked && n->count == 0);
    assert_str(wallet_find(&w, &of_proxy)->challenge.digest.nonce, "p1");
    const struct demand more[] = {of("c", "x", false), of("d", "x", false)};
    assert_true(wallet_put(&w, &more[0]));
    assert_false(wallet_put(&w, &more[1]));
    assert_null(wallet_find(&w, &more[1]));
    wallet_empty(&w);
    assert_int_equal(w.n, 0);
}

static void another_nonce_keeps_all_else_but_no_session(void **state)
{
    (void)state;
    struct wallet w = {.n = 0};
    struct demand a = of("a", "n1", false);
    assert_true(wallet_put(&w, &a));
    w.list[0].count = 3;
    wallet_renew(&w, &w.list[0], STR("n2"));
    assert_str(w.list[0].challenge.digest.nonce, "n2");
    assert_str(w.list[0].challenge.digest.realm, "a");
    assert_true(!w.list[0].is_asked && w.list[0].count == 0);
    assert_str(w.list[0].challenge.qop, "auth");
    w.keep_until_s = 100;
    assert_int_equal(wallet_keep_ms(&w, 40), 60000);
    assert_int_equal(wallet_keep_ms(&w, 100), 0);
    a.is_session = true;
    assert_true(wallet_put(&w, &a));
    wallet_renew(&w, &w.list[0], STR("n3"));
    assert_int_equal(w.n, 0);
    w.keep_until_s = 100;
    assert_int_equal(wallet_keep_ms(&w, 40), 0); /* nothing to keep */
    w.refused_hash = 1;
    w.refused_until_s = 50;
    assert_int_equal(wallet_keep_ms(&w, 40), 610000);
    wallet_empty(&w);
}

static void refuse(struct denied *d, uint64_t account, uint64_t now_s, uint32_t wait_s)
{
    denied_add(d, &(struct denied_refusal){account, wait_s, false}, now_s);
}

static void put_and_renew(void *arg)
{
    struct wallet w = {.n = 0};
    if (wallet_put(&w, arg))
        wallet_renew(&w, &w.list[0], STR("n2"));
    wallet_empty(&w);
    struct denied d;
    denied_init(&d);
    refuse(&d, 7, 100, 10);
    denied_clear(&d, 8, true);
    denied_fini(&d);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    struct demand a = of("a", "n1", false);
    assert_true(oom_sweep(put_and_renew, &a) > 3);
}

static void an_account_is_denied_after_a_row_of_refusals(void **state)
{
    (void)state;
    struct denied d;
    denied_init(&d);
    for (int i = 0; i < 4; i++)
        refuse(&d, 7, 100, 300);
    assert_int_equal(denied_for_s(&d, 7, 100), 0);
    refuse(&d, 7, 100, 300);
    assert_int_equal(denied_for_s(&d, 7, 100), 300);
    assert_int_equal(denied_for_s(&d, 7, 399), 1);
    assert_int_equal(denied_for_s(&d, 7, 400), 0);
    assert_int_equal(denied_for_s(&d, 8, 100), 0);
    refuse(&d, 7, 400, 600);
    assert_int_equal(denied_for_s(&d, 7, 400), 600);
    denied_clear(&d, 7, false);
    denied_clear(&d, 7, false);
    assert_int_equal(denied_for_s(&d, 7, 400), 0);
    for (int i = 0; i < 4; i++)
        refuse(&d, 7, 400, 600);
    assert_int_equal(denied_for_s(&d, 7, 400), 0); /* the row begins anew */
    for (uint64_t i = 1; i < 1000; i++)
        refuse(&d, i, 1, 1);
    denied_fini(&d);
}

static void a_known_account_is_judged_by_what_upstream_holds(void **state)
{
    (void)state;
    struct denied d;
    denied_init(&d);
    denied_clear(&d, 7, true);
    for (int i = 0; i < 20; i++)
        refuse(&d, 7, 100, 300);
    assert_int_equal(denied_for_s(&d, 7, 100), 0);
    for (int i = 0; i < 5; i++)
        denied_add(&d, &(struct denied_refusal){7, 300, true}, 100);
    assert_int_equal(denied_for_s(&d, 7, 100), 300);
    denied_clear(&d, 7, true);
    assert_int_equal(denied_for_s(&d, 7, 100), 0);
    denied_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_realm_has_one_nonce),
        cmocka_unit_test(another_nonce_keeps_all_else_but_no_session),
        cmocka_unit_test(an_account_is_denied_after_a_row_of_refusals),
        cmocka_unit_test(a_known_account_is_judged_by_what_upstream_holds),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
