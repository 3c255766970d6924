#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "conf/credentials.h"

#define H32 "0123456789abcdef0123456789ABCDEF"
#define H64 H32 H32
#define SIP STR("example.com")

enum { MD5 = 1 << DIGEST_MD5, SHA = 1 << DIGEST_SHA_256, SHA5 = 1 << DIGEST_SHA_512_256, ALL = 7 };

static char directory[] = "/tmp/test_credentials.XXXXXX";
static char said[4096];

static void hear(bool is_error, const char *text, void *arg)
{
    (void)is_error;
    (void)arg;
    (void)snprintf(said, sizeof said, "%s", text);
}

static int load(struct credentials **out)
{
    struct findings f = {.path = "t.conf", .say = hear};
    const struct credentials_place place = {7, "example.com"};
    said[0] = '\0';
    return credentials_load(&f, &place, "c", out);
}

static void put(const char *text, mode_t mode)
{
    (void)unlink("c");
    int fd = open("c", O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static struct credentials *load_good(const char *text)
{
    struct credentials *c = NULL;
    put(text, 0600);
    if (load(&c))
        fail_msg("%s", said);
    return c;
}

static bool has(const struct credentials *c, const char *user, const char *realm,
                enum digest_algorithm algorithm)
{
    struct credentials_ha1 ha1 = {.n = 0};
    static const uint8_t begin[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    if (!credentials_find(c, str_of(user), str_of(realm), algorithm, &ha1))
        return false;
    assert_int_equal(ha1.n, algorithm == DIGEST_MD5 ? 16 : 32);
    assert_memory_equal(ha1.bytes, begin, sizeof begin);
    assert_memory_equal(ha1.bytes + ha1.n - sizeof begin, begin, sizeof begin);
    return true;
}

static void each_line_is_found_and_no_other(void **state)
{
    (void)state;
    struct credentials *c = load_good("# users\n"
                                      "alice:example.com:" H32 "\n"
                                      "alice:example.com:" H64 ":SHA-256\r\n"
                                      "\n"
                                      "alice:other.example:" H64 ":SHA-512-256\n"
                                      "bob:example.com:" H32 ":MD5\n"
                                      "a:b:c:" H32);
    assert_int_equal(credentials_size(c), 5);
    assert_true(has(c, "a", "b:c", DIGEST_MD5));
    assert_false(has(c, "a:b", "c", DIGEST_MD5));
    assert_string_equal(credentials_path(c), "c");
    assert_true(has(c, "alice", "example.com", DIGEST_MD5));
    assert_true(has(c, "alice", "example.com", DIGEST_SHA_256));
    assert_false(has(c, "alice", "example.com", DIGEST_SHA_512_256));
    assert_true(has(c, "alice", "other.example", DIGEST_SHA_512_256));
    assert_false(has(c, "alice", "other.example", DIGEST_MD5));
    assert_true(has(c, "bob", "example.com", DIGEST_MD5));
    assert_false(has(c, "Alice", "example.com", DIGEST_MD5));
    assert_false(has(c, "alic", "eexample.com", DIGEST_MD5));
    assert_false(has(c, "", "", DIGEST_MD5));
    assert_false(has(c, "alice:example.com", "", DIGEST_MD5));
    credentials_free(c);
}

static void an_empty_file_has_nobody(void **state)
{
    (void)state;
    uint64_t without;
    struct credentials *c = load_good("# nobody yet\n");
    assert_int_equal(credentials_size(c), 0);
    assert_false(has(c, "alice", "example.com", DIGEST_MD5));
    assert_int_equal(credentials_set(c, STR("alice"), SIP), 0);
    assert_int_equal(credentials_draw(c, SIP, 5), ALL);
    assert_int_equal(credentials_common(c, SIP), ALL);
    assert_int_equal(credentials_count(c, SIP, ALL, &without), 0);
    credentials_free(c);
}

/* Whoever asks for a user that there is not is told what he would be told of one that there is. */
static void the_unknown_are_like_the_known(void **state)
{
    (void)state;
    uint64_t without;
    unsigned n_drawn[ALL + 1] = {0};
    struct credentials *c = load_good("a:example.com:" H32 "\n"
                                      "b:example.com:" H64 ":SHA-256\n"
                                      "c:example.com:" H32 "\n"
                                      "b:example.com:" H32 "\n"
                                      "d:example.com:" H32 "\n"
                                      "x:other.example:" H64 ":SHA-512-256\n");
    assert_int_equal(credentials_set(c, STR("a"), SIP), MD5);
    assert_int_equal(credentials_set(c, STR("b"), SIP), MD5 | SHA);
    assert_int_equal(credentials_set(c, STR("x"), SIP), 0);
    for (uint64_t draw = 0; draw < 400; draw++)
        n_drawn[credentials_draw(c, SIP, draw)]++;
    assert_int_equal(n_drawn[MD5], 300);
    assert_int_equal(n_drawn[MD5 | SHA], 100);
    assert_int_equal(credentials_common(c, SIP), MD5);
    assert_int_equal(credentials_common(c, STR("other.example")), SHA5);
    assert_int_equal(credentials_count(c, SIP, SHA, &without), 4);
    assert_int_equal(without, 3);
    assert_int_equal(credentials_count(c, SIP, MD5 | SHA5, &without), 4);
    assert_int_equal(without, 0);
    credentials_free(c);
}

static const struct {
    const char *text, *fault;
} bad[] = {
    {"alice:example.com:secret\n", "c:1: the hash has something else than hexadecimal digits"},
    {"\n# x\nalice\n", "c:3: expected user:realm:hash or user:realm:hash:algorithm"},
    {"a:r:" H32 "\nb:r:" H32 ":SHA-256\n", "c:2: the hash has another length"},
    {"a:r:" H32 "\nb:r:" H32 "\na:r:" H32 ":MD5\n",
     "c:3: the user has a line for this algorithm already, expected one"},
    {"a:r:" H64 ":SHA-1\n", "c:1: the algorithm is not known, expected MD5"},
};

static void assert_refused(const char *fault)
{
    struct credentials *c = NULL;
    assert_int_equal(load(&c), ERR_BADCONF);
    assert_null(c);
    assert_non_null(strstr(said, "t.conf:7: domain \"example.com\" credentials: "));
    if (!strstr(said, fault))
        fail_msg("said: %s, wanted: %s", said, fault);
    assert_null(strstr(said, "secret"));
    assert_null(strstr(said, H32));
}

static void mistakes_are_named_with_their_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        put(bad[i].text, 0600);
        assert_refused(bad[i].fault);
    }
    static char longest[1 << 17];
    memset(longest, 'x', sizeof longest - 1);
    put(longest, 0600);
    assert_refused("c:1: the line is too long");
}

static void only_the_owner_may_be_able_to_use_it(void **state)
{
    (void)state;
    static const mode_t modes[] = {0604, 0602, 0601, 0640, 0620, 0610, 0644, 0666};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        put("a:r:" H32 "\n", modes[i]);
        assert_refused("others than its owner may use it; expected 0600");
    }
    struct credentials *c;
    put("a:r:" H32 "\n", 0400);
    assert_int_equal(load(&c), 0);
    credentials_free(c);
    (void)unlink("c");
    assert_refused("\"c\": cannot be read: No such file or directory");
    assert_int_equal(mkdir("c", 0700), 0);
    assert_refused("\"c\": is not a regular file");
    assert_int_equal(rmdir("c"), 0);
    assert_int_equal(mkfifo("c", 0600), 0);
    assert_refused("\"c\": is not a regular file");
}

/* Who may change the file may change what it says. Only root can give a file away. */
static void only_root_or_ourselves_may_own_it(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    put("a:r:" H32 "\n", 0600);
    assert_int_equal(chown("c", 65534, 65534), 0);
    assert_refused("\"c\": belongs to user 65534; expected root or the user of this process, 0");
    assert_int_equal(unlink("c"), 0);
}

static void load_once(void *arg)
{
    (void)arg;
    struct credentials *c = NULL;
    (void)load(&c);
    credentials_free(c);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    put("a:r:" H32 "\nb:s:" H32 "\n", 0600);
    assert_true(oom_sweep(load_once, NULL) > 4);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A million takes about a second; under a sanitizer on a busy machine some more. */
enum { LOAD_MAX_S = 30 };

/* Every user is found, in a table that is three quarters full. With BREAKWATER_SOAK=1 they are a
 * million, or as many as BREAKWATER_USERS says. */
static void many_users(void **state)
{
    (void)state;
    const char *asked = getenv("BREAKWATER_USERS");
    unsigned own = getenv("BREAKWATER_SOAK") ? 1000000 : 100000;
    unsigned n = asked ? (unsigned)strtoul(asked, NULL, 10) : own;
    (void)unlink("c");
    FILE *out = fopen("c", "w");
    assert_non_null(out);
    assert_int_equal(fchmod(fileno(out), 0600), 0);
    for (unsigned i = 0; i < n; i++)
        fprintf(out, "user%u:example.com:" H32 "\n", i);
    assert_int_equal(fclose(out), 0);
    struct credentials *c;
    double start = seconds();
    assert_int_equal(load(&c), 0);
    double loaded = seconds();
    assert_true(loaded - start < LOAD_MAX_S);
    for (unsigned i = 0; i < n; i++) {
        char user[24];
        snprintf(user, sizeof user, "user%u", i);
        assert_true(has(c, user, "example.com", DIGEST_MD5));
    }
    double found = seconds();
    assert_false(has(c, "user", "example.com", DIGEST_MD5));
    assert_int_equal(credentials_size(c), n);
    print_message("%u lines in %.2f s, %.2f us a look-up\n", n, loaded - start,
                  (found - loaded) * 1e6 / n);
    credentials_free(c);
}

static int enter(void **state)
{
    (void)state;
    return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    (void)unlink("c");
    return chdir("/") == 0 ? rmdir(directory) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_found_and_no_other),
        cmocka_unit_test(an_empty_file_has_nobody),
        cmocka_unit_test(the_unknown_are_like_the_known),
        cmocka_unit_test(mistakes_are_named_with_their_line),
        cmocka_unit_test(only_the_owner_may_be_able_to_use_it),
        cmocka_unit_test(only_root_or_ourselves_may_own_it),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(many_users),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
