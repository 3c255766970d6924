#include "unit.h"

#include <arpa/inet.h>

#include <netinet/in.h>
#include <string.h>

#include "base/addr.h"
#include "base/err.h"

static void text_is_parsed_strictly_and_printed_back(void **state)
{
    (void)state;
    static const struct {
        const char *text, *printed; /* NULL: refused */
    } rows[] = {
        {"1.2.3.4:5061", "1.2.3.4:5061"},
        {"1.2.3.4", "1.2.3.4:5060"},
        {"0.0.0.0:0", "0.0.0.0:0"},
        {"[::1]:65535", "[::1]:65535"},
        {"[2001:DB8::0:1]", "[2001:db8::1]:5060"},
        {"2001:db8::1", "[2001:db8::1]:5060"},
        {"::", "[::]:5060"},
        {"[::ffff:1.2.3.4]:1", "[::ffff:1.2.3.4]:1"},
        {"1.2.3.4:00005061", "1.2.3.4:5061"},
        {"", NULL},
        {"1.2.3", NULL},
        {"1.2.3.4.5", NULL},
        {"1.2.3.256", NULL},
        {"1.2.3.4:", NULL},
        {"1.2.3.4:65536", NULL},
        {"1.2.3.4:-1", NULL},
        {" 1.2.3.4", NULL},
        {"1.2.3.4 ", NULL},
        {"[1.2.3.4]", NULL},
        {"[::1", NULL},
        {"::1]", NULL},
        {"[::1]5060", NULL},
        {"[::1]:", NULL},
        {"[fe80::1%eth0]", NULL},
        {"[]", NULL},
        {":5060", NULL},
        {"example.com", NULL},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999", NULL},
        {"0000000000000000000000000000000000000000000000000000:1::", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct addr a;
        char text[ADDR_TEXT];
        int err = addr_parse(str_of(rows[i].text), 5060, &a);
        assert_int_equal(err, rows[i].printed ? 0 : ERR_PARSE);
        if (rows[i].printed)
            assert_string_equal(addr_text(&a, text), rows[i].printed);
    }
    struct addr a;
    assert_int_equal(addr_parse(STR("1.2.3.4\0x"), 1, &a), ERR_PARSE);
}

static void a_host_leaves_the_port_alone(void **state)
{
    (void)state;
    struct addr a = {.port = 77};
    char bytes[100];
    struct buf out = buf_over(bytes, sizeof bytes);
    assert_int_equal(addr_parse_host(STR("[::1]"), &a), 0);
    assert_int_equal(a.port, 77);
    assert_int_equal(addr_parse_host(STR("10.0.0.1"), &a), 0);
    addr_print_host(&a, &out);
    assert_str(buf_str(&out), "10.0.0.1");
    assert_int_equal(addr_parse_host(STR("10.0.0.1:5"), &a), ERR_PARSE);
}

static struct addr addr_of(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(str_of(text), 5060, &a), 0);
    return a;
}

static void hosts_are_compared_with_and_without_port(void **state)
{
    (void)state;
    struct addr a = addr_of("192.0.2.1"), b = addr_of("192.0.2.1:5061");
    struct addr mapped = addr_of("[::ffff:192.0.2.1]");
    assert_false(addr_is_equal(&a, &b));
    assert_true(addr_is_same_host(&a, &b));
    b.port = a.port;
    assert_true(addr_is_equal(&a, &b));
    assert_false(addr_is_same_host(&a, &mapped));
    struct addr link = addr_of("[fe80::1]"), other = link;
    other.scope_id = 2;
    assert_false(addr_is_same_host(&link, &other));
    a = addr_of("0.0.0.0");
    b = addr_of("[::]");
    struct addr none = {0};
    assert_true(addr_is_any(&a) && addr_is_any(&b));
    assert_false(addr_is_any(&link) || addr_is_any(&none));
}

static void socket_addresses_go_there_and_back(void **state)
{
    (void)state;
    static const char *const texts[] = {"192.0.2.1:5061", "[2001:db8::1]:1", "0.0.0.0:0"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct sockaddr_storage sa;
        struct addr a = addr_of(texts[i]), back;
        a.scope_id = a.family == 6 ? 3 : 0;
        socklen_t len = addr_to_sockaddr(&a, &sa);
        assert_int_equal(len,
                         a.family == 6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
        memset(&back, 0xff, sizeof back);
        assert_int_equal(addr_from_sockaddr((struct sockaddr *)&sa, &back), 0);
        assert_true(addr_is_equal(&a, &back));
    }
    struct addr a;
    struct sockaddr_storage sa = {.ss_family = AF_UNIX};
    assert_int_equal(addr_from_sockaddr((struct sockaddr *)&sa, &a), ERR_PARSE);
}

/* Like inet_pton, on texts that are addresses or nearly so. */
static void numbers_are_read_as_the_system_reads_them(void **state)
{
    static const char letters[] = "0012345679....:a";
    (void)state;
    unsigned seed = 7;
    for (int i = 0; i < 200000; i++) {
        char text[20];
        size_t n = 0;
        const size_t want = 1 + seed % 17;
        for (; n < want; n++) {
            seed = seed * 1103515245 + 12345;
            text[n] = n % 3 == 2 && seed & 0x40000000 ? '.' : letters[(seed >> 16) % 16];
        }
        text[n] = '\0';
        struct in_addr ip;
        struct addr a;
        bool is_address = inet_pton(AF_INET, text, &ip) == 1;
        bool is_read = addr_parse_host((struct str){text, n}, &a) == 0 && a.family == 4;
        assert_int_equal(is_read, is_address);
        if (is_address)
            assert_memory_equal(a.ip, &ip, sizeof ip);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_parsed_strictly_and_printed_back),
        cmocka_unit_test(a_host_leaves_the_port_alone),
        cmocka_unit_test(hosts_are_compared_with_and_without_port),
        cmocka_unit_test(socket_addresses_go_there_and_back),
        cmocka_unit_test(numbers_are_read_as_the_system_reads_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
