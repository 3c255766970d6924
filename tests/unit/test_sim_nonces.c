#include "unit.h"

#include "sim/nonces.h"

enum { START_MS = 1000000, LIFE_S = 10 };

struct fixture {
    struct nonces *nonces;
    char text[64];
    struct str nonce;
};

static struct fixture start(void)
{
    struct fixture f;
    assert_int_equal(nonces_new(LIFE_S, &f.nonces), 0);
    return f;
}

static void issue(struct fixture *f)
{
    struct buf out = buf_over(f->text, sizeof f->text);
    nonces_add(f->nonces, START_MS, &out);
    assert_false(out.has_overflown);
    f->nonce = buf_str(&out);
}

static bool can_use(struct fixture *f, uint32_t count, uint32_t cseq)
{
    const struct nonces_use use = {f->nonce, count, cseq, false};
    return nonces_use(f->nonces, &use, START_MS);
}

static void counts_must_rise(void **state)
{
    (void)state;
    struct fixture f = start();
    issue(&f);
    assert_true(can_use(&f, 1, 1));
    assert_true(can_use(&f, 1, 1)); /* a retransmission */
    assert_false(can_use(&f, 1, 2));
    assert_true(can_use(&f, 3, 2));
    assert_false(can_use(&f, 2, 3));
    nonces_free(f.nonces);
}

static void without_count_it_is_used_as_often_as_one_likes(void **state)
{
    (void)state;
    struct fixture f = start();
    issue(&f);
    assert_true(can_use(&f, 0, 1));
    assert_true(can_use(&f, 0, 2));
    nonces_free(f.nonces);
}

static void once_is_once(void **state)
{
    (void)state;
    struct fixture f = start();
    issue(&f);
    struct nonces_use use = {f.nonce, 1, 1, true};
    assert_true(nonces_use(f.nonces, &use, START_MS));
    assert_true(nonces_use(f.nonces, &use, START_MS));
    use.count = use.cseq = 2;
    assert_false(nonces_use(f.nonces, &use, START_MS));
    nonces_free(f.nonces);
}

static void they_grow_old(void **state)
{
    (void)state;
    struct fixture f = start();
    issue(&f);
    const struct nonces_use use = {f.nonce, 1, 1, false};
    assert_false(nonces_use(f.nonces, &use, START_MS + LIFE_S * 1000 + 1));
    assert_true(nonces_use(f.nonces, &use, START_MS + LIFE_S * 1000));
    nonces_free(f.nonces);
}

static void others_are_unknown(void **state)
{
    (void)state;
    struct fixture f = start();
    f.nonce = STR("000000000000000000000000"); /* before any was issued */
    assert_false(can_use(&f, 1, 1));
    issue(&f);
    f.text[f.nonce.n - 1] ^= 1;
    assert_false(can_use(&f, 1, 1));
    f.nonce = STR("");
    assert_false(can_use(&f, 1, 1));
    f.nonce = STR("zz0000000000000000000000");
    assert_false(can_use(&f, 1, 1));
    nonces_free(f.nonces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_must_rise),
        cmocka_unit_test(without_count_it_is_used_as_often_as_one_likes),
        cmocka_unit_test(once_is_once),
        cmocka_unit_test(they_grow_old),
        cmocka_unit_test(others_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
