#include "store/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"

enum { OWNER_ONLY = 0600 };

static int fail(const char *what, const char *path)
{
    log_error("%s %s: %s", what, path, strerror(errno));
    return ERR_IO;
}

/* What a stop in the middle has left is nobody's any more. */
static int open_new(const char *path)
{
    if (unlink(path) && errno != ENOENT)
        return -1;
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, OWNER_ONLY);
}

static int write_new(const char *path, const void *bytes, size_t n)
{
    int fd = open_new(path);
    if (fd < 0)
        return fail("cannot make", path);
    ssize_t n_written = write(fd, bytes, n);
    bool is_whole = n_written == (ssize_t)n;
    if (!is_whole && n_written >= 0)
        errno = ENOSPC;
    int err = is_whole && fsync(fd) == 0 ? 0 : fail("cannot write", path);
    (void)close(fd);
    if (err)
        (void)unlink(path);
    return err;
}

/* The new name is on the disk only when the directory is. Some file systems know no such thing. */
static int sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail("cannot open", path);
    int err = fsync(fd) && errno != EINVAL ? fail("cannot write", path) : 0;
    (void)close(fd);
    return err;
}

int keyfile_write(const char *state_dir, const char *name, const void *bytes, size_t n)
{
    char path[PATH_MAX], temp[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", state_dir, name);
    (void)snprintf(temp, sizeof temp, "%s/%s.new", state_dir, name);
    int err = write_new(temp, bytes, n);
    if (err)
        return err;
    if (rename(temp, path) == 0)
        return sync_dir(state_dir);
    err = fail("cannot write", path);
    (void)unlink(temp);
    return err;
}
