/* The options of authentication = local. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "conf/conf.h"
#include "conf/credentials.h"

#define H32 "0123456789abcdef0123456789abcdef"
#define SERVES                                                                                     \
    "listen \"a\" { address = \"udp:127.0.0.1:5060\" }\n"                                          \
    "upstream \"u\" { servers = \"sip:192.0.2.1\" }\n"
#define LOCAL  SERVES "domain \"example.com\" {\n authentication = local\n credentials = \"%s/c\"\n"
#define SHARED "domain \"b.example\" { authentication = local credentials = \"%s/c\" }\n"

static char directory[] = "/tmp/test_conf_local.XXXXXX";
static char said[8192];
static size_t said_len;

static void hear(bool is_error, const char *text, void *arg)
{
    (void)arg;
    int n =
        snprintf(said + said_len, sizeof said - said_len, "%s %s\n", is_error ? "E" : "W", text);
    said_len += (size_t)n < sizeof said - said_len ? (size_t)n : 0;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
    (void)unlink(name);
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

/* Each %s of the text is the directory. */
static int load(const char *text, struct conf **out)
{
    char full[4096];
    struct buf b = buf_over(full, sizeof full - 1);
    for (const char *at = text; *at; at++) {
        bool is_here = at[0] == '%' && at[1] == 's';
        buf_add(&b, is_here ? str_of(directory) : (struct str){at, 1});
        at += is_here;
    }
    full[b.len] = '\0';
    write_file("t.conf", full, 0600);
    said[said_len = 0] = '\0';
    return conf_load("t.conf", hear, NULL, out);
}

static struct conf *load_good(const char *text)
{
    struct conf *c = NULL;
    if (load(text, &c))
        fail_msg("refused: %s", said);
    return c;
}

static void assert_said(const char *text)
{
    if (!strstr(said, text))
        fail_msg("said: %s, wanted: %s", said, text);
}

static void defaults(void **state)
{
    (void)state;
    write_file("c", "alice:example.com:" H32 "\nbob:example.com:" H32 "\n", 0600);
    struct conf *c = load_good(LOCAL "}");
    const struct conf_domain *d = &c->domains[0];
    assert_string_equal(said, "");
    assert_int_equal(d->absorb.authentication, AUTH_LOCAL);
    assert_int_equal(d->algorithms, 1 << DIGEST_SHA_256 | 1 << DIGEST_MD5);
    assert_str(d->realm, "example.com");
    assert_false(d->is_no_qop_allowed);
    assert_int_equal(credentials_size(d->credentials), 2);
    assert_int_equal(c->n_credentials_lines, 2);
    conf_unref(c);
}

static void everything_that_can_be_said_is_taken(void **state)
{
    (void)state;
    write_file("c", "alice:a realm:" H32 "\n", 0600);
    struct conf *c = load_good(LOCAL "algorithms = {\"MD5\", \"SHA-512-256\"}\nallow-no-qop = yes\n"
                                     "realm = \"a realm\" }");
    const struct conf_domain *d = &c->domains[0];
    assert_string_equal(said, "");
    assert_int_equal(d->algorithms, 1 << DIGEST_SHA_512_256 | 1 << DIGEST_MD5);
    assert_str(d->realm, "a realm");
    assert_true(d->is_no_qop_allowed);
    conf_unref(c);
}

/* One file, one table; a domain that asks for no proof has none. */
static void domains_share_a_file(void **state)
{
    (void)state;
    write_file("c", "alice:example.com:" H32 "\nbob:b.example:" H32 "\n", 0600);
    struct conf *c = load_good(LOCAL "}" SHARED "domain \"c.example\" { }");
    assert_int_equal(c->n_credentials, 1);
    assert_ptr_equal(c->domains[0].credentials, c->domains[1].credentials);
    assert_null(c->domains[2].credentials);
    assert_int_equal(c->n_credentials_lines, 2);
    conf_unref(c);
}

static const struct {
    const char *text, *fault;
} bad[] = {
    {LOCAL "algorithms = \"SHA-1\" }",
     "E t.conf:6: domain \"example.com\" algorithms: \"SHA-1\" is not right, expected one of MD5, "
     "SHA-256, SHA-512-256"},
    {LOCAL "realm = 'a\"b' }", "E t.conf:6: domain \"example.com\" realm: \"a\"b\" is not right, "
                               "expected a text of at most 255 characters without quotes"},
    {LOCAL "allow-no-qop = perhaps }",
     "allow-no-qop: \"perhaps\" is not right, expected yes or no"},
    {SERVES "domain \"example.com\" { authentication = local\n credentials = \"c\" }",
     "E t.conf:4: domain \"example.com\" credentials: \"c\" is not right, expected an absolute"},
    {SERVES "domain \"example.com\" { authentication = local\n credentials = \"%s/none\" }",
     "E t.conf:4: domain \"example.com\" credentials: \"/tmp/test_conf_local."},
    {SERVES "domain \"example.com\" { authentication = local\n credentials = \"%s/none\" }",
     "/none\": cannot be read: No such file or directory, expected a file of lines"},
    {SERVES "domain \"example.com\" { authentication = local\n credentials = \"%s/open\" }",
     "/open\": has mode 0644: others than its owner may use it; expected 0600"},
    {SERVES "domain \"example.com\" {\n\n authentication = digest }",
     "E t.conf:5: domain \"example.com\" authentication: \"digest\" is not right, expected one of "
     "relay, local, trusted"},
    {SERVES "domain \"example.com\" { authentication = local\n credentials = \"%s/broken\" }",
     "/broken:2: expected user:realm:hash or user:realm:hash:algorithm"},
};

static void mistakes_are_named(void **state)
{
    (void)state;
    write_file("c", "alice:example.com:" H32 "\n", 0600);
    write_file("open", "alice:example.com:" H32 "\n", 0644);
    write_file("broken", "alice:example.com:" H32 "\nbob\n", 0600);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct conf *c = NULL;
        assert_int_equal(load(bad[i].text, &c), ERR_BADCONF);
        assert_null(c);
        assert_said(bad[i].fault);
    }
}

static const struct {
    const char *text, *warning;
} doubtful[] = {
    {SERVES "domain \"example.com\" {\n algorithms = \"MD5\" }",
     "W t.conf:4: domain \"example.com\" algorithms: has no effect, expected authentication = "
     "local with it"},
    {SERVES "domain \"example.com\" {\n realm = \"x\" }",
     "W t.conf:4: domain \"example.com\" realm: "
     "has no effect"},
    {SERVES "domain \"example.com\" {\n credentials = \"/x\" }", "credentials: has no effect"},
    {SERVES "domain \"example.com\" {\n allow-no-qop = yes }", "allow-no-qop: has no effect"},
    {LOCAL "realm = \"other.example\" }", "/c has no line for the realm \"other.example\", so "
                                          "nobody can register"},
    {LOCAL "algorithms = \"SHA-256\" }",
     "1 of 2 users of the realm \"example.com\" have no line for any of the algorithms, so they "
     "cannot register"},
};

static void what_looks_like_a_mistake_is_a_warning(void **state)
{
    (void)state;
    write_file("c", "alice:example.com:" H32 "\nbob:example.com:" H32 H32 ":SHA-256\n", 0600);
    for (size_t i = 0; i < sizeof doubtful / sizeof doubtful[0]; i++) {
        conf_unref(load_good(doubtful[i].text));
        assert_said(doubtful[i].warning);
    }
}

static void ignore(bool is_error, const char *text, void *arg)
{
    (void)is_error;
    (void)text;
    (void)arg;
}

static void load_unheard(void *arg)
{
    struct conf *c = NULL;
    (void)arg;
    if (conf_load("t.conf", ignore, NULL, &c) == 0)
        conf_unref(c);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    write_file("c", "alice:example.com:" H32 "\nbob:b.example:" H32 "\n", 0600);
    conf_unref(load_good(LOCAL "}" SHARED));
    assert_true(oom_sweep(load_unheard, NULL) > 8);
}

static int enter(void **state)
{
    (void)state;
    return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int leave(void **state)
{
    static const char *const files[] = {"t.conf", "c", "open", "broken"};
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        (void)unlink(files[i]);
    return chdir("/") == 0 ? rmdir(directory) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(everything_that_can_be_said_is_taken),
        cmocka_unit_test(domains_share_a_file),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(what_looks_like_a_mistake_is_a_warning),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
