#include "unit.h"

#include "base/buf.h"
#include "base/err.h"
#include "net/inflow.h"

enum { MAX = 1000, TEXT = 8192 };

/* What came out, each thing with its verdict in front. */
static char text[TEXT];
static struct buf out;
static unsigned n_wanted;

static bool on_part(enum frame_verdict verdict, struct str bytes, void *arg)
{
    (void)arg;
    buf_addf(&out, "[%d]", (int)verdict);
    buf_add(&out, bytes);
    return --n_wanted > 0;
}

static void begin(struct inflow *f)
{
    out = buf_over(text, sizeof text);
    n_wanted = 100;
    inflow_init(f);
}

#define MESSAGE(body, n) "OPTIONS sip:x SIP/2.0\r\nContent-Length: " n "\r\n\r\n" body

static const char whole[] =
    MESSAGE("abc", "3") "\r\n\r\n" MESSAGE("", "0") "\r\n" MESSAGE("z", "1");
static const char parts[] =
    "[1]" MESSAGE("abc", "3") "[2]\r\n\r\n[1]" MESSAGE("", "0") "[1]" MESSAGE("z", "1");

/* RFC 3261 18.3: what comes out does not hang on where the network has cut. */
static void any_cut_gives_the_same(void **state)
{
    (void)state;
    struct inflow f;
    for (size_t step = 1; step <= sizeof whole; step++) {
        begin(&f);
        for (size_t at = 0; at < sizeof whole - 1; at += step) {
            size_t left = sizeof whole - 1 - at, n = left < step ? left : step;
            assert_int_equal(inflow_feed(&f, (struct str){whole + at, n}, MAX, on_part, NULL), 0);
        }
        assert_true(str_eq(buf_str(&out), str_of(parts)));
        assert_false(inflow_is_waiting(&f));
        assert_null(f.bytes);
        inflow_fini(&f);
    }
}

static void what_is_kept_goes(void **state)
{
    (void)state;
    struct inflow f;
    begin(&f);
    assert_int_equal(inflow_feed(&f, STR("OPTIONS sip:x"), MAX, on_part, NULL), 0);
    assert_true(inflow_is_waiting(&f));
    assert_int_equal(inflow_feed(&f, STR(""), MAX, on_part, NULL), 0);
    assert_int_equal(out.len, 0);
    inflow_fini(&f);
}

static void nonsense_ends_it(void **state)
{
    (void)state;
    struct inflow f;
    begin(&f);
    assert_int_equal(inflow_feed(&f, STR("OPTIONS sip:x SIP/2.0\r\n\r\n"), MAX, on_part, NULL), 0);
    assert_true(str_has_prefix(buf_str(&out), STR("[4]OPTIONS")));
    inflow_fini(&f);
    begin(&f);
    char many[MAX + 1];
    memset(many, 'a', sizeof many);
    assert_int_equal(inflow_feed(&f, (struct str){many, sizeof many}, MAX, on_part, NULL), 0);
    assert_true(str_has_prefix(buf_str(&out), STR("[5]aaa")));
    inflow_fini(&f);
}

/* Whoever takes a message may have had enough. */
static void it_stops_when_told(void **state)
{
    (void)state;
    struct inflow f;
    begin(&f);
    n_wanted = 1;
    assert_int_equal(inflow_feed(&f, str_of(whole), MAX, on_part, NULL), 0);
    assert_true(str_eq(buf_str(&out), STR("[1]" MESSAGE("abc", "3"))));
    inflow_fini(&f);
}

static void body(void *arg)
{
    struct inflow f;
    (void)arg;
    begin(&f);
    for (size_t at = 0; at < sizeof whole - 1; at += 16) {
        size_t left = sizeof whole - 1 - at, n = left < 16 ? left : 16;
        int err = inflow_feed(&f, (struct str){whole + at, n}, MAX, on_part, NULL);
        assert_true(err == 0 || err == ERR_NOMEM);
        if (err)
            break;
    }
    inflow_fini(&f);
}

static void without_memory_it_says_so(void **state)
{
    (void)state;
    assert_true(oom_sweep(body, NULL) > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_cut_gives_the_same),    cmocka_unit_test(what_is_kept_goes),
        cmocka_unit_test(nonsense_ends_it),          cmocka_unit_test(it_stops_when_told),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
