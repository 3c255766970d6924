#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/passwd.h"

/* H(A1) of alice, example.com, secret: from Python's hashlib. */
#define ALICE                                                                                      \
    "alice:example.com:b1726872c344b6dc8365b774f8fd6412\n"                                         \
    "alice:example.com:"                                                                           \
    "ed8925b20f9a77b8f8f8d5f8e4467fe32b866f7208ab9e4b20595e9821a0fdee:SHA-256\n"                   \
    "alice:example.com:"                                                                           \
    "9e413627514b03d0753229d450617d94a9b2a2a635222e49bad90404c29e97ad:SHA-512-256\n"

#define HASH "0123456789abcdef0123456789abcdef"

static char directory[] = "/tmp/test_passwd.XXXXXX";
static const struct passwd_account alice = {{"alice", 5}, {"example.com", 11}, {"secret", 6}};

static void put(const char *text, mode_t mode)
{
    (void)unlink("c");
    int fd = open("c", O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void expect(const char *want, mode_t mode)
{
    static char got[1 << 17];
    struct stat st;
    int fd = open("c", O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, got, sizeof got - 1);
    assert_true(n >= 0);
    got[n] = '\0';
    assert_string_equal(got, want);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, mode);
    close(fd);
    assert_int_equal(access("c.new", F_OK), -1);
}

static const struct {
    const char *before, *after;
} rows[] = {
    {"", ALICE},
    {"# users\n\nbob:example.com:" HASH "\n", "# users\n\nbob:example.com:" HASH "\n" ALICE},
    {"bob:example.com:" HASH, "bob:example.com:" HASH "\n" ALICE},
    {"alice:example.com:" HASH "\nbob:example.com:" HASH "\n", ALICE "bob:example.com:" HASH "\n"},
    {"bob:r:" HASH "\nalice:example.com:" HASH HASH ":SHA-256\n# x\nalice:example.com:" HASH
     ":MD5\nz:r:" HASH "\n",
     "bob:r:" HASH "\n" ALICE "# x\nz:r:" HASH "\n"},
    {"alice:other.example:" HASH "\n", "alice:other.example:" HASH "\n" ALICE},
    {"alicex:example.com:" HASH "\n#alice:example.com:" HASH "\n",
     "alicex:example.com:" HASH "\n#alice:example.com:" HASH "\n" ALICE},
    {"what is this\r\nalice:example.com:1\n", "what is this\r\nalice:example.com:1\n" ALICE},
};

static void other_lines_and_the_mode_stay(void **state)
{
    (void)state;
    static const mode_t modes[] = {0600, 0400, 0640};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        mode_t mode = modes[i % 3];
        put(rows[i].before, mode);
        assert_int_equal(passwd_set("c", &alice), 0);
        expect(rows[i].after, mode);
        assert_int_equal(passwd_set("c", &alice), 0);
        expect(rows[i].after, mode);
    }
}

static void a_missing_file_is_made(void **state)
{
    (void)state;
    (void)unlink("c");
    mode_t old = umask(0);
    assert_int_equal(passwd_set("c", &alice), 0);
    umask(old);
    expect(ALICE, 0600);
}

/* The replacement must not end the link. */
static void a_link_stays_one(void **state)
{
    (void)state;
    struct stat st;
    put("bob:r:" HASH "\n", 0600);
    (void)unlink("link");
    assert_int_equal(symlink("c", "link"), 0);
    assert_int_equal(passwd_set("link", &alice), 0);
    assert_int_equal(lstat("link", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    expect("bob:r:" HASH "\n" ALICE, 0600);
}

static void what_cannot_be_done_changes_nothing(void **state)
{
    (void)state;
    static char text[10000];
    memset(text, 'x', sizeof text - 1);
    put(text, 0600);
    assert_int_not_equal(passwd_set("c", &alice), 0);
    expect(text, 0600);
    assert_int_equal(mkdir("d", 0700), 0);
    assert_int_not_equal(passwd_set("d", &alice), 0);
    assert_int_not_equal(passwd_set("no/such/folder", &alice), 0);
}

/* What a killed writer left behind is nobody's. */
static void an_old_copy_is_in_nobodys_way(void **state)
{
    (void)state;
    put("", 0600);
    int fd = open("c.new", O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "junk", 4), 4);
    close(fd);
    assert_int_equal(passwd_set("c", &alice), 0);
    expect(ALICE, 0600);
}

static void set_once(void *arg)
{
    (void)arg;
    (void)passwd_set("c", &alice);
}

static void every_failed_allocation_leaves_a_whole_file(void **state)
{
    (void)state;
    put("bob:r:" HASH "\n", 0600);
    assert_true(oom_sweep(set_once, NULL) > 1);
    expect("bob:r:" HASH "\n" ALICE, 0600);
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
    (void)unlink("link");
    (void)rmdir("d");
    return chdir("/") == 0 ? rmdir(directory) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_lines_and_the_mode_stay),
        cmocka_unit_test(a_missing_file_is_made),
        cmocka_unit_test(a_link_stays_one),
        cmocka_unit_test(what_cannot_be_done_changes_nothing),
        cmocka_unit_test(an_old_copy_is_in_nobodys_way),
        cmocka_unit_test(every_failed_allocation_leaves_a_whole_file),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
