#include "unit.h"

#include "base/err.h"
#include "net/sendq.h"

enum { MAX = 20000, PARTS = 16 };

static char source[MAX], got[MAX];

static size_t gather(const struct sendq *q)
{
    struct iovec parts[PARTS];
    size_t n = 0;
    int n_parts = sendq_parts(q, parts, PARTS);
    for (int i = 0; i < n_parts; i++) {
        memcpy(got + n, parts[i].iov_base, parts[i].iov_len);
        n += parts[i].iov_len;
    }
    return n;
}

/* Whatever is added and taken, in whatever pieces, comes out as it went in. */
static void bytes_keep_their_order(void **state)
{
    (void)state;
    struct sendq_pool pool;
    struct sendq q;
    sendq_pool_init(&pool);
    sendq_init(&q);
    for (size_t i = 0; i < MAX; i++)
        source[i] = (char)(i * 7 + i / 251);
    size_t put = 0, taken = 0;
    for (size_t step = 1; taken < MAX; step = step * 5 % 4999 + 1) {
        size_t n = step < MAX - put ? step : MAX - put;
        assert_int_equal(sendq_add(&q, &pool, (struct str){source + put, n}, MAX), 0);
        put += n;
        assert_int_equal(q.len, put - taken);
        assert_int_equal(gather(&q), q.len);
        assert_memory_equal(got, source + taken, q.len);
        size_t away = put == MAX ? q.len : q.len / 3;
        sendq_take(&q, &pool, away);
        taken += away;
    }
    assert_null(q.first);
    assert_true(pool.n > 0);
    sendq_pool_fini(&pool);
}

static void it_is_bounded(void **state)
{
    (void)state;
    struct sendq_pool pool;
    struct sendq q;
    sendq_pool_init(&pool);
    sendq_init(&q);
    assert_int_equal(sendq_add(&q, &pool, STR("12345"), 8), 0);
    assert_int_equal(sendq_add(&q, &pool, STR("1234"), 8), ERR_FULL);
    assert_int_equal(q.len, 5);
    assert_int_equal(sendq_add(&q, &pool, STR("123"), 8), 0);
    assert_int_equal(sendq_add(&q, &pool, STR("123456789"), 8), ERR_FULL);
    assert_int_equal(sendq_add(&q, &pool, STR(""), 8), 0);
    sendq_clear(&q, &pool);
    assert_int_equal(q.len, 0);
    sendq_pool_fini(&pool);
}

static void body(void *arg)
{
    struct sendq_pool pool;
    struct sendq q;
    (void)arg;
    sendq_pool_init(&pool);
    sendq_init(&q);
    int err = sendq_add(&q, &pool, (struct str){source, 10000}, MAX);
    assert_true(err == 0 || err == ERR_NOMEM);
    assert_int_equal(q.len, err ? 0 : 10000);
    sendq_clear(&q, &pool);
    sendq_pool_fini(&pool);
}

static void without_memory_nothing_is_added(void **state)
{
    (void)state;
    assert_true(oom_sweep(body, NULL) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_keep_their_order),
        cmocka_unit_test(it_is_bounded),
        cmocka_unit_test(without_memory_nothing_is_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
