/* What is said to be written is on the disk, under its name. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "store/keyfile.h"

static char directory[] = "/tmp/test_keyfile.XXXXXX";
static char path[64], temp[64];

/* In the order in which they come: the file before it gets its name, the directory after that. */
static char synced[8];
static size_t n_synced;
static bool has_bad_disk;

int fsync(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(n_synced < sizeof synced - 1);
    bool is_named = access(temp, F_OK) != 0;
    synced[n_synced++] = S_ISDIR(st.st_mode) ? is_named ? 'D' : 'd' : is_named ? 'F' : 'f';
    return has_bad_disk ? -1 : (int)syscall(SYS_fsync, fd);
}

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/key", directory);
    (void)snprintf(temp, sizeof temp, "%s/key.new", directory);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    return rmdir(directory); /* nothing else is left there */
}

static void assert_content(const char *want)
{
    char got[16] = {0};
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(read(fd, got, sizeof got), (ssize_t)strlen(want));
    assert_string_equal(got, want);
    (void)close(fd);
}

static void the_file_then_its_name(void **state)
{
    (void)state;
    memset(synced, 0, sizeof synced);
    n_synced = 0;
    assert_int_equal(keyfile_write(directory, "key", "first", 5), 0);
    assert_string_equal(synced, "fD");
    assert_content("first");
    assert_int_equal(keyfile_write(directory, "key", "then", 4), 0);
    assert_content("then");
    assert_int_equal(access(temp, F_OK), -1);
}

/* It may be readable by others, or a name for another file. */
static void what_lies_about_is_not_written_into(void **state)
{
    char other[64];
    struct stat st;
    (void)state;
    n_synced = 0;
    (void)snprintf(other, sizeof other, "%s/other", directory);
    int fd = open(other, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_true(fd >= 0);
    assert_int_equal(symlink(other, temp), 0);
    assert_int_equal(keyfile_write(directory, "key", "third", 5), 0);
    assert_content("third");
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 0);
    (void)close(fd);
    assert_int_equal(unlink(other), 0);
}

static void a_disk_that_fails_keeps_the_old_one(void **state)
{
    (void)state;
    n_synced = 0;
    assert_int_equal(keyfile_write(directory, "key", "old", 3), 0);
    has_bad_disk = true;
    assert_int_equal(keyfile_write(directory, "key", "new", 3), ERR_IO);
    has_bad_disk = false;
    assert_content("old");
    assert_int_equal(access(temp, F_OK), -1);
    assert_int_equal(keyfile_write("/does/not/exist", "key", "new", 3), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_file_then_its_name),
        cmocka_unit_test(what_lies_about_is_not_written_into),
        cmocka_unit_test(a_disk_that_fails_keeps_the_old_one),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
