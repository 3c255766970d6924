#include "unit.h"

#include <time.h>

#include "conf/upcreds.h"
#include "conffile.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define HEX32        "0123456789abcdef0123456789abcdef"
#define HEX64        HEX32 HEX32

/* A configuration with two domains, which have the file in common. */
static int load_with(const char *option, struct conf **out)
{
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "listen \"a\" { address = \"udp:127.0.0.1:5060\" }\n"
                   "upstream \"u\" { servers = \"sip:192.0.2.1\" }\n"
                   "domain \"example.com\" { aliases = \"Alias.example\" %s }\n"
                   "domain \"loose.example\" { case-sensitive = no %s }\n",
                   option, option);
    return load(text, out);
}

static int load_lines(const char *lines, struct conf **out)
{
    char option[256];
    (void)snprintf(option, sizeof option, "upstream-credentials = \"%s/creds\"", directory);
    write_file("creds", lines, 0600);
    return load_with(option, out);
}

static const struct {
    const char *lines;
    const char *expected; /* said, behind the file's name */
} bad[] = {
    {"x", ":1: too few values, expected WHO USER REALM and plain:PASSWORD or ha1:ALGORITHM:HEX"},
    {"\n\n# c\na@example.com u", ":4: too few values"},
    {"a@example.com u r", ":1: too few values"},
    {"a@example.com u r ", ":1: no secret, expected plain:PASSWORD or ha1:ALGORITHM:HEX"},
    {"a@example.com u r sesame", ":1: no secret"},
    {"a@example.com u r PLAIN:sesame", ":1: no secret"},
    {"a@example.com u r plain:", ":1: the password is empty"},
    {"a@example.com u r plain:sesame ", ":1: the password begins or ends with a blank"},
    {"a@example.com u r plain: sesame", ":1: the password begins or ends with a blank"},
    {"a@example.com u r plain:ses\001ame", ":1: a control character"},
    {"a@example.com u r ha1:", ":1: unknown algorithm, expected ha1: with MD5, SHA-256"},
    {"a@example.com u r ha1:SHA-1:" HEX32, ":1: unknown algorithm"},
    {"a@example.com u r ha1:MD5-sess:" HEX32, ":1: unknown algorithm"},
    {"a@example.com u r ha1:MD5", ":1: expected 32 hexadecimal digits"},
    {"a@example.com u r ha1:MD5:" HEX64, ":1: expected 32 hexadecimal digits"},
    {"a@example.com u r ha1:SHA-256:" HEX32, ":1: expected 64 hexadecimal digits"},
    {"a@example.com u r ha1:MD5:g123456789abcdef0123456789abcdef",
     ":1: the hash has a character that is no hexadecimal digit"},
    {"a@example.com u * ha1:MD5:" HEX32, ":1: a hash is made for one realm, expected that"},
    {"a@example.com \"\" r plain:sesame", ":1: USER is empty"},
    {"a@example.com,,r,plain:sesame", ":1: USER is empty"},
    {"a@example.com \"u r plain:sesame", ":1: a quote is open"},
    {"a@example.com \"u\\", ":1: a quote is open"},
    {"a@example.com \"u\"r plain:sesame", ":1: too few values"},
    {"example.com u r plain:sesame", ":1: WHO is not right, expected an AoR like"},
    {"http://a@example.com u r plain:sesame", ":1: WHO is not right"},
    {"a@b@example.com u r plain:sesame", ":1: WHO is not right"},
    {"a@example.com u r plain:sesame\na@example.com v r plain:other",
     ":2: line 1 has this WHO, realm and algorithm already, expected one"},
    {"a@example.com u r plain:sesame\na@ALIAS.example. v r ha1:MD5:" HEX32, ":2: line 1 has this"},
    {"@example.com u * plain:sesame\n@alias.example v \"\" plain:sesame", ":2: line 1 has this"},
    {"A@loose.example u r ha1:MD5:" HEX32 "\na@loose.example u r ha1:MD5:" HEX32,
     ":2: line 1 has this"},
};

static void mistakes_are_named_with_file_and_line_but_no_secret(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct conf *c = NULL;
        char expected[512];
        assert_int_equal(load_lines(bad[i].lines, &c), ERR_BADCONF);
        assert_null(c);
        (void)snprintf(expected, sizeof expected,
                       "E t.conf:3: domain \"example.com\" upstream-credentials: %s/creds%s",
                       directory, bad[i].expected);
        if (!strstr(said, expected))
            fail_msg("%s\nsaid: %snot: %s", bad[i].lines, said, expected);
        assert_null(strstr(said, "sesame"));
        assert_null(strstr(said, "0123"));
    }
}

static const char good[] =
    "# comment\r\n"
    "\n"
    " \t# another\n"
    "alice@example.com  4711  pbx  plain:open sesame, \"please\"\r\n"
    "sip:%62ob@EXAMPLE.com:5060;user=phone,bob,\"a \\\"b\\\\c\\\" d\",plain:p\n"
    "tel:+31-20-123\tt\t*\tplain:#\n"
    "+31201234567@alias.example , n , r1 , ha1:md5:ABCDEF"
    "6789abcdef0123456789abcdef\n"
    "+31201234567@example.com n r1 ha1:SHA-256:" HEX64 "\n"
    "@example.com trunk r1 plain:s3cret\n"
    "@example.com any * plain:any\n"
    "@Loose.Example l * plain:loose\n"
    "Alice@loose.example A r plain:a";

static const struct {
    const char *aor, *domain, *realm;
    enum digest_algorithm algorithm;
    const char *user, *password, *ha1; /* user NULL: nobody */
} asked[] = {
    {"alice@example.com", "example.com", "pbx", DIGEST_MD5, "4711", "open sesame, \"please\"",
     NULL},
    {"alice@example.com", "example.com", "pbx", DIGEST_SHA_512_256, "4711",
     "open sesame, \"please\"", NULL},
    {"alice@example.com", "example.com", "r1", DIGEST_MD5, "trunk", "s3cret", NULL},
    {"alice@example.com", "example.com", "PBX", DIGEST_MD5, "any", "any", NULL},
    {"Alice@example.com", "example.com", "pbx", DIGEST_MD5, "any", "any", NULL},
    {"bob@example.com", "example.com", "a \"b\\c\" d", DIGEST_MD5, "bob", "p", NULL},
    {"+3120123", "example.com", "whatever", DIGEST_MD5, "t", "#", NULL},
    {"+31201234567@example.com", "example.com", "r1", DIGEST_MD5, "n", NULL,
     "abcdef6789abcdef0123456789abcdef"},
    {"+31201234567@example.com", "example.com", "r1", DIGEST_SHA_256, "n", NULL, HEX64},
    {"+31201234567@example.com", "example.com", "r1", DIGEST_SHA_512_256, "trunk", "s3cret", NULL},
    {"alice@loose.example", "loose.example", "r", DIGEST_MD5, "A", "a", NULL},
    {"bob@loose.example", "loose.example", "", DIGEST_MD5, "l", "loose", NULL},
    {"bob@third.example", "third.example", "r1", DIGEST_MD5, NULL, NULL, NULL},
};

static void the_most_particular_account_is_found(void **state)
{
    (void)state;
    struct conf *conf = NULL;
    if (load_lines(good, &conf))
        fail_msg("refused: %s", said);
    assert_int_equal(said_len, 0);
    const struct upcreds *c = conf->domains[0].upcreds;
    assert_ptr_equal(conf->domains[1].upcreds, c); /* read once */
    assert_int_equal(conf->n_upcreds, 1);
    assert_int_equal(upcreds_size(c), 9);
    for (size_t i = 0; i < COUNT(asked); i++) {
        struct upcreds_account a;
        const struct upcreds_query q = {.aor = str_of(asked[i].aor),
                                        .domain = str_of(asked[i].domain),
                                        .realm = str_of(asked[i].realm),
                                        .algorithm = asked[i].algorithm};
        bool is_found = upcreds_find(c, &q, &a);
        assert_int_equal(is_found, asked[i].user != NULL);
        assert_int_equal(upcreds_has(c, q.aor, q.domain), is_found);
        if (!is_found)
            continue;
        assert_true(str_eq(a.user, str_of(asked[i].user)));
        assert_true(str_eq(a.password, str_of(asked[i].password)));
        assert_true(str_eq(a.ha1, str_of(asked[i].ha1)));
        assert_int_equal(str_is_none(a.password), asked[i].password == NULL);
    }
    assert_false(upcreds_has(NULL, STR("alice@example.com"), STR("example.com")));
    conf_unref(conf);
}

static void lines_of_other_domains_are_left_out(void **state)
{
    (void)state;
    struct conf *conf = NULL;
    assert_int_equal(load_lines("a@else.example u r plain:p\n@example.com u r plain:p\n"
                                "@else.example u r plain:p\n",
                                &conf),
                     0);
    assert_non_null(strstr(said, "/creds:1: the domain is not served here; 2 lines in all are left "
                                 "out for that\n"));
    assert_null(strstr(strchr(said, '\n') + 1, "\n"));
    assert_int_equal(upcreds_size(conf->domains[0].upcreds), 1);
    conf_unref(conf);
}

static void the_file_is_for_its_owner_alone(void **state)
{
    (void)state;
    struct conf *conf = NULL;
    char option[256];
    (void)snprintf(option, sizeof option, "upstream-credentials = \"%s/creds\"", directory);
    write_file("creds", "@example.com u r plain:p\n", 0640);
    assert_int_equal(load_with(option, &conf), ERR_BADCONF);
    assert_non_null(strstr(said, "has mode 0640: others than its owner may use it; expected 0600"));
    assert_int_equal(unlink("creds"), 0);
    assert_int_equal(load_with(option, &conf), ERR_BADCONF);
    assert_non_null(strstr(said, "cannot be read: No such file or directory"));
    assert_int_equal(mkdir("creds", 0700), 0);
    assert_int_equal(load_with(option, &conf), ERR_BADCONF);
    assert_non_null(strstr(said, "is not a regular file"));
    assert_int_equal(rmdir("creds"), 0);
    assert_int_equal(load_with("upstream-credentials = \"creds\"", &conf), ERR_BADCONF);
    assert_non_null(strstr(said, "is not right, expected an absolute path or \"\""));
    /* off, and the default, which need not be there */
    assert_int_equal(load_with("upstream-credentials = \"\"", &conf), 0);
    assert_null(conf->domains[0].upcreds);
    conf_unref(conf);
    if (access("/etc/breakwater/upstream-credentials", F_OK) != 0) {
        assert_int_equal(load_with("", &conf), 0);
        assert_null(conf->domains[0].upcreds);
        conf_unref(conf);
    }
}

static void an_empty_file_is_a_file(void **state)
{
    (void)state;
    struct conf *conf = NULL;
    assert_int_equal(load_lines("", &conf), 0);
    assert_int_equal(upcreds_size(conf->domains[0].upcreds), 0);
    assert_false(upcreds_has(conf->domains[0].upcreds, STR("a@example.com"), STR("example.com")));
    conf_unref(conf);
}

static double seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Also many lines of one WHO, which a table by WHO alone would take for ever with. */
static void large_files_are_read_in_seconds(void **state)
{
    (void)state;
    enum { N = 100000 };
    struct conf *conf = NULL;
    char *text = malloc((size_t)2 * N * 64);
    size_t n = 0;
    assert_non_null(text);
    for (int i = 0; i < N; i++)
        n += (size_t)snprintf(text + n, 64, "u%d@example.com u%d pbx plain:secret-%d\n", i, i, i);
    for (int i = 0; i < N; i++)
        n += (size_t)snprintf(text + n, 64, "@example.com t realm-%d plain:secret\n", i);
    double start = seconds();
    assert_int_equal(load_lines(text, &conf), 0);
    double took = seconds() - start;
    print_message("%d lines in %.2f s\n", 2 * N, took);
    assert_true(took < 10);
    assert_int_equal(upcreds_size(conf->domains[0].upcreds), 2 * N);
    struct upcreds_account a;
    const struct upcreds_query q = {.aor = STR("u99999@example.com"),
                                    .domain = STR("example.com"),
                                    .realm = STR("pbx"),
                                    .algorithm = DIGEST_MD5};
    assert_true(upcreds_find(conf->domains[0].upcreds, &q, &a));
    assert_str(a.password, "secret-99999");
    conf_unref(conf);
    free(text);
}

static void load_unheard(void *arg)
{
    struct conf *c = NULL;
    said_len = 0;
    (void)conf_load(arg, hear, NULL, &c);
    conf_unref(c);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    struct conf *conf = NULL;
    char name[] = "t.conf";
    assert_int_equal(load_lines(good, &conf), 0);
    conf_unref(conf);
    assert_true(oom_sweep(load_unheard, name) > 10);
}

static int leave(void **state)
{
    (void)unlink("creds");
    return leave_directory(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_named_with_file_and_line_but_no_secret),
        cmocka_unit_test(the_most_particular_account_is_found),
        cmocka_unit_test(lines_of_other_domains_are_left_out),
        cmocka_unit_test(the_file_is_for_its_owner_alone),
        cmocka_unit_test(an_empty_file_is_a_file),
        cmocka_unit_test(large_files_are_read_in_seconds),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, enter_directory, leave);
}
