/* The servers that are given by a name: whose a source is, and what a new list takes away. */
#include "unit.h"

#include <stdlib.h>

#include "service/roster.h"

static struct addr addr_of(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(str_of(text), 5060, &a), 0);
    return a;
}

static struct conf_server servers[] = {
    {.uri = {"sip:a.example", 13}, .is_named = true},
    {.uri = {"sip:192.0.2.1", 13}, .has_transport = true},
    {.uri = {"sip:b.example", 13}, .is_named = true},
    {.uri = {"sip:udp.example", 15}, .is_named = true, .has_transport = true},
    {.uri = {"sips:tls.example", 16}, .is_named = true},
};
static struct conf_net trusted = {.bits = 24};
static struct conf_upstream upstreams[] = {
    {.name = "one", .servers = servers, .n_servers = 2},
    {.name = "two", .servers = &servers[2], .n_servers = 3, .trusted = &trusted, .n_trusted = 1},
};
static const struct conf conf = {.upstreams = upstreams, .n_upstreams = 2};

static void count_gone(const struct locate_target *t, void *arg)
{
    size_t *n = arg;
    (void)t;
    ++*n;
}

/* How many of the old list are gone. */
static size_t take(struct roster *r, const char *uri, const char *first, const char *second)
{
    struct locate_target targets[2] = {{.addr = addr_of(first)}, {.addr = addr_of(second)}};
    size_t n = 0;
    struct roster_list *list = roster_list_new(str_of(uri), targets, 2);
    assert_non_null(list);
    roster_take(r, list, count_gone, &n);
    return n;
}

static const char *owner(const struct roster *r, const char *source, enum flow_transport transport)
{
    struct addr a = addr_of(source);
    const struct conf_upstream *u = roster_owner(r, &conf, &a, transport);
    return u ? u->name : "";
}

static void sources_follow_the_list(void **state)
{
    (void)state;
    struct roster *r;
    servers[1].addr = addr_of("192.0.2.1");
    trusted.addr = addr_of("203.0.113.0");
    assert_int_equal(roster_new(&r), 0);
    assert_string_equal(owner(r, "203.0.113.5", FLOW_UDP), "two");
    assert_string_equal(owner(r, "198.51.100.1", FLOW_UDP), "");
    assert_int_equal(roster_count(r, &upstreams[0]), 1);
    assert_int_equal(take(r, "sip:a.example", "198.51.100.1", "203.0.113.5:5070"), 0);
    assert_int_equal(take(r, "sip:b.example", "192.0.2.1", "192.0.2.2"), 0);
    assert_int_equal(roster_count(r, &upstreams[0]), 3);
    assert_string_equal(owner(r, "198.51.100.1", FLOW_UDP), "one");
    assert_string_equal(owner(r, "198.51.100.1:5061", FLOW_UDP), "");
    assert_string_equal(owner(r, "198.51.100.1:40000", FLOW_TCP), "one");
    /* An address that is configured goes before what the DNS says, and that before a network. */
    assert_string_equal(owner(r, "192.0.2.1", FLOW_UDP), "one");
    assert_string_equal(owner(r, "203.0.113.5:5070", FLOW_UDP), "one");
    assert_int_equal(take(r, "sip:a.example", "198.51.100.2", "198.51.100.1"), 1);
    assert_string_equal(owner(r, "203.0.113.5:5070", FLOW_UDP), "two");
    assert_string_equal(owner(r, "198.51.100.2", FLOW_UDP), "one");
    assert_int_equal(take(r, "sip:a.example", "198.51.100.2:1", "198.51.100.3"), 2);
    roster_free(r);
}

static void lists_go_with_their_servers(void **state)
{
    (void)state;
    static struct conf less = {.upstreams = upstreams, .n_upstreams = 1};
    struct roster *r;
    assert_int_equal(roster_new(&r), 0);
    (void)take(r, "sip:a.example", "198.51.100.1", "198.51.100.2");
    (void)take(r, "sip:b.example", "198.51.100.3", "198.51.100.4");
    roster_sync(r, &conf);
    assert_non_null(roster_find(r, STR("sip:b.example")));
    roster_sync(r, &less);
    assert_null(roster_find(r, STR("sip:b.example")));
    assert_non_null(roster_find(r, STR("sip:a.example")));
    assert_string_equal(owner(r, "198.51.100.3", FLOW_UDP), "");
    roster_free(r);
}

static void a_source_is_believed_by_the_configured_transport(void **state)
{
    (void)state;
    struct roster *r;
    struct locate_target tls = {.addr = addr_of("198.51.100.5:5061"), .transport = LOCATE_TLS};
    struct roster_list *list = roster_list_new(STR("sips:tls.example"), &tls, 1);
    size_t n = 0;
    assert_int_equal(roster_new(&r), 0);
    assert_non_null(list);
    roster_take(r, list, count_gone, &n);
    (void)take(r, "sip:udp.example", "198.51.100.3", "198.51.100.4");
    assert_string_equal(owner(r, "198.51.100.3:5060", FLOW_UDP), "two");
    assert_string_equal(owner(r, "198.51.100.3:40000", FLOW_TCP), "");
    assert_string_equal(owner(r, "198.51.100.3:5060", FLOW_TLS), "");
    assert_string_equal(owner(r, "198.51.100.5:40000", FLOW_TLS), "two");
    assert_string_equal(owner(r, "198.51.100.5:40000", FLOW_TCP), "");
    assert_string_equal(owner(r, "198.51.100.5:5061", FLOW_UDP), "");
    roster_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sources_follow_the_list),
        cmocka_unit_test(lists_go_with_their_servers),
        cmocka_unit_test(a_source_is_believed_by_the_configured_transport),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
