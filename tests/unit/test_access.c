#include "unit.h"

#include "admin/access.h"

static const struct row {
    const char *token, *method, *host, *origin, *authorization;
    enum access_verdict expected;
} rows[] = {
    /* Without a token: reading, from this machine. */
    {NULL, "GET", "localhost", NULL, NULL, ACCESS_GRANTED},
    {NULL, "HEAD", "LOCALHOST:8060", NULL, NULL, ACCESS_GRANTED},
    {NULL, "GET", "127.0.0.1:8060", NULL, NULL, ACCESS_GRANTED},
    {NULL, "GET", "127.9.9.9", NULL, NULL, ACCESS_GRANTED},
    {NULL, "GET", "[::1]:8060", NULL, NULL, ACCESS_GRANTED},
    {NULL, "GET", "[::1]", NULL, NULL, ACCESS_GRANTED},
    {NULL, "GET", "[::2]", NULL, NULL, ACCESS_FOREIGN_HOST},
    {NULL, "GET", "localhost.evil.example", NULL, NULL, ACCESS_FOREIGN_HOST},
    {NULL, "GET", "127.0.0.1.evil.example:8060", NULL, NULL, ACCESS_FOREIGN_HOST},
    {NULL, "GET", "10.0.0.1", NULL, NULL, ACCESS_FOREIGN_HOST},
    {NULL, "GET", "", NULL, NULL, ACCESS_FOREIGN_HOST},
    {NULL, "GET", NULL, NULL, NULL, ACCESS_FOREIGN_HOST},
    {NULL, "PUT", "localhost", NULL, NULL, ACCESS_READ_ONLY},
    {NULL, "POST", "localhost", NULL, "Bearer x", ACCESS_READ_ONLY},
    {NULL, "get", "localhost", NULL, NULL, ACCESS_READ_ONLY},
    /* With a token "s3cret:1": everything, but with it only. */
    {"s3cret:1", "GET", "localhost", NULL, NULL, ACCESS_NO_TOKEN},
    {"s3cret:1", "GET", "h", NULL, "Bearer s3cret:1", ACCESS_GRANTED},
    {"s3cret:1", "POST", "h", NULL, "bearer  s3cret:1 ", ACCESS_GRANTED},
    {"s3cret:1", "GET", "h", NULL, "Bearer s3cret:2", ACCESS_NO_TOKEN},
    {"s3cret:1", "GET", "h", NULL, "Bearer s3cret:", ACCESS_NO_TOKEN},
    {"s3cret:1", "GET", "h", NULL, "Bearer s3cret:12", ACCESS_NO_TOKEN},
    {"s3cret:1", "GET", "h", NULL, "Bearer ", ACCESS_NO_TOKEN},
    {"s3cret:1", "GET", "h", NULL, "s3cret:1", ACCESS_NO_TOKEN},
    {"s3cret:1", "GET", "h", NULL, "Basic YWRtaW46czNjcmV0OjE=", ACCESS_GRANTED}, /* admin:… */
    {"s3cret:1", "GET", "h", NULL, "Basic OnMzY3JldDox", ACCESS_GRANTED},         /* :… */
    {"s3cret:1", "GET", "h", NULL, "Basic czNjcmV0OjE=", ACCESS_NO_TOKEN},        /* no name */
    {"s3cret:1", "GET", "h", NULL, "Basic YWRtaW46czNjcmV0OjI=", ACCESS_NO_TOKEN},
    {"s3cret:1", "GET", "h", NULL, "Basic ====", ACCESS_NO_TOKEN},
    {"s3cret:1", "GET", "h", NULL, "Basic YWRt=", ACCESS_NO_TOKEN},
    {"s3cret:1", "GET", "h", NULL, "Basic \xff\xff\xff\xff", ACCESS_NO_TOKEN},
    {"s3cret:1", "GET", "h", NULL, "Basic", ACCESS_NO_TOKEN},
    {"s3cret:1", "GET", "h", NULL, "Digest s3cret:1", ACCESS_NO_TOKEN},
    /* What a browser sends along by itself does not help another site's page. */
    {"t", "POST", "h:80", "http://evil.example", "Bearer t", ACCESS_CROSS_SITE},
    {"t", "POST", "h:80", "null", "Bearer t", ACCESS_CROSS_SITE},
    {"t", "POST", "h:80", "", "Bearer t", ACCESS_CROSS_SITE},
    {"t", "POST", "h:80", "http://H:80", "Bearer t", ACCESS_GRANTED},
    {"t", "GET", "h:80", "http://evil.example", "Bearer t", ACCESS_GRANTED},
};

static void what_others_say_needs_a_token(void **state)
{
    struct access_request q = {.method = STR("GET"), .host = STR("localhost")};
    (void)state;
    q.path = STR("/api/v1/trace");
    assert_int_equal(access_decide(STR_NONE, &q), ACCESS_TOKEN_ONLY);
    q.path = STR("/api/v1/export");
    assert_int_equal(access_decide(STR_NONE, &q), ACCESS_TOKEN_ONLY);
    q.path = STR("/api/v1/aors");
    assert_int_equal(access_decide(STR_NONE, &q), ACCESS_GRANTED);
    q.path = STR("/api/v1/trace");
    q.authorization = STR("Bearer t");
    assert_int_equal(access_decide(STR("t"), &q), ACCESS_GRANTED);
}

/* A browser adds Basic credentials by itself, whoever makes it ask. */
static void no_other_page_takes_the_places_of_traces(void **state)
{
    static const struct {
        const char *authorization, *origin, *fetch_site, *user_agent;
        enum access_verdict expected;
    } cases[] = {
        {"Basic OnQ=", NULL, NULL, "curl/8", ACCESS_GRANTED},
        {"Basic OnQ=", NULL, NULL, NULL, ACCESS_GRANTED},
        {"Bearer t", NULL, NULL, "Mozilla/5.0", ACCESS_GRANTED},
        {"Basic OnQ=", NULL, NULL, "Mozilla/5.0", ACCESS_CROSS_SITE},
        {"Basic OnQ=", NULL, "cross-site", "Mozilla/5.0", ACCESS_CROSS_SITE},
        {"Basic OnQ=", NULL, "same-site", "Mozilla/5.0", ACCESS_CROSS_SITE},
        {"Basic OnQ=", NULL, "same-origin", "Mozilla/5.0", ACCESS_GRANTED},
        {"Basic OnQ=", NULL, "none", "Mozilla/5.0", ACCESS_GRANTED},
        {"Basic OnQ=", "http://evil.example", "same-origin", "Mozilla/5.0", ACCESS_CROSS_SITE},
        {"Bearer t", "http://evil.example", NULL, "Mozilla/5.0", ACCESS_CROSS_SITE},
        {"Bearer t", "http://h:80", "same-origin", "Mozilla/5.0", ACCESS_GRANTED},
        {"Bearer t", NULL, "cross-site", "Mozilla/5.0", ACCESS_CROSS_SITE},
    };
    static const char *const paths[] = {"/api/v1/trace", "/api/v1/export", "/api/v1/status"};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t k = 0; k < 3; k++) {
            struct access_request q = {.method = STR("GET"),
                                       .host = STR("h:80"),
                                       .authorization = str_of(cases[i].authorization),
                                       .origin = str_of(cases[i].origin),
                                       .fetch_site = str_of(cases[i].fetch_site),
                                       .user_agent = str_of(cases[i].user_agent),
                                       .path = str_of(paths[k])};
            if (access_decide(STR("t"), &q) != (k == 2 ? ACCESS_GRANTED : cases[i].expected))
                fail_msg("row %zu, %s", i, paths[k]);
        }
}

static void the_rules_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *r = &rows[i];
        struct access_request q = {.method = str_of(r->method),
                                   .host = str_of(r->host),
                                   .origin = str_of(r->origin),
                                   .authorization = str_of(r->authorization)};
        if (access_decide(str_of(r->token), &q) != r->expected)
            fail_msg("row %zu: %s %s %s", i, r->method, r->host ? r->host : "-",
                     r->authorization ? r->authorization : "-");
    }
}

static void an_endless_password_is_refused(void **state)
{
    (void)state;
    char text[10006];
    memset(text, 'A', sizeof text);
    memcpy(text, "Basic ", 6);
    struct access_request q = {
        .method = STR("GET"), .host = STR("h"), .authorization = {text, sizeof text}};
    assert_int_equal(access_decide(STR("t"), &q), ACCESS_NO_TOKEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rules_hold),
        cmocka_unit_test(what_others_say_needs_a_token),
        cmocka_unit_test(no_other_page_takes_the_places_of_traces),
        cmocka_unit_test(an_endless_password_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
