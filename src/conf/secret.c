#include "conf/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

enum { MODE_OTHERS = 077, MODE_ALL = 07777 };

/* Of anybody else's the mode says nothing: he can change both. */
static bool is_owned_well(const struct stat *st)
{
    return st->st_uid == 0 || st->st_uid == geteuid();
}

static int check(int fd, char why[SECRET_WHY])
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        (void)snprintf(why, SECRET_WHY, "cannot be read: %s", strerror(errno));
    else if (!S_ISREG(st.st_mode))
        (void)snprintf(why, SECRET_WHY, "is not a regular file");
    else if (!is_owned_well(&st))
        (void)snprintf(why, SECRET_WHY,
                       "belongs to user %u; expected root or the user of this "
                       "process, %u",
                       (unsigned)st.st_uid, (unsigned)geteuid());
    else if (st.st_mode & MODE_OTHERS)
        (void)snprintf(why, SECRET_WHY,
                       "has mode %04o: others than its owner may use it; expected 0600",
                       (unsigned)st.st_mode & MODE_ALL);
    else
        return 0;
    return ERR_BADCONF;
}

int secret_open(const char *path, int *fd, char why[SECRET_WHY])
{
    /* what a FIFO or a device would do to us is not waited for */
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (opened < 0) {
        (void)snprintf(why, SECRET_WHY, "cannot be read: %s", strerror(errno));
        return ERR_BADCONF;
    }
    int err = check(opened, why);
    if (err)
        (void)close(opened);
    else
        *fd = opened;
    return err;
}
